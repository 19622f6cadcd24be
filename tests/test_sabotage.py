"""The wrong edits of `tests/sabotage` fit the sources that they are made in (running them takes half an hour)."""

import sys
from pathlib import Path

import elbogap
import pytest

sys.path.insert(0, str(Path(__file__).parent / "sabotage"))
from edits import NUMERICS, THEORY, Edit

ROOT = Path(elbogap.__file__).parent


def test_there_are_forty() -> None:
    """Twenty edits in theory and twenty in numerics, all different."""
    assert len(THEORY) == len(NUMERICS) == 20 and len({*THEORY, *NUMERICS}) == 40


@pytest.mark.parametrize("edit", [*THEORY, *NUMERICS], ids=lambda edit: edit.file)
def test_an_edit_finds_its_place_once(edit: Edit) -> None:
    """What an edit replaces occurs exactly once, and is replaced by something else."""
    assert (ROOT / edit.file).read_text().count(edit.true) == 1 and edit.true != edit.false
