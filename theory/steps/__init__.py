"""Steps that several derivations share, from the joint density to the constants."""
