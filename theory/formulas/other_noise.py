r"""Potentials of other likelihoods, as index formulas: off the manifold, and exponential families.

Off the manifold (x = f(g) + nu, J'nu = 0): M = J'J - nu.H, V3 and V4 lose nu.T and nu.U (U: fourth derivatives of f).
Exponential families, eps = 1/n: V = -(t.f - sum Psi(f)), M = J' Psi'' J - (t - Psi').H, nu = t - Psi'.
Source: claims rectangular and exponential-family, where they are derived.
"""

from ..algebra.indices import formula
from .gaussian import POTENTIAL_FOURTH, POTENTIAL_THIRD

RESIDUAL_SECOND = formula("M_ab", metric="J_ia J_ib", residual="-nu_i H_iab")
RESIDUAL_THIRD = POTENTIAL_THIRD.plus(residual="-nu_i T_iabc")
RESIDUAL_FOURTH = POTENTIAL_FOURTH.plus(residual="-nu_i U_iabcd")
FAMILY_SECOND = formula("M_ab", fisher="psi2_i J_ia J_ib", residual="-nu_i H_iab")
FAMILY_THIRD = formula(
    "V3_abc",
    skewness="psi3_i J_ia J_ib J_ic",
    ab="psi2_i J_ic H_iab",
    ac="psi2_i J_ib H_iac",
    bc="psi2_i J_ia H_ibc",
    residual="-nu_i T_iabc",
)
FAMILY_FOURTH = formula(
    "V4_abcd",
    kurtosis="psi4_i J_ia J_ib J_ic J_id",
    ab="psi3_i H_iab J_ic J_id",
    ac="psi3_i H_iac J_ib J_id",
    ad="psi3_i H_iad J_ib J_ic",
    bc="psi3_i H_ibc J_ia J_id",
    bd="psi3_i H_ibd J_ia J_ic",
    cd="psi3_i H_icd J_ia J_ib",
    ab_cd="psi2_i H_iab H_icd",
    ac_bd="psi2_i H_iac H_ibd",
    ad_bc="psi2_i H_iad H_ibc",
    a="psi2_i J_ia T_ibcd",
    b="psi2_i J_ib T_iacd",
    c="psi2_i J_ic T_iabd",
    d="psi2_i J_id T_iabc",
    residual="-nu_i U_iabcd",
)
RESIDUAL, FAMILY = (RESIDUAL_SECOND, RESIDUAL_THIRD, RESIDUAL_FOURTH), (FAMILY_SECOND, FAMILY_THIRD, FAMILY_FOURTH)
"""The second, third and fourth derivatives of either potential."""
