"""Batches of runs: kept, read again, and computed elsewhere with the same rows."""

import pickle
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elbogap.training.experiments import MODULES, experiment
from elbogap.training.experiments.runs import Asked, Batches, Rows


class _Sent(Exception):
    """Raised when all tasks were sent."""


class Sends:
    """An executor that sends tasks, and computes none."""

    def map(self, function: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Send every task there and back."""
        for task in tasks:
            pickle.loads(pickle.dumps((function, task)))
        raise _Sent(len(tasks))
        yield


@pytest.mark.parametrize("name", MODULES)
def test_the_batches_of_every_experiment_can_be_sent(name: str) -> None:
    """Each recorded experiment asks for all of its batches at once, in a form that a worker can be given."""
    module = experiment(name)
    batches = Batches(name, module.batch_count("quick"), executor=Sends(), notify=lambda *said: None)
    with pytest.raises(_Sent) as sent:
        module.compute("quick", 0, batches)
    assert sent.value.args == (module.batch_count("quick"),)


def rows_of(number: int, log: str) -> Rows:
    """A batch of two rows."""
    with open(log, "a") as stream:
        stream.write(f"{number}\n")
    return [{"batch": number, "row": row, "value": number / 7 + row} for row in range(2)]


class Backwards:
    """An executor that finishes the last task first."""

    def map(self, function: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Compute a copy of each task."""
        for index in reversed(range(len(tasks))):
            yield index, pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(tasks[index])))


def test_rows_do_not_depend_on_where_they_are_computed(tmp_path: Path) -> None:
    """One after the other, elsewhere in another order, or read where they are kept: the same rows in the same order."""
    log = tmp_path / "log"
    asked = [Asked(f"batch {k}", {"number": k}, partial(rows_of, k, str(log))) for k in range(3)]
    said: list[Any] = []
    alone = Batches("e", 3)
    apart = [row for batch in asked for row in alone.run(*batch)]
    elsewhere = Batches("e", 3, tmp_path / "kept", lambda *what: said.append(what), executor=Backwards())
    assert elsewhere.run_all(asked) == apart and len(apart) == 6
    assert said == [(0, 3, "e: batch 0"), (1, 3, "e: batch 0"), (2, 3, "e: batch 0")] and elsewhere.done == 3
    assert log.read_text().split() == ["0", "1", "2", "2", "1", "0"]
    assert Batches("e", 3, tmp_path / "kept").run_all(asked) == apart
    other = [Asked(batch.name, {"number": -1}, batch.compute) for batch in asked]
    Batches("e", 3, tmp_path / "kept").run_all(other)
    assert log.read_text().split()[6:] == ["0", "1", "2"], "expected a kept batch of other parameters to be left alone"
