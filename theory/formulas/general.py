r"""The general theorem as index formulas in the derivatives of a potential V and a log-prior ell.

Joint density: ``p(x, z) = C(x, eps) exp(-V(z)/eps + ell(z))``, g the minimiser of V, M = Hess V(g), V3 and
V4 its third and fourth derivatives at g, l1 and l2 gradient and Hessian of ell at g. The encoder is
Gaussian with a block-diagonal covariance; S = blockdiag((M_BB)^-1) (singletons: mean field, one block:
full). N stands for M^-1 and Q for S or N.

    b_a(Q) force on the mean, e(Q) expected second-order term, m = N b(S), T = -S X S in each block,
    E1 = e(S) + 1/2 b(S).m,   L1 = e(N) + 1/2 b(N)'N b(N) + 1/12 V3 V3 N N N,   a1 = L1 - E1.

Source: claim general-limit, where they are derived.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.indices import Formula, formula
from ..algebra.tensors import block_inverse, determinant, normal_blocks, same_block, scaled_inverse

FORCE = formula("b_a", prior="l1_a", skewness="-1/2 V3_abc Q_bc")
MEAN_SHIFT = formula("m_a", prior="N_ab l1_b", skewness="-1/2 N_ab V3_bcd S_cd")
CURVATURE = formula("X_ab", mean_shift="V3_abc m_c", quartic="1/2 V4_abcd S_cd", prior="-l2_ab")
COVARIANCE_CORRECTION = formula(
    "t_ad",
    mean_shift="-P_ad S_ab V3_bce m_e S_cd",
    quartic="-1/2 P_ad S_ab V4_bcef S_ef S_cd",
    prior="P_ad S_ab l2_bc S_cd",
)
ELBO_SLOPE = formula("E1", prior_curvature="1/2 l2_ab S_ab", quartic="-1/8 V4_abcd S_ab S_cd", mean_shift="1/2 b_a m_a")
LIKELIHOOD_SLOPE = formula(
    "L1",
    prior_curvature="1/2 l2_ab N_ab",
    quartic="-1/8 V4_abcd N_ab N_cd",
    mean_shift="1/2 b_a N_ab b_b",
    skewness="1/12 V3_abc V3_def N_ad N_be N_cf",
)


def gap_terms(likelihood: Mapping[str, Any], elbo: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a1 = L1 - E1, named ``likelihood_...`` and ``elbo_...`` (these with their minus sign)."""
    return {f"likelihood_{name}": value for name, value in likelihood.items()} | {
        f"elbo_{name}": -value for name, value in elbo.items()
    }


def with_inverses(components: Mapping[str, Any], blocks: Sequence[Sequence[int]] | None) -> dict[str, Any]:
    """Add N = M^-1, S, P (unexpanded adjugates over determinants) to components that contain M."""
    matrix = components["M"]
    return dict(components) | {
        "N": scaled_inverse(matrix),
        "S": block_inverse(matrix, blocks),
        "P": same_block(matrix.shape[0], blocks),
    }


def with_mean_shift(components: Mapping[str, Any]) -> dict[str, Any]:
    """Add the force b(S) and the mean shift m = N b(S)."""
    force = FORCE.total(dict(components) | {"Q": components["S"]})
    return dict(components) | {"b": force, "m": MEAN_SHIFT.total(components)}


def elbo_slope_terms(components: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of E1 from V3, V4, l1, l2, S and N."""
    return ELBO_SLOPE.evaluate(with_mean_shift(components))


def likelihood_slope_terms(components: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of L1 from V3, V4, l1, l2 and N."""
    force = FORCE.total(dict(components) | {"Q": components["N"]})
    return LIKELIHOOD_SLOPE.evaluate(dict(components) | {"b": force})


def contrast_terms(matrix: np.ndarray, blocks: Sequence[Sequence[int]] | None) -> dict[str, sp.Expr]:
    """1/2 sum_B log det M_BB - 1/2 log det M: the limit of the gap for a block-diagonal encoder."""
    partition = normal_blocks(matrix.shape[0], blocks)
    half = sp.Rational(1, 2)
    encoder = sum(sp.log(determinant(matrix[np.ix_(block, block)])) for block in partition)
    return {"encoder": half * encoder, "posterior": -half * sp.log(determinant(matrix))}


FORMULAS: tuple[Formula, ...] = (
    FORCE,
    MEAN_SHIFT,
    CURVATURE,
    COVARIANCE_CORRECTION,
    ELBO_SLOPE,
    LIKELIHOOD_SLOPE,
)
