"""Decoders drawn at random, valid by construction, and the registry that lists them.

A decoder is a frozen `equinox.Module` with `__call__`: z (d,) -> x (D,) and, where it has one, `inverse`. Its
parameters are NumPy arrays, so drawing compiles nothing, and all members of one family in one dimension have
the same tree structure and shapes, so that they can be stacked and mapped over by one compiled program.

    from elbogap.numerics.families import FAMILIES, Moebius
"""

from .automorphisms import Composition, Rotation, Swirl
from .darmois import Darmois
from .decoder import Decoder
from .folds import CubicFold, Squared
from .kinked import LeakyReLU
from .linear import Linear
from .mlp import SmoothMLP
from .moebius import Moebius, MoebiusLinear
from .plane import ComplexQuadratic, Polar
from .registry import CORE, FAMILIES, Family
from .shear import Cubic, Shear
from .surfaces import Surface

__all__ = [
    "CORE",
    "FAMILIES",
    "ComplexQuadratic",
    "Composition",
    "Cubic",
    "CubicFold",
    "Darmois",
    "Decoder",
    "Family",
    "LeakyReLU",
    "Linear",
    "Moebius",
    "MoebiusLinear",
    "Polar",
    "Rotation",
    "Shear",
    "SmoothMLP",
    "Squared",
    "Surface",
    "Swirl",
]
