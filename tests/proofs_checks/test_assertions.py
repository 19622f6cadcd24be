"""`assert_converges`: one call that accepts what is true and says in one line what is not."""

import numpy as np
import pytest
from elbogap.proofs_checks.assertions import Inconclusive
from elbogap.testing import assert_converges

H = 2.0 ** -np.arange(3, 13)
RISING = (np.exp(H) - 1) / H
"""1 + h/2 + O(h^2)."""


def test_a_true_statement_is_accepted_with_and_without_its_constant() -> None:
    """Order, limit and constant of a difference quotient, of one row and of two."""
    assert assert_converges(H, RISING, order=1, limit=1.0).verdict == "holds"
    table = np.stack([RISING, 3 * RISING])
    assert (
        assert_converges(H, table, order=1, limit=np.array([1.0, 3.0]), constant=np.array([0.5, 1.5])).verdict
        == "holds"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"order": 2}, "order 1.000"),
        ({"order": 1, "limit": 1.01}, "limit"),
        ({"order": 1, "constant": 0.6}, "constant 0.5"),
    ],
)
def test_a_false_statement_is_named_by_its_row_where_there_are_several(changes: dict, said: str) -> None:
    """One row needs no number; of two the wrong one is named."""
    changes = {"limit": 1.0} | changes
    with pytest.raises(AssertionError, match=said) as one:
        assert_converges(H, RISING, **changes)
    assert not str(one.value).startswith("row") and "\n" not in str(one.value)
    if "constant" in changes:
        with pytest.raises(AssertionError, match=f"^row 1: .*{said}"):
            assert_converges(H, np.stack([RISING, RISING]), **changes | {"constant": np.array([0.5, 0.6])})


def test_noise_decides_nothing() -> None:
    """Values whose error is larger than what they are to show are inconclusive, not false."""
    with pytest.raises(Inconclusive):
        assert_converges(H, RISING, order=1, limit=1.0, constant=0.5, floor=0.1)
