"""Decoders drawn at random, valid by construction, and the registry that lists them.

A decoder is a frozen `equinox.Module` with `__call__`: z (d,) -> x (D,) and, where it has one, `inverse`. Its
parameters are NumPy arrays, so drawing compiles nothing, and all members of one family in one dimension have
the same tree structure and shapes, so that they can be stacked and mapped over by one compiled program.
"""
