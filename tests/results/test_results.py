"""Recorded results: what is written is read again, whole, and every file in the package says how it was made."""

import json
from pathlib import Path

import pytest
from elbogap.errors import RequestError
from elbogap.results import Recorded, Table, names, recorded

EXAMPLE = Recorded(
    experiment="example",
    command="elbogap record example",
    seed=3,
    parameters={"gamma": [1.0, 10.0]},
    tried=4,
    selection="best of 2 by held-out ELBO",
    failures=("seed 2: nan in elbo at step 10",),
    tables={"runs": Table.of([{"seed": 0, "mcc": 0.5}, {"seed": 1, "mcc": 0.75}])},
)


def test_a_result_survives_being_written(tmp_path: Path) -> None:
    """What was recorded is read back equal."""
    EXAMPLE.write(tmp_path)
    again = recorded("example", tmp_path)
    assert again == EXAMPLE
    assert again.tables["runs"].column("mcc").tolist() == [0.5, 0.75]


def test_another_version_is_refused(tmp_path: Path) -> None:
    """A file of another version is one clear line."""
    path = EXAMPLE.write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(RequestError, match="expected version 1, got 99"):
        recorded("example", tmp_path)


def test_an_unknown_result_names_the_known(tmp_path: Path) -> None:
    """A result that does not exist, and a column that does not, are named beside those that do."""
    EXAMPLE.write(tmp_path)
    with pytest.raises(RequestError, match="expected one of example"):
        recorded("other", tmp_path)
    with pytest.raises(KeyError, match="expected one of seed, mcc"):
        EXAMPLE.tables["runs"].column("nothing")


@pytest.mark.parametrize("name", names())
def test_recorded_results_say_how_they_were_made(name: str) -> None:
    """Each recorded result carries its command, versions, number tried, and rows as wide as its columns."""
    result = recorded(name)
    assert result.command.startswith("elbogap ") and result.tried > 0 and result.versions
    assert result.tables and all(table.rows for table in result.tables.values())
    for table in result.tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)
