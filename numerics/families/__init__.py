"""Decoder families: frozen `eqx.Module`s drawn valid by construction, and their registry."""
