"""The checker: what a derivation is, when a step counts as proved, and within which time."""
