"""One derivation a claim, each in the file named by its slug."""
