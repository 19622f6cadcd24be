"""Gaps of special decoders and priors, to which no general quadrature is needed: one latent, folds, kinks, shears."""
