"""Trained evidence: recorded findings become a verdict with controls, and can fail."""

from dataclasses import replace

import numpy as np
import pytest
from elbogap.proofs_checks import trained
from elbogap.proofs_checks.registry import CLAIMS
from elbogap.training.findings import Finding

GOOD = Finding("made-up", "median MCC", 20, 0.99, 0.98, 0.995, 0.95, "at least", "shuffled", 0.1)
CLAIM = replace(CLAIMS["encoder-mean"], trained=(("made-up", "MCC"), ("lost", "MCC")))


def evidence(monkeypatch: pytest.MonkeyPatch, finding: Finding) -> tuple:
    """The evidence that one finding gives, another experiment not being recorded."""
    monkeypatch.setitem(trained._FINDINGS, "made-up", lambda: (finding, replace(finding, statement="another")))
    monkeypatch.setattr(trained, "names", lambda: ("made-up",))
    return trained.trained_evidence(CLAIM, 0)


def test_a_finding_and_its_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding inside its bound holds, its control is rejected, and what is not recorded is named."""
    found, controls = evidence(monkeypatch, GOOD)
    assert found.verdict == "holds" and found.details["missing"] == ["lost"] and len(found.details["findings"]) == 1
    assert [control.rejected for control in controls] == [True]


def test_converged_runs_beyond_the_bound_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that runs known to have converged violate makes the evidence fail, with its figures as the reason."""
    found, _ = evidence(monkeypatch, replace(GOOD, low=0.9, not_converged=3, refuted=True))
    assert found.verdict == "fails" and "0.99 [0.9, 0.995], at least 0.95 asked" in found.details["reason"]
    assert "20 of 23 runs converged" in found.details["reason"]


def test_runs_of_unknown_convergence_do_not_refute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding whose interval reaches beyond the bound is inconclusive where no record tells which runs converged."""
    found, _ = evidence(monkeypatch, replace(GOOD, low=0.9))
    assert found.verdict == "inconclusive" and "which runs converged is not recorded" in found.details["reason"]


def test_nothing_converged_plants_no_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding without a converged run is inconclusive, and its control, which has no value, is not counted."""
    found, controls = evidence(monkeypatch, replace(GOOD, runs=0, low=-np.inf, high=np.inf, not_converged=12))
    assert found.verdict == "inconclusive" and "0 of 12 runs converged" in found.details["reason"] and not controls


def test_a_control_that_passes_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control that satisfies the bound as well is not rejected, so that the claim fails."""
    _, controls = evidence(monkeypatch, replace(GOOD, control_value=0.96))
    assert [control.rejected for control in controls] == [False]


def test_nothing_recorded_is_no_evidence() -> None:
    """A claim whose experiments are not recorded has no trained evidence, and says which are missing."""
    found, controls = trained.trained_evidence(replace(CLAIM, trained=(("lost", "MCC"),)), 0)
    assert found.verdict == "n/a" and found.summary == "not recorded: lost" and not controls


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.trained])
def test_the_recorded_findings_hold(name: str) -> None:
    """Every claim's recorded findings hold and their controls are rejected."""
    recorded = tuple(pair for pair in CLAIMS[name].trained if pair[0] != trained.SMALL_CASE)
    found, controls = trained.trained_evidence(replace(CLAIMS[name], trained=recorded), 0)
    assert found.verdict in ("holds", "n/a") and all(control.rejected for control in controls)
