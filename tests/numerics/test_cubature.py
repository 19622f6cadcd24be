"""The rules of a box integrate polynomials of the degrees that are stated."""

from itertools import product

import numpy as np
import pytest
from elbogap.numerics.cubature import box_rule

ROUND_OFF = 1e-14
"""Sums of some thirty weights of size one."""


def mean(powers: tuple[int, ...]) -> float:
    """The mean of a monomial over [-1, 1]^d."""
    return float(np.prod([0.0 if power % 2 else 1 / (power + 1) for power in powers]))


@pytest.mark.parametrize(("d", "fine", "coarse"), [(1, 17, 9), (2, 7, 5), (3, 7, 5)])
def test_rules_are_exact_up_to_their_degree_and_no_further(d: int, fine: int, coarse: int):
    """Both rules of a box have every monomial of their degree, and miss one of the next even degree."""
    rule = box_rule(d)
    for weights, degree in ((rule.fine, fine), (rule.coarse, coarse)):
        errors = {
            powers: abs(weights @ np.prod(rule.nodes**powers, axis=1) - mean(powers))
            for powers in product(range(degree + 2), repeat=d)
            if sum(powers) <= degree + 1
        }
        assert max(error for powers, error in errors.items() if sum(powers) <= degree) < ROUND_OFF
        assert max(errors.values()) > 1e3 * ROUND_OFF


@pytest.mark.parametrize("d", [2, 3])
def test_fourth_differences_see_the_fourth_order_alone(d: int):
    """What chooses the axis vanishes for cubics and for the fourth powers of the other latents."""
    rule = box_rule(d)
    for powers in product(range(4), repeat=d):
        if sum(powers) <= 3:
            assert np.allclose(rule.differences @ np.prod(rule.nodes**powers, axis=1), 0.0, atol=ROUND_OFF)
    seen = rule.differences @ rule.nodes**4
    assert np.all(np.abs(np.diag(seen)) > 0.1) and np.allclose(seen, np.diag(np.diag(seen)), atol=ROUND_OFF)
