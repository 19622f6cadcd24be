r"""Claim exponential-family: binomial, Poisson and other exponential families, eps = 1/n.

V = -(t.f - sum Psi(f)), M = J' Psi'' J - (t - Psi').H: on the manifold the metric is Fisher's. Source: new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import independent
from ..formulas.other_noise import FAMILY
from ..proof.derivation import Derivation, Shown, Step, argued
from ..steps.other_noise import SHAPES, decoder_ring, displacements, orders


def _family(shape: tuple[int, int]) -> list[Any]:
    """Orders 2, 3 and 4 in w of sum Psi(f) - t.f with t = Psi' + nu, from the Taylor polynomials of f and Psi."""
    _, known = decoder_ring(*shape)
    first, second, third, fourth = displacements(*shape)
    nu, half = known["nu"], sp.QQ(1, 2)
    quadratic = sum(known["psi2"] * first * first) * half - nu @ second
    cubic = sum(known["psi2"] * first * second) + sum(known["psi3"] * first**3) * sp.QQ(1, 6) - nu @ third
    quartic = sum(known["psi2"] * (second * second * half + first * third)) - nu @ fourth
    quartic += sum(known["psi3"] * first**2 * second) * half + sum(known["psi4"] * first**4) * sp.QQ(1, 24)
    return [quadratic, cubic, quartic]


def exponential_family() -> Derivation:
    """The derivation of exponential-family."""
    f, _t = sp.symbols("f t", real=True)
    bernoulli, poisson = sp.log(1 + sp.exp(f)), sp.exp(f)
    chance = sp.exp(f) / (1 + sp.exp(f))
    n, mean_count = sp.Symbol("n", integer=True, nonnegative=True), sp.Symbol("mu", positive=True)

    def expected(statistic: sp.Expr) -> sp.Expr:
        return sp.summation(statistic * mean_count**n / sp.factorial(n), (n, 0, sp.oo)) * sp.exp(-mean_count)

    jacobian, fisher = independent("J", (2, 2)), np.array(sp.symbols("psi2_:2", positive=True), dtype=object)
    mean = np.diag(fisher) @ jacobian
    steps = (
        Step(
            Shown(
                lambda: {shape: _family(shape) for shape in SHAPES},
                r"\textstyle\sum\Psi(f(g+w)) - t\cdot f(g+w),\ \text{orders } 2, 3, 4,\; t = \Psi' + \nu",
            ),
            Shown(
                lambda: {shape: orders(FAMILY, shape) for shape in SHAPES},
                r"\tfrac12 M(w,w),\ \tfrac16 V^{(3)}(w,w,w),\ \tfrac1{24} V^{(4)}(w,w,w,w)",
            ),
            f"Taylor expansion of f and Psi: {FAMILY[0].text()}; {FAMILY[1].text()}; V4 likewise",
            ("g is stationary: J'nu = 0",),
        ),
        Step(
            Shown(
                [sp.diff(bernoulli, f), sp.diff(bernoulli, f, 2)], r"\Psi', \Psi''\ \text{for}\ \Psi = \log(1 + e^f)"
            ),
            Shown([chance, chance * (1 - chance)], r"p,\ p(1-p),\; p = 1/(1+e^{-f})"),
            "Bernoulli and binomial: mean and variance of t",
        ),
        Step(
            Shown(
                lambda: [expected(n), expected(n**2) - mean_count**2],
                r"E t,\ \operatorname{Var} t\ \text{for Poisson},\; \Psi = e^f",
            ),
            Shown([sp.diff(poisson, f, k).subs(f, sp.log(mean_count)) for k in (1, 2)], r"\Psi',\ \Psi''"),
            "the derivative of the log-partition function is the mean, the second the variance, so F = Psi'' is the "
            "Fisher information of t "
            "in f",
        ),
        Step(
            Shown(mean.T @ np.diag(1 / fisher) @ mean, r"K^\top F^{-1} K,\; K = F J"),
            Shown(jacobian.T @ np.diag(fisher) @ jacobian, r"J^\top F J"),
            "mean parametrisation: K is the Jacobian of the mean, and the metric is the Fisher metric in either form",
        ),
        argued(
            "general theorem",
            "With eps = 1/n the density is C exp(-V/eps + ell); the base measure joins C. The general theorem gives "
            "the contrast of M = J'FJ "
            "(attained mean) and the rate 1/n.",
            "t is the mean at g, or g is the unique minimiser of V with M positive definite",
        ),
    )
    return Derivation("exponential-family", "binomial, Poisson and other exponential families", steps)
