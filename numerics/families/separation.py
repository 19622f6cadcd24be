"""Global bounds |f(z) - f(g)|^2 >= kappa min(|z - g|^2, rho^2) for all z in R^d: how well f tells points apart.

With V = |f - x|^2 / 2 and x = f(g) this is the separation that the limit theorems ask for (`numerics.conditions`). The
bounds are consequences of the formulas of the families, by hand:

linear      kappa = sigma_min(W)^2, rho = inf
mlp         kappa = (product of sigma_min(W_i) and of the least slope of the activations)^2, rho = inf
shear       with y = z + p(z_d): |y - y'| <= 1 gives |z - z'| <= Lambda |y - y'|, Lambda = 1 + the largest |p'| within 1
            of g_d; else |y - y'| > 1: kappa = (sigma_min(M) / Lambda)^2, rho = Lambda
cubic       |f'| >= |m| / 2: kappa = m^2 / 4, rho = inf
Moebius     |f(z) - f(g)| = s t / (|u| |v|), t = |z-g|, u = z - a, v = g - a, is at least s t / (|v| (|v| + t)), which
            grows with t; within the unit ball around the pole it is at least s (1 - 1/|v|), more than that for
            |v| >= 2: kappa = (s / (|v| (|v| + 1)))^2, rho = 1
"""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from .linear import Linear
from .mlp import SmoothMLP
from .moebius import Moebius, MoebiusLinear
from .monotone import MINIMAL_SLOPE
from .shear import Cubic, Shear

_FAR = 2.0
"""Least distance of g from a pole for which the bound of the Moebius maps is shown."""


class Separation(NamedTuple):
    """kappa and rho of |f(z) - f(g)|^2 >= kappa min(|z - g|^2, rho^2)."""

    kappa: float
    rho: float = np.inf


@singledispatch
def separation(decoder: Any, point: np.ndarray) -> Separation | None:
    """The bound at g = point (d,); None for a decoder or a point for which none is known."""
    return None


def _smallest(matrix: Any) -> float:
    return float(np.linalg.svd(np.asarray(matrix), compute_uv=False)[-1])


@separation.register
def _(decoder: Linear, point: np.ndarray) -> Separation:
    return Separation(_smallest(decoder.matrix) ** 2)


@separation.register
def _(decoder: SmoothMLP, point: np.ndarray) -> Separation:
    layers = np.prod([_smallest(weight) for weight in decoder.weights])
    return Separation(float(layers * MINIMAL_SLOPE ** len(decoder.biases)) ** 2)


@separation.register
def _(decoder: Shear, point: np.ndarray) -> Separation:
    quadratic, cubic, reach = np.asarray(decoder.quadratic), np.asarray(decoder.cubic), abs(float(point[-1])) + 1.0
    # |p'(t)| <= 2 |q| t + 3 |r| t^2 in each row, for |t| <= reach
    steepest = 1.0 + float(np.linalg.norm(2 * np.abs(quadratic) * reach + 3 * np.abs(cubic) * reach**2))
    return Separation((_smallest(decoder.matrix) / steepest) ** 2, steepest)


@separation.register
def _(decoder: Cubic, point: np.ndarray) -> Separation:
    return Separation(float(np.asarray(decoder.slope)) ** 2 / 4)


@separation.register
def _(decoder: Moebius, point: np.ndarray) -> Separation | None:
    distance = float(np.linalg.norm(np.asarray(point) - np.asarray(decoder.pole)))
    if distance < _FAR:
        return None
    return Separation((float(np.asarray(decoder.scale)) / (distance * (distance + 1.0))) ** 2, 1.0)


@separation.register
def _(decoder: MoebiusLinear, point: np.ndarray) -> Separation | None:
    found = separation(decoder.moebius, point)
    return None if found is None else found._replace(kappa=found.kappa * _smallest(decoder.matrix) ** 2)
