"""The account of a decoder of your own: what the theorem says about it. On numerics."""
