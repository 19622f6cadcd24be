r"""The order eps^2 of log p, ELBO* and gap, as index formulas in the derivatives of a potential V and a log-prior.

F4 is the order-h^4 coefficient of the expected exponent, E2 = F4(m, S) + 1/4 tr(X S X S), L2 the sum of the connected
diagrams of order h^4. Source: claim higher-orders, where both are derived.
"""

from typing import Any

from ..algebra.diagrams import connected_diagrams
from ..algebra.indices import formula
from .general import CURVATURE, with_inverses, with_mean_shift

SECOND_VARIATION = formula(
    "F4",
    cubic="-1/6 V3_abc m_a m_b m_c",
    quartic="-1/4 V4_abcd m_a m_b Q_cd",
    quintic="-1/8 V5_abcde m_a Q_bc Q_de",
    sextic="-1/48 V6_abcdef Q_ab Q_cd Q_ef",
    prior_second="1/2 l2_ab m_a m_b",
    prior_third="1/2 l3_abc m_a Q_bc",
    prior_fourth="1/8 l4_abcd Q_ab Q_cd",
)


ELBO_SECOND = formula(
    "E2",
    cubic="-1/6 V3_abc m_a m_b m_c",
    quartic="-1/4 V4_abcd m_a m_b S_cd",
    quintic="-1/8 V5_abcde m_a S_bc S_de",
    sextic="-1/48 V6_abcdef S_ab S_cd S_ef",
    prior_second="1/2 l2_ab m_a m_b",
    prior_third="1/2 l3_abc m_a S_bc",
    prior_fourth="1/8 l4_abcd S_ab S_cd",
    covariance="1/4 X_ab S_bc X_cd S_da",
)


def elbo_second_terms(components: dict[str, Any], blocks: Any) -> dict[str, Any]:
    """Terms of E2 from M, V3..V6, l1..l4 for a block-diagonal encoder."""
    known = with_mean_shift(with_inverses(components, blocks))
    return ELBO_SECOND.evaluate(known | {"X": CURVATURE.total(known) * known["P"]})


def likelihood_second_terms(components: dict[str, Any]) -> dict[str, Any]:
    """Terms of L2, one a connected diagram, from M, V3..V6, l1..l4."""
    return connected_diagrams("L2", 4).evaluate(with_inverses(components, None))
