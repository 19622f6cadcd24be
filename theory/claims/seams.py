r"""Claim seams: orthogonal columns whose lengths depend on their own latent alone, and what the ELBO sees of that.

C1: J'J = diag(a) at every z. C2: a_k depends on z_k alone. C1 and C2 iff f o h^-1 is a local isometry, h_k' =
a_k^(1/2); then the log-density on the manifold is a sum of functions of one latent. C1 alone (the IMA class) is
weaker, its gap tends to zero all the same, but

    gap = eps [3/16 sum_k (d_k a_k)^2/a_k^3 + 1/16 sum_{j != k} (d_j a_k)^2/(a_k^2 a_j)] + O(eps^2),

whose second sum is zero iff C2 holds. Source: Allen 2024 (arXiv 2410.22559) for the two conditions, as a public
review quotes them; Gresele et al. 2021 (arXiv 2106.05200) for C1; the slope of the gap is new here.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import in_ring
from ..algebra.tensors import independent, symmetric
from ..formulas.gaussian import POTENTIAL_THIRD
from ..proof.derivation import Derivation, Shown, Step, argued

OWN, MIXED = sp.symbols("own mixed", nonnegative=True)
SLOPE = sp.Rational(3, 16) * OWN + MIXED / 16
"""own = sum_k (d_k a_k)^2/a_k^3, mixed = sum_{j != k} (d_j a_k)^2/(a_k^2 a_j)."""


@cache
def _metric_derivatives(d: int) -> tuple[Any, Any]:
    """V3 = sym of J_a.H_bc, and half the sum of d_c A_ab, d_a A_bc, d_b A_ac; D = d."""
    _, known = in_ring({"J": independent("J", (d, d)), "H": symmetric("H", d, 2, lead=d)})
    J, H = known["J"], known["H"]
    dA = np.einsum("iac,ib->abc", H, J) + np.einsum("ia,ibc->abc", J, H)
    total = dA + np.moveaxis(dA, 0, 2) + np.moveaxis(dA, 2, 0)
    return POTENTIAL_THIRD.total(known), total * sp.QQ(1, 2)


@cache
def _slope(d: int) -> tuple[Any, Any]:
    """V3_abc^2/(12 a_a a_b a_c) for a diagonal metric with d_j a_k = X_kj, and the two sums."""
    a = sp.symbols(f"a_:{d}", positive=True)
    X = [[sp.Symbol(f"X_{k}{j}", real=True) for j in range(d)] for k in range(d)]

    def derivative(i: int, j: int, k: int) -> Any:
        return X[i][k] if i == j else sp.Integer(0)

    left = sp.Integer(0)
    for i, j, k in np.ndindex(d, d, d):
        third = (derivative(i, j, k) + derivative(j, k, i) + derivative(i, k, j)) / 2
        left += third**2 / (12 * a[i] * a[j] * a[k])
    own = sum(X[k][k] ** 2 / a[k] ** 3 for k in range(d))
    mixed = sum(X[k][j] ** 2 / (a[k] ** 2 * a[j]) for k in range(d) for j in range(d) if j != k)
    return left, SLOPE.subs({OWN: own, MIXED: mixed})


def _isometry() -> tuple[Any, Any]:
    """The metric of f o h^-1, d = 2: D' diag(a) D with D = diag(1/h'), h_k' = a_k^(1/2)."""
    a = sp.symbols("a_:2", positive=True)
    D = np.diag([1 / sp.sqrt(one) for one in a])
    return D.T @ np.diag(a) @ D, np.diag([sp.Integer(1), sp.Integer(1)])


def seams() -> Derivation:
    """The derivation of claim seams."""
    isometry = _isometry()
    steps = (
        Step(
            Shown(isometry[0], r"\text{metric of } f\circ h^{-1},\; h_k' = \sqrt{a_k(z_k)}"),
            Shown(isometry[1], "I"),
            "C1 and C2: h is defined coordinate by coordinate, and f o h^-1 is a local isometry; the converse likewise",
        ),
        argued(
            "rigidity",
            "A local isometry between open sets of R^d is affine with an orthogonal matrix (Liouville): f = Q h(z) + b "
            "for D = d. Then log p0 - 1/2 log det A = sum_k [log p0_k(z_k) - log h_k'(z_k)], and linear ICA identifies "
            "the latents if at most one h_k(z_k) is Gaussian (Horan et al. 2021, by its abstract).",
            "connected domain",
        ),
        Step(
            Shown(lambda: {d: _metric_derivatives(d)[0] for d in (1, 2)}, r"V^{(3)}_{abc}"),
            Shown(
                lambda: {d: _metric_derivatives(d)[1] for d in (1, 2)},
                r"\tfrac12(\partial_c A_{ab} + \partial_a A_{bc} + \partial_b A_{ac})",
            ),
            "on the manifold the third derivatives of the potential are those of the metric, symmetrised",
        ),
        Step(
            Shown(
                lambda: {d: _slope(d)[0] for d in (1, 2, 3)},
                r"\tfrac1{12}\textstyle\sum_{abc}(V^{(3)}_{abc})^2/(a_aa_ba_c)",
            ),
            Shown(
                lambda: {d: _slope(d)[1] for d in (1, 2, 3)},
                r"\tfrac3{16}\sum_k \frac{(\partial_ka_k)^2}{a_k^3} + \tfrac1{16}\sum_{j\ne k}"
                r"\frac{(\partial_ja_k)^2}{a_k^2a_j}",
            ),
            "C1: the mean-field and the full encoder have the same slope a1 (claim block-encoder), which is this",
        ),
    )
    return Derivation("seams", "orthogonal columns, local isometries, and what the ELBO sees of them", steps)
