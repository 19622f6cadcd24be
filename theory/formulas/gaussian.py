r"""Gaussian noise on the manifold: the case of the paper, as index formulas in J, H, T of the decoder.

x = f(g), x given z is N(f(z), eps I), V(z) = |f(z) - x|^2 / 2, A = J'J, B = A^-1, s_k = 1/A_kk, mean-field
encoder. J is (D, d), H (D, d, d), T (D, d, d, d); l1 and l2 are gradient and Hessian of the log-prior at g.

    mu* = g + eps m + O(eps^2),  sigma_k^2 = eps s_k + eps^2 t_k + O(eps^3),
    log p_eps(x) = l0 - 1/2 log det A - (D - d)/2 log(2 pi eps) + eps L1 + O(eps^2),
    ELBO*(x) = log p_eps(x) - c - eps a1 + O(eps^2),  a1 = L1 - E1.

Source: claims encoder-mean (m), encoder-variance (s, t), likelihood-limit (L1), elbo-limit (E1, a1), rectangular
(D > d). K is the inverse Jacobian (D = d).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.indices import formula
from ..algebra.tensors import determinant, scaled_inverse

POTENTIAL_THIRD = formula("V3_abc", ab="J_ic H_iab", ac="J_ib H_iac", bc="J_ia H_ibc")
POTENTIAL_FOURTH = formula(
    "V4_abcd",
    ab_cd="H_iab H_icd",
    ac_bd="H_iac H_ibd",
    ad_bc="H_iad H_ibc",
    a="J_ia T_ibcd",
    b="J_ib T_iacd",
    c="J_ic T_iabd",
    d="J_id T_iabc",
)
FORCE = formula("b_a", prior="l1_a", curvature="-1/2 s_k J_ia H_ikk", mixed="-s_k J_ik H_ika")
MEAN_SHIFT = formula("m_a", prior="B_ab l1_b", curvature="-1/2 s_k B_ab J_ib H_ikk", mixed="-s_k B_ab J_ik H_ikb")
VARIANCE_CORRECTION = formula(
    "t_k",
    mean_shift_own="-2 s_k s_k J_ik H_ikj m_j",
    mean_shift_other="-s_k s_k J_ij H_ikk m_j",
    mixed="-s_k s_k s_l H_ikl H_ikl",
    third_own="-s_k s_k s_l J_ik T_ikll",
    trace="-1/2 s_k s_k s_l H_ikk H_ill",
    third_other="-s_k s_k s_l J_il T_ikkl",
    prior="s_k s_k l2_kk",
)
ELBO_SLOPE = formula(
    "E1",
    curvature_trace="-1/8 s_k s_l H_ikk H_ill",
    curvature_mixed="-1/4 s_k s_l H_ikl H_ikl",
    third_derivatives="-1/2 s_k s_l J_ik T_ikll",
    prior_curvature="1/2 s_k l2_kk",
    mean_shift="1/2 b_a m_a",
)
LIKELIHOOD_FORCE = formula("b_a", prior="l1_a", curvature="-1/2 B_kl J_ia H_ikl", mixed="-B_kl J_ik H_ila")
LIKELIHOOD_SLOPE = formula(
    "L1",
    curvature_trace="-1/8 B_ab B_cd H_iab H_icd",
    curvature_mixed="-1/4 B_ac B_bd H_iab H_icd",
    third_derivatives="-1/2 B_ab B_cd J_ia T_ibcd",
    prior_curvature="1/2 B_ab l2_ab",
    mean_shift="1/2 b_a B_ab b_b",
    skewness="1/12 V3_abc V3_def B_ad B_be B_cf",
)

# The heat equation: p_eps = p * N(0, eps I), so d p_eps / d eps = 1/2 Laplacian(p_eps); phi = log p at x =
# f(z).
DENSITY_GRADIENT = formula("phi1_a", prior="l1_a", volume="-K_ki H_ika")
DENSITY_HESSIAN = formula("phi2_ab", prior="l2_ab", third="-K_ki T_ikab", volume="K_ki H_ila K_lj H_jkb")
HEAT_SLOPE = formula(
    "L1",
    hessian="1/2 K_ai K_bi phi2_ab",
    connection="-1/2 K_bi K_aj H_jbc K_ci phi1_a",
    gradient="1/2 K_ai K_bi phi1_a phi1_b",
)


def with_metric(components: Mapping[str, Any]) -> dict[str, Any]:
    """Add A = J'J, B = A^-1 (adjugate over determinant, unexpanded) and s_k = 1/A_kk to components with J."""
    jacobian = components["J"]
    metric = jacobian.T @ jacobian
    return dict(components) | {"A": metric, "B": scaled_inverse(metric), "s": 1 / np.diagonal(metric)}


def with_mean_shift(components: Mapping[str, Any]) -> dict[str, Any]:
    """Add the force b and the mean shift m = B b of the mean-field encoder."""
    return dict(components) | {"b": FORCE.total(components), "m": MEAN_SHIFT.total(components)}


def elbo_slope_terms(components: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of E1 from J, H, T, l1, l2, B, s."""
    return ELBO_SLOPE.evaluate(with_mean_shift(components))


def likelihood_slope_terms(components: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of L1 from J, H, T, l1, l2, B by Laplace's method."""
    third = POTENTIAL_THIRD.total(components)
    return LIKELIHOOD_SLOPE.evaluate(dict(components) | {"b": LIKELIHOOD_FORCE.total(components), "V3": third})


def heat_slope_terms(components: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of L1 = 1/2 Laplacian(p)/p for a square decoder, from J, H, T, l1, l2 and K = J^-1."""
    known = dict(components)
    known |= {"phi1": DENSITY_GRADIENT.total(known), "phi2": DENSITY_HESSIAN.total(known)}
    return HEAT_SLOPE.evaluate(known)


def contrast_terms(metric: np.ndarray) -> dict[str, sp.Expr]:
    """c = sum_k log |J_k| - 1/2 log det A (claim contrast), the limit of the gap."""
    half = sp.Rational(1, 2)
    return {
        "columns": half * sum(sp.log(entry) for entry in np.diagonal(metric)),
        "volume": -half * sp.log(determinant(metric)),
    }


def likelihood_limit_terms(metric: np.ndarray, data_dim: int, l0: sp.Expr, eps: sp.Expr) -> dict[str, sp.Expr]:
    """l0 - 1/2 log det A - (D - d)/2 log(2 pi eps) (claim likelihood-limit)."""
    half = sp.Rational(1, 2)
    return {
        "prior": l0,
        "volume": -half * sp.log(determinant(metric)),
        "normaliser": -half * (data_dim - metric.shape[0]) * sp.log(2 * sp.pi * eps),
    }


def paper_variance_terms(metric: np.ndarray, l2: np.ndarray, eps: sp.Expr) -> dict[str, Any]:
    """The paper's encoder variance 1 / (A_kk / eps - l2_kk), accurate to Theta(eps^2) (claim encoder-variance)."""
    return {"formula": 1 / (np.diagonal(metric) / eps - np.diagonal(l2))}


def linear_gap_terms(metric: np.ndarray, eps: sp.Expr) -> dict[str, sp.Expr]:
    """1/2 sum_k log(1 + A_kk / eps) - 1/2 log det(I + A / eps), A = W'W: exact at every eps (claim linear-vae)."""
    half = sp.Rational(1, 2)
    scaled = metric / eps + np.array(sp.eye(metric.shape[0]).tolist(), dtype=object)
    return {
        "encoder": half * sum(sp.log(entry) for entry in np.diagonal(scaled)),
        "posterior": -half * sp.log(determinant(scaled)),
    }
