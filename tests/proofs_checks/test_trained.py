"""Trained evidence: recorded findings become a verdict with controls, and can fail."""

from dataclasses import replace

import numpy as np
import pytest
from elbogap.proofs_checks import trained
from elbogap.proofs_checks.registry import CLAIMS
from elbogap.training.experiments.small_case import judge
from elbogap.training.findings import Finding

GOOD = Finding("made-up", "mcc", "median MCC", 20, 0.99, 0.98, 0.995, 0.95, "at least", "shuffled", 0.1)
NOTHING = trained.TrainedNow(0, ())
CLAIM = replace(CLAIMS["encoder-mean"], trained=(("made-up", "mcc"), ("lost", "mcc")))


def evidence(monkeypatch: pytest.MonkeyPatch, finding: Finding) -> tuple:
    """The evidence that one finding gives, another experiment not being recorded."""
    monkeypatch.setattr(trained, "_findings", lambda name, now: (finding, replace(finding, id="another")))
    monkeypatch.setattr(trained, "names", lambda: ("made-up",))
    return trained.trained_evidence(CLAIM, NOTHING)


def test_an_unknown_finding_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that asks for a finding that its experiment has not is refused, with those that there are."""
    monkeypatch.setattr(trained, "_findings", lambda name, now: (GOOD,))
    monkeypatch.setattr(trained, "names", lambda: ("made-up",))
    with pytest.raises(ValueError, match="encoder-mean: expected a finding of made-up among mcc, got 'mc'"):
        trained.trained_evidence(replace(CLAIM, trained=(("made-up", "mc"),)), NOTHING)


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
    found, controls = trained.trained_evidence(replace(CLAIM, trained=(("lost", "mcc"),)), NOTHING)
    assert found.verdict == "n/a" and found.summary == "not recorded: lost" and not controls


def test_a_claim_without_trained_evidence_may_say_why() -> None:
    """The row of kinks says that no recorded experiment speaks for it; that of priors has a finding that holds."""
    kinks, priors = CLAIMS["kinks"], CLAIMS["priors"]
    assert not kinks.trained and "no recorded experiment" in kinks.untrained
    found, controls = trained.trained_evidence(priors, NOTHING)
    assert found.verdict == "holds" and found.summary.startswith("1 of 1 findings")
    assert controls and all(control.rejected for control in controls)


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.trained])
def test_the_recorded_findings_hold(name: str) -> None:
    """Every finding that a claim names is recorded and holds, and its control is rejected."""
    wanted = tuple(pair for pair in CLAIMS[name].trained if pair[0] != trained.SMALL_CASE)
    found, controls = trained.trained_evidence(replace(CLAIMS[name], trained=wanted), NOTHING)
    assert found.verdict == "holds" and found.details["missing"] == []
    assert len(found.details["findings"]) == len(controls) == len(wanted)
    assert all(control.rejected for control in controls)


def test_one_claim_asks_for_the_case_trained_now() -> None:
    """The claim about what training selects asks for the case that is trained now, by the id that it gives."""
    pairs = [pair for claim in CLAIMS.values() for pair in claim.trained if pair[0] == trained.SMALL_CASE]
    assert pairs == [(trained.SMALL_CASE, judge([]).id)]


def test_these_claims_have_trained_evidence() -> None:
    """What was trained bears on the limit, the encoder, collapse, beta, PCA, covariances and the decoder's variance."""
    asked = {"elbo-limit", "encoder-mean", "encoder-variance", "posterior-collapse", "beta-vae", "ppca"}
    assert asked | {"block-encoder", "decoder-variance"} <= {claim.id for claim in CLAIMS.values() if claim.findings}
