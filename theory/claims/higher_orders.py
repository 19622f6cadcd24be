r"""Claim higher-orders: a2 = L2 - E2 in closed form for any d, and odd orders of h that vanish.

log p: L2 is the sum of the connected diagrams of order h^4, proved equal to the logarithm of the expanded integral (d
= 1, 2). ELBO: with F_4 the order-h^4 coefficient of the expected exponent, the optimum m = m_0 + eps m_1, Q = S + eps
T gives

    E2 = F_4(m, S) + 1/4 tr(X S X S)   (X within the encoder's blocks, m = m_0):

m_1 drops out because F_2 is stationary in m, and T = -S X S is known: first-order m and Q suffice at order eps^2 (2n
+ 1 rule). Source: new here.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.diagrams import connected_diagrams
from ..algebra.gaussian_moments import in_ring
from ..algebra.indices import formula
from ..algebra.tensors import same_block, symmetric
from ..formulas.second_order import SECOND_VARIATION
from ..proof.derivation import Bound, Derivation, Shown, Step, argued
from ..steps.encoder import FAMILIES, elbo_coefficients, encoder_ring
from ..steps.likelihood import log_evidence_coefficients, potential_ring

DIMENSIONS = (1, 2)


@cache
def _optimum_ring(name: str) -> tuple[Any, dict[str, Any]]:
    """Independent symbols for S, its blockwise inverse's product with X, and the correction T."""
    d, blocks = FAMILIES[name]
    mask = same_block(d, blocks)
    return in_ring({"X": symmetric("X", d, 2) * mask, "S": symmetric("S", d, 2) * mask})


def _optimum(name: str) -> tuple[Any, Any]:
    """The part of order eps^2 that depends on Q, -1/2 X.T - 1/4 tr(S^-1 T S^-1 T), at T = -S X S."""
    _, known = _optimum_ring(name)
    x, s = known["X"], known["S"]
    correction = (s @ x @ s) * -1
    inverse_times_correction = (x @ s) * -1  # S^-1 T
    first = np.trace(x @ correction) * sp.QQ(-1, 2)
    second = np.trace(inverse_times_correction @ inverse_times_correction) * sp.QQ(-1, 4)
    return first + second, formula("E2", covariance="1/4 X_ab S_bc X_cd S_da").total(known)


def _log_determinant(d: int) -> tuple[Any, Any]:
    """Order t^2 of log det(I + t Y): from the elementary symmetric functions, and -1/2 tr Y^2."""
    _, known = in_ring({"Y": symmetric("Y", d, 2)})
    matrix = known["Y"]
    trace = np.trace(matrix)
    minors = sum(matrix[i, i] * matrix[j, j] - matrix[i, j] ** 2 for i in range(d) for j in range(i + 1, d))
    return trace * trace * sp.QQ(-1, 2) + minors, np.trace(matrix @ matrix) * sp.QQ(-1, 2)


def higher_orders() -> Derivation:
    """Order eps^2 as a derivation."""
    odd = {(d, n): (d, n) for d in DIMENSIONS for n in (1, 3, 5)}
    steps = (
        Step(
            Shown(
                lambda: {k: log_evidence_coefficients(d, 5)[n] for k, (d, n) in odd.items()},
                r"[h^{1,3,5}] \log E\, e^{\sum_n h^n P_n}",
            ),
            Shown(lambda: {k: potential_ring(d, 5)[0].zero for k, (d, _) in odd.items()}, "0"),
            "odd orders of h vanish in log p, up to h^5",
        ),
        Step(
            Shown(
                lambda: {d: log_evidence_coefficients(d, 2)[2] for d in (1, 2, 3)}, r"[h^2] \log E\, e^{\sum_n h^n P_n}"
            ),
            {d: Bound(connected_diagrams("L1", 2), potential_ring(d)[1]) for d in (1, 2, 3)},
            "linked clusters: order eps again, as the sum of the six connected diagrams",
        ),
        Step(
            Shown(
                lambda: {d: log_evidence_coefficients(d, 4)[4] for d in DIMENSIONS},
                r"[h^4] \log E\, e^{\sum_n h^n P_n} = L_2",
            ),
            {d: Bound(connected_diagrams("L2", 4), potential_ring(d, 4)[1]) for d in DIMENSIONS},
            "linked clusters: order eps^2 is the sum of the 38 connected diagrams, without any logarithm",
        ),
        Step(
            Shown(
                lambda: {k: elbo_coefficients(d, 5)[n] for k, (d, n) in odd.items()},
                r"[h^{1,3,5}]\, E\bigl[-\tfrac12 w^\top M w + \textstyle\sum_n h^n P_n(w)\bigr]",
            ),
            Shown(lambda: {k: encoder_ring(d)[0].zero for k, (d, _) in odd.items()}, "0"),
            "odd orders of h vanish in the ELBO for every m and Q, up to h^5",
        ),
        Step(
            Shown(
                lambda: {d: elbo_coefficients(d, 4)[4] for d in DIMENSIONS},
                r"[h^4]\, E\bigl[-\tfrac12 w^\top M w + \textstyle\sum_n h^n P_n(w)\bigr]",
            ),
            {d: Bound(SECOND_VARIATION, encoder_ring(d)[1]) for d in DIMENSIONS},
            "Isserlis moments up to degree 6",
        ),
        Step(
            Shown(lambda: {d: _log_determinant(d)[0] for d in (1, 2, 3)}, r"[t^2] \log\det(I + t Y)"),
            Shown(lambda: {d: _log_determinant(d)[1] for d in (1, 2, 3)}, r"-\tfrac12 \operatorname{tr} Y^2"),
            "second variation of the entropy, Y = S^-1 T",
        ),
        Step(
            Shown(
                lambda: {name: _optimum(name)[0] for name in FAMILIES},
                r"-\tfrac12 \operatorname{tr}(X T) - \tfrac14 \operatorname{tr}(S^{-1} T S^{-1} T)\ \text{at}\ T = "
                r"-S X S",
            ),
            Shown(lambda: {name: _optimum(name)[1] for name in FAMILIES}, r"\tfrac14 \operatorname{tr}(X S X S)"),
            "value of the quadratic form at its maximum; dF_2/dQ = -X/2 in the blocks",
        ),
        argued(
            "2n + 1 rule",
            "F_2 is stationary in m at m_0, so m_1 enters ELBO* at order eps^3 only, and the dependence of m_0 on Q "
            "likewise. Hence "
            "E2 = F_4(m_0, S) + 1/4 tr(XSXS), and a2 = L2 - E2.",
            "V in C^8 and ell in C^6 near g, so that the remainder is O(eps^3)",
        ),
    )
    return Derivation("higher-orders", "the next order: gap = c + a1 eps + a2 eps^2 + O(eps^3)", steps)
