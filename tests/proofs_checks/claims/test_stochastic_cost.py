"""The claim `stochastic-cost`: its searches against the definitions."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import stochastic_cost as claim

FOUND = 1e-8
"""The search stops at gradients of 1e-9."""


def test_the_search_is_no_higher_than_any_choice_of_variances() -> None:
    """The least cost is below that of random variances with the same product."""
    rng = np.random.default_rng(1)
    J, kappa = rng.standard_normal((3, 3)), 0.3
    least, b = claim._least(J, kappa), np.sum(J**2, axis=0)
    for _ in range(50):
        y = 0.5 * rng.standard_normal(3)
        assert np.exp(y - y.mean() + np.log(kappa) / 3) @ b >= least * (1 - FOUND)


def test_a_mismatch_of_signed_permutations_is_zero() -> None:
    """Signs and order of columns do not count, a rotation does."""
    rng = np.random.default_rng(2)
    V = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert claim._mismatch(V[:, [2, 0, 1]] * [1, -1, 1], V) == pytest.approx(0, abs=1e-14)
    assert claim._mismatch(np.linalg.qr(rng.standard_normal((3, 3)))[0], V) > 0.05
