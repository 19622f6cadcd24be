"""The index calculus: formulas in index notation, tensors of symbols, Gaussian moments, diagrams."""
