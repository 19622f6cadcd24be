r"""Claim stochastic-cost: the cost of noise in the latents, at a fixed code length, is monotone in the contrast.

b_k = |(JU)_k|^2, U orthogonal, A = J'J. Over sigma with sum_k log sigma_k^2 = log kappa:

    min sum_k sigma_k^2 b_k = d (kappa prod_k b_k)^(1/d) = d (kappa det A)^(1/d) exp(2 c(JU)/d),

least where c(JU) = 0: at the right singular vectors, up to signed permutations. Turning two of them by t adds the
share t^2/d (a_i - a_j)^2/(a_i a_j). Source: Rolinek et al. 2019 (arXiv 1812.06775), as commonly cited, for the
minimisers; the cost as a function of the contrast is new here.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant
from ..formulas.contrast import contrast_of_metric, triangular
from ..proof.derivation import Derivation, Shown, Step, argued

DIM, KAPPA, VOLUME = sp.symbols("d kappa volume", positive=True)
CONTRAST = sp.Symbol("c", nonnegative=True)
COST = DIM * (KAPPA * VOLUME) ** (1 / DIM) * sp.exp(2 * CONTRAST / DIM)
"""The least cost; volume = det A."""


@cache
def _lagrange(d: int) -> tuple[Any, Any]:
    """sum of logarithms, cost and slopes at sigma_k^2 = G/b_k, G = (kappa prod b)^(1/d)."""
    b = sp.symbols(f"b_:{d}", positive=True)
    G = (KAPPA * sp.prod(b)) ** sp.Rational(1, d)
    variances = [G / one for one in b]
    left = [sp.expand_log(sp.log(sp.prod(variances))), sum(s * one for s, one in zip(variances, b, strict=True))]
    left += [s * one - G for s, one in zip(variances, b, strict=True)]
    return left, [sp.log(KAPPA), d * G, *[sp.Integer(0)] * d]


def _lengths(d: int) -> tuple[Any, Any]:
    """log prod A_kk, and log det A + 2 c."""
    metric = triangular(d).T @ triangular(d)
    left = sum(sp.log(one) for one in np.diagonal(metric))
    return left, sp.log(determinant(metric)) + 2 * contrast_of_metric(metric)


def _arithmetic_geometric() -> tuple[Any, Any, Any]:
    """s_0 b_0 + s_1 b_1 >= 2 sqrt(s_0 b_0 s_1 b_1), in u_k = sqrt(s_k b_k)."""
    u, v = sp.symbols("u v", positive=True)
    return u**2 + v**2, 2 * u * v, ((u - v) ** 2,)


def _turned() -> tuple[Any, Any]:
    """[t^0], [t^1], [t^2] of sum log b_k, columns of lengths a_0, a_1 turned by t, d = 2; over the mean of two."""
    t, a = sp.Symbol("tau", real=True), sp.symbols("a_:2", positive=True)
    b = [a[0] * sp.cos(t) ** 2 + a[1] * sp.sin(t) ** 2, a[0] * sp.sin(t) ** 2 + a[1] * sp.cos(t) ** 2]
    share = (sp.log(b[0]) + sp.log(b[1]) - sp.log(a[0]) - sp.log(a[1])) / 2
    left = [sp.diff(share, t, n).subs(t, 0) / sp.factorial(n) for n in range(3)]
    return left, [0, 0, (a[0] - a[1]) ** 2 / (2 * a[0] * a[1])]


def stochastic_cost() -> Derivation:
    """The derivation of claim stochastic-cost."""
    pair, turned = _arithmetic_geometric(), _turned()
    steps = (
        Step(
            Shown(
                lambda: {d: _lagrange(d)[0] for d in (2, 3)},
                r"\sum_k\log\sigma_k^2,\ \sum_k\sigma_k^2b_k,\ \sigma_k^2b_k - G\ \text{at}\ \sigma_k^2 = G/b_k",
            ),
            Shown(
                lambda: {d: _lagrange(d)[1] for d in (2, 3)},
                r"\log\kappa,\ dG,\ 0;\; G = (\kappa\textstyle\prod_k b_k)^{1/d}",
            ),
            "Lagrange: the cost is strictly convex in log sigma_k^2, stationary where all sigma_k^2 b_k are equal",
        ),
        Step(
            Shown(pair[0], r"\sigma_0^2b_0 + \sigma_1^2b_1"),
            Shown(pair[1], r"2\sqrt{\sigma_0^2b_0\,\sigma_1^2b_1}"),
            "arithmetic and geometric mean: a minimum (d = 2; u, v for the square roots)",
            relation=">=",
            certificate=pair[2],
        ),
        Step(
            Shown(lambda: {d: _lengths(d)[0] for d in (1, 2, 3)}, r"\textstyle\sum_k\log A_{kk}"),
            Shown(lambda: {d: _lengths(d)[1] for d in (1, 2, 3)}, r"\log\det A + 2c(A)"),
            "the product of the squared lengths; det (JU)'JU = det A for every U",
        ),
        argued(
            "minimisers",
            "The cost is least iff c(JU) = 0, iff U'AU is diagonal (claim contrast): U holds eigenvectors of J'J, the "
            "right singular vectors of J.",
            "distinct singular values: then U is unique up to signed permutations",
        ),
        Step(
            Shown(turned[0], r"[t^n]\,\tfrac12\sum_k\log(b_k(t)/a_k),\; n = 0, 1, 2"),
            Shown(turned[1], r"0,\ 0,\ (a_0-a_1)^2/(2a_0a_1)"),
            "singular vectors turned by t (d = 2): the log of the cost rises by this times t^2",
        ),
    )
    return Derivation("stochastic-cost", "the cost of noise at a fixed code length is monotone in the contrast", steps)
