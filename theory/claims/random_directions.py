r"""Claim random-directions: the contrast of a random Jacobian with independent isotropic columns in R^D, d <= D.

The squared distance of column k to the span of the k - 1 before it, over its squared length, is Beta((D-k+1)/2,
(k-1)/2), independently:

    E c = 1/2 sum_k [psi(D/2) - psi((D-k+1)/2)],   Var c = 1/4 sum_k [psi'((D-k+1)/2) - psi'(D/2)],   E c ~ d(d-1)/(4D).

Source: Reizinger et al. 2023 (IMA in GPLVMs; twice the mean is in its public code); Ghosh et al. 2023 (arXiv
2312.13438) bound the same contrast; law and variance are new here.
"""

from functools import cache
from typing import Any

import sympy as sp

from ..formulas.closed_forms import mean_contrast, variance_contrast
from ..formulas.contrast import contrast_of_metric, triangular
from ..proof.derivation import Derivation, Shown, Step, argued


@cache
def _beta_logarithm() -> tuple[Any, Any]:
    """d/ds and d^2/ds^2 at 0 of log B(a+s, b)/B(a, b): cumulants of log X for X ~ Beta(a, b)."""
    a, b, s = sp.symbols("alpha kappa tau", positive=True)
    cumulants = sp.loggamma(a + s) + sp.loggamma(a + b) - sp.loggamma(a + b + s) - sp.loggamma(a)
    left = [sp.diff(cumulants, s, n).subs(s, 0) for n in (1, 2)]
    return left, [sp.digamma(a) - sp.digamma(a + b), sp.polygamma(1, a) - sp.polygamma(1, a + b)]


@cache
def _assembled() -> tuple[Any, Any]:
    """-1/2 E log and 1/4 Var log of the Beta variables, summed, for symbolic D and d = 1..4; and the closed forms."""
    data_dim = sp.Symbol("D", positive=True)
    left, right = {}, {}
    for d in (1, 2, 3, 4):
        shapes = [((data_dim - k + 1) / 2, sp.Integer(k - 1) / 2) for k in range(1, d + 1)]
        left[d, "mean"] = -sum(sp.digamma(a) - sp.digamma(a + b) for a, b in shapes) / 2
        left[d, "variance"] = sum(sp.polygamma(1, a) - sp.polygamma(1, a + b) for a, b in shapes) / 4
        right[d, "mean"], right[d, "variance"] = mean_contrast(data_dim, d), variance_contrast(data_dim, d)
    return left, right


@cache
def _asymptotic() -> tuple[Any, Any]:
    """Leading order of the mean for D = 1/t: psi(y) = log y - 1/(2y) + O(y^-2)."""
    t = sp.Symbol("tau", positive=True)
    left, right = {}, {}
    for d in (2, 3, 4):
        terms = [sp.log(1 / (2 * t)) - t - sp.log((1 / t - k + 1) / 2) + 1 / (1 / t - k + 1) for k in range(1, d + 1)]
        left[d] = sp.diff(sp.expand_log(sum(sp.simplify(term) for term in terms) / 2, force=True), t).subs(t, 0)
        right[d] = sp.Rational(d * (d - 1), 4)
    return left, right


def _ratios(d: int) -> list[Any]:
    """log(R_kk^2 / A_kk) of every column."""
    upper = triangular(d)
    return [sp.log(upper[k, k] ** 2) - sp.log((upper.T @ upper)[k, k]) for k in range(d)]


def random_directions() -> Derivation:
    """The derivation of claim random-directions."""
    t = sp.Symbol("tau", real=True)
    steps = (
        Step(
            Shown(
                lambda: {d: contrast_of_metric(triangular(d).T @ triangular(d)) for d in (1, 2, 3)},
                r"c(A),\; A = R^\top R",
            ),
            Shown(lambda: {d: -sum(_ratios(d)) / 2 for d in (1, 2, 3)}, r"-\tfrac12\sum_k \log(R_{kk}^2/A_{kk})"),
            "triangularisation: R_kk is the distance of column k to the span of the columns before it",
        ),
        argued(
            "projection of an isotropic vector",
            "The squared length of the projection of a uniform unit vector of R^D to a fixed subspace of dimension "
            "D-k+1 is "
            "Beta((D-k+1)/2, (k-1)/2), whatever the subspace: the ratios are independent over k and lengths do not "
            "enter.",
            "columns independent, each with an isotropic law",
        ),
        Step(
            Shown(
                lambda: _beta_logarithm()[0],
                r"\partial_s^{1,2} \log\bigl[B(\alpha+s,\kappa)/B(\alpha,\kappa)\bigr]_{s=0}",
            ),
            Shown(
                lambda: _beta_logarithm()[1],
                r"\psi(\alpha) - \psi(\alpha+\kappa),\ \psi'(\alpha) - \psi'(\alpha+\kappa)",
            ),
            "E X^s = B(a+s, b)/B(a, b): mean and variance of the logarithm of a Beta variable",
        ),
        Step(
            Shown(lambda: _assembled()[0], r"-\tfrac12\sum_k E\log X_k,\ \tfrac14\sum_k \operatorname{Var}\log X_k"),
            Shown(
                lambda: _assembled()[1],
                r"\tfrac12\sum_k[\psi(\tfrac D2) - \psi(\tfrac{D-k+1}2)],\ \tfrac14\sum_k[\psi'(\tfrac{D-k+1}2) - "
                r"\psi'(\tfrac D2)]",
            ),
            "sum over the columns, d = 1..4 with symbolic D",
        ),
        Step(
            Shown(
                sp.Integral(-sp.log(1 - t) / 4 - sp.log(1 + t) / 4, (t, -1, 1)),
                r"-\tfrac14\int_{-1}^1 \log(1-\tau^2)\,d\tau",
            ),
            Shown(mean_contrast(sp.Integer(3), 2), r"\tfrac12[\psi(\tfrac32) - \psi(1)] = 1 - \log 2"),
            "check: two uniform directions in space, c = -1/2 log(1 - tau^2), tau = cos(angle) uniform on [-1, 1]",
        ),
        Step(
            Shown(
                lambda: _asymptotic()[0],
                r"\partial_\tau E c\ \text{at}\ \tau = 1/D = 0,\; \psi(y) = \log y - \tfrac1{2y} + O(y^{-2})",
            ),
            Shown(lambda: _asymptotic()[1], r"d(d-1)/4"),
            "asymptotics for D much larger than d: E c ~ d(d-1)/(4D), d = 2, 3, 4",
        ),
    )
    return Derivation("random-directions", "the contrast of random Jacobians", steps)
