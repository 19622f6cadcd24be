"""The shared table: in which order its batches are measured, and how many at a time."""

import threading
import time

import pytest
from elbogap.proofs_checks import measurements
from elbogap.proofs_checks.batch import Batch
from elbogap.proofs_checks.measurements import Effort, Measurements

BATCHES = (("linear", 1), ("linear", 6), ("mlp", 2), ("mlp", 8), ("linear", 3), ("linear", 8))
MOMENT = 0.02
"""Seconds that a batch is pretended to take: long enough for another thread to begin."""


def test_large_batches_come_first_and_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest begins at once, no two of them overlap, small ones run beside them, each once, whoever asks."""
    begun: list[int] = []
    now: list[int] = []
    beside: set[tuple[int, ...]] = set()
    made: dict[tuple[str, int], Batch] = {}

    def measured(programs, rng, family, d, effort):
        begun.append(d)
        now.append(d)
        beside.add(tuple(sorted(now)))
        time.sleep(MOMENT)
        now.remove(d)
        assert (family, d) not in made
        return made.setdefault((family, d), object.__new__(Batch))

    monkeypatch.setattr(measurements, "measure_batch", measured)
    table = Measurements(Effort(1, BATCHES))
    asking = [threading.Thread(target=lambda: table.of_families("linear", "mlp")) for _ in range(2)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert table.table == tuple(made[batch] for batch in BATCHES) and len(begun) == len(BATCHES)
    assert [d for d in begun if d > 4] == [8, 8, 6] and begun.index(8) < 4
    assert not any(sum(d > 4 for d in together) > 1 for together in beside)
    assert any(min(together) <= 4 < max(together) for together in beside)
