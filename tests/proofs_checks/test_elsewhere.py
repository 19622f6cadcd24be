"""`verify` by an executor: the same report, whatever was computed where, and a killed run goes on where it was."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elbogap.proofs_checks import elsewhere
from elbogap.proofs_checks.batch import Batch
from elbogap.proofs_checks.claim import Claim, Control
from elbogap.proofs_checks.elsewhere import judge_elsewhere
from elbogap.proofs_checks.instances import Rows
from elbogap.proofs_checks.laws import FactLaw
from elbogap.proofs_checks.measurements import EFFORTS, Measurements
from elbogap.proofs_checks.verify import verify
from elbogap.shell.executors import Workers


class ByWire:
    """An executor that finishes the last task first, and sends everything as a cluster does."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def map(self, function: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Do the tasks."""
        for index in reversed(range(len(tasks))):
            task = pickle.loads(pickle.dumps(tasks[index]))
            self.sent.append(task.what)
            yield index, pickle.loads(pickle.dumps(function(task)))


class Said(Batch):
    """A batch that is one line."""

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "family", text)


def measured_batch(programs: Any, rng: Any, family: str, d: int, effort: Any) -> Batch:
    """A batch in a line: what a program finds, and a number of its own randomness."""
    found = programs.run(_doubled, np.full(3, float(d)))
    return Said(f"{family} {d}: {found['y'][0]} {rng.uniform()}")


def _doubled(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"y": 2 * x}


def _claim(id: str, *families: str) -> Claim:
    """A claim whose law says which batches it saw, family by family."""

    def laws(measured: Measurements) -> list[FactLaw]:
        seen = [one.family for family in families for one in measured.of_families(family)]
        return [FactLaw(", ".join(seen), Rows(({},)), true=np.array([True]), reason="")]

    def controls(measured: Measurements) -> list[Control]:
        return [Control("no", "false", FactLaw("no", Rows(({},)), true=np.array([False]), reason="no"))]

    return Claim(id, laws=laws, controls=controls)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, Claim]:
    """Three claims on a table of four batches, one of which nobody asks for."""
    claims = {one.id: one for one in (_claim("a", "mlp", "shear"), _claim("b", "linear"), _claim("c"))}
    batches = (("linear", 2), ("shear", 2), ("mlp", 1), ("moebius", 2))
    monkeypatch.setattr(elsewhere, "CLAIMS", claims)
    monkeypatch.setattr(elsewhere, "measure_batch", measured_batch)
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], batches=batches))
    return claims


def test_only_the_batches_that_are_asked_for_are_measured_once(small: dict[str, Claim], tmp_path: Path) -> None:
    """A claim that misses batches is judged again with them; the table is in the order of a local run."""
    wire, said = ByWire(), []
    found = judge_elsewhere(list(small), "quick", 5, wire, tmp_path, said.append)
    assert wire.sent == ["c", "b", "a", ("mlp", 1), ("linear", 2), "b", "a", ("shear", 2), "a"]
    assert len(said) == len(wire.sent)
    assert list(found.table) == [("mlp", 1), ("shear", 2), ("linear", 2)]
    batch = measured_batch(
        elsewhere.Programs(), Measurements(EFFORTS["quick"], 5).rng("gaps", "linear", 2), "linear", 2, None
    )
    assert found.judged["b"].laws[0].name == batch.family
    assert len(found.programs) == 3 and len(list(tmp_path.iterdir())) == 2  # two batches run the same program on d = 2


def test_what_programs_found_is_not_measured_again(
    small: dict[str, Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed finds what was kept: workers are sent it and run no program."""
    first = judge_elsewhere(list(small), "quick", 0, ByWire(), tmp_path, lambda what: None)
    monkeypatch.setattr("elbogap.proofs_checks.programs._machine_code", None)
    again = judge_elsewhere(list(small), "quick", 0, ByWire(), tmp_path, lambda what: None)
    assert [one.laws[0].name for one in again.judged.values()] == [one.laws[0].name for one in first.judged.values()]


@pytest.mark.slow
def test_two_workers_give_the_local_report() -> None:
    """Claims with and without the shared table, judged by two processes: the same document, byte for byte."""
    claims = ["encoder-mean", "contrast", "elbo-limit", "pareto-k"]
    reports = [verify(claims, executor=executor).to_json() for executor in (None, Workers(2))]
    assert reports[0] == reports[1]
