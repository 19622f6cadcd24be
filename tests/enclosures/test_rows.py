"""Enclosed evidence of the other claims: each row holds, rejects its controls, and would notice a false prediction."""

import pytest
from elbogap.enclosures.rows import ROWS, Row, evidence_of
from flint import arb, fmpq


@pytest.mark.parametrize("claim", sorted(ROWS))
def test_every_row_holds_and_rejects_its_controls(claim: str) -> None:
    """The statements of the row hold, with intervals, and every false reading is excluded by one."""
    found = evidence_of(claim)
    assert found.verdict == "holds"
    assert found.instances and all(instance.interval.startswith("[") for instance in found.instances)
    assert found.controls and all(control.rejected for control in found.controls)
    names = [control.id for control in found.controls]
    assert len(set(names)) == len(names) and all(name.startswith("enclosed-") for name in names)


def test_a_false_prediction_or_a_standing_control_fails() -> None:
    """A quantity away from its prediction, and a control that the interval does not exclude, make the row fail."""
    wrong = Row()
    wrong.near("a quantity", arb(1), arb(2), arb(fmpq(1, 2)))
    assert wrong.evidence().verdict == "fails"
    standing = Row()
    standing.near("a quantity", arb(1), arb(1), arb(fmpq(1, 2)))
    assert standing.evidence().verdict == "holds"
    standing.excluded("same", "the same number", arb(1), arb(1))
    assert standing.evidence().verdict == "fails"


def test_claims_without_a_row_are_refused() -> None:
    """A claim that has no enclosed evidence raises ValueError."""
    with pytest.raises(ValueError, match="no enclosed evidence for 'ppca'"):
        evidence_of("ppca")
