"""Claims judged side by side: what they share is worked out once, and the report is that of one after the other."""

import threading
import time
from pathlib import Path

import pytest
from elbogap.proofs_checks import verify as module
from elbogap.proofs_checks.measurements import EFFORTS, Measurements
from elbogap.proofs_checks.verify import verify

CLAIMS = ["linear-vae", "pareto-k", "local-identifiability"]
"""Cheap ones, with a table and without."""


def test_what_two_threads_ask_for_at_once_is_worked_out_once():
    """Four threads that ask for one key get one value, made by one call, though the call takes its time."""
    measured, calls, found = Measurements(EFFORTS["quick"]), [], []
    together = threading.Barrier(4)

    def build() -> object:
        calls.append(None)
        time.sleep(0.05)
        return object()

    def ask() -> None:
        together.wait()
        found.append(measured.once("key", build))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and len(found) == 4 and len(set(found)) == 1


@pytest.fixture(scope="module")
def together(kept: Path) -> tuple[str, list[tuple[int, int, str]]]:
    """The document of claims judged two at a time, and what was said on the way."""
    said: list[tuple[int, int, str]] = []
    report = verify(CLAIMS, cache_dir=kept, progress=lambda *one: said.append(one))
    return report.to_json(), said


def test_one_at_a_time_or_together_the_report_is_the_same(
    together: tuple[str, list], kept: Path, monkeypatch: pytest.MonkeyPatch
):
    """The document of claims judged two at a time is that of claims judged one after the other, byte by byte."""
    monkeypatch.setattr(module, "TOGETHER", 1)
    assert verify(CLAIMS, cache_dir=kept).to_json() == together[0]


def test_progress_never_goes_back(together: tuple[str, list]):
    """What is said to be done only grows, ends at the total, and every claim is named."""
    said = together[1]
    done = [one[0] for one in said]
    assert done == sorted(done) and done[-1] == said[-1][1] == len(CLAIMS) + 1
    assert set(CLAIMS) <= {one[2] for one in said}


def test_what_goes_wrong_in_one_claim_is_raised(kept: Path, monkeypatch: pytest.MonkeyPatch):
    """An error of one of the claims ends the run with that error, whichever thread it was in."""

    def broken(claim, measured):
        raise ArithmeticError(claim.id)

    monkeypatch.setattr(module, "judge_measured", broken)
    with pytest.raises(ArithmeticError, match="linear-vae"):
        verify(["linear-vae"], cache_dir=kept)
