"""Trapezoid rule of order 2, and Gauss-Hermite quadrature faster than every power. Davis and Rabinowitz 1984."""

from math import prod

import numpy as np
from elbogap import theorem as th

FUNCTIONS = th.cases(a=[0.5, 1.0, 1.7, 2.0])  # cos(a x), whose integrals are known


def trapezoid(n, a):
    """n panels on [0, 1]."""
    y = np.cos(a * np.linspace(0.0, 1.0, int(n) + 1))
    return (y.sum() - (y[0] + y[-1]) / 2) / n, 1e-15


def hermite(n, a):
    """The error of n Gauss-Hermite nodes for E cos(a u) = exp(-a^2 / 2), u ~ N(0, 1)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(int(n))
    return abs(weights @ np.cos(a * nodes) / np.sqrt(2 * np.pi) - np.exp(-(a**2) / 2)), 2e-15


def derivative_bound(n, a):
    """n! max|f^(2n)| / (2n)!, which falls faster than every power of n."""
    return a ** (2 * n) / prod(range(n + 1, 2 * n + 1))


rules = th.Claim(
    "quadrature",
    "The trapezoid rule has error (f'(1) - f'(0)) h^2 / 12; Gauss-Hermite's falls faster than every power.",
    latex=r"T_h - \int f = \tfrac{h^2}{12}\,(f'(1) - f'(0)) + O(h^4)",
    source="Davis and Rabinowitz 1984",
    over=FUNCTIONS,
    law=[
        th.Converges(trapezoid, along=th.doubling("n", 4, 4096), limit="sin(a)/a", order=-2, spacing=2,
                     constant="-a*sin(a)/12", xlabel="panels", ylabel="|T - integral|"),
        th.Bounded(hermite, above=derivative_bound, along=th.doubling("n", 2, 16)),
    ],
)  # fmt: skip
rules.control("order 1", of=0, order=-1)
rules.control("order 4, as Simpson's", of=0, order=-4)
rules.control("the midpoint rule's constant", of=0, constant="a*sin(a)/24")
rules.control("Gauss-Hermite has order 10", of=1, above=None, below=lambda n, a: hermite(2, a)[0] * (2 / n) ** 10)
