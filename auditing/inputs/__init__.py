"""What users bring: decoders, encoders, data, noise and priors, from Python, files or PyTorch, checked."""
