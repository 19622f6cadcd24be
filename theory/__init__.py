"""The mathematics, as SymPy: what is claimed and why. Imports neither jax nor `elbogap.numerics`."""
