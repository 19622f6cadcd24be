"""Trained evidence: what the recorded training runs say for a claim, each finding beside a control.

A claim names findings by (experiment, id). They come from `training.experiments` and are statistics over runs with
bootstrap intervals, so that this kind of evidence carries a statistical risk, stated in the experiment's file. The
claim about what training selects also trains one small case anew, so that the column is never only a file that is
read; in a process of its own, since training compiles in its own way. An experiment that is not recorded is said to be
missing, it is no evidence either way. Runs that did not converge never refute (`findings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from ..errors import RequestError
from ..results import names, recorded
from ..shell import children
from ..training.experiments import experiment
from ..training.findings import Finding
from .claim import Claim, ControlOutcome, Evidence
from .verdict import Verdict

SMALL_CASE = "small-case"
STUDY = "false-alarms-trained"


def trained_evidence(claim: Claim, now: TrainedNow) -> tuple[Evidence, tuple[ControlOutcome, ...]]:
    """The findings that the claim names as evidence, and their controls; RequestError for one that there is not."""
    wanted = dict.fromkeys(name for name, _ in claim.trained)
    missing = [name for name in wanted if name != SMALL_CASE and name not in names()]
    found = {name: _findings(name, now) for name in wanted if name not in missing}
    findings = [_named(found[name], id, claim) for name, id in claim.trained if name in found]
    if not findings:
        return Evidence("n/a", f"not recorded: {', '.join(missing)}"), ()
    held = sum(finding.holds for finding in findings)
    fresh = [finding for finding in findings if finding.experiment == SMALL_CASE]
    summary = f"{held} of {len(findings)} findings, {len(fresh) or 'none'} trained now"
    if fresh:
        summary += f" ({_converged(fresh[0])})"
    details: dict[str, Any] = {"findings": [finding.as_dict() for finding in findings], "missing": missing}
    if fresh:
        details["false_alarm"] = rates()
    verdict = worst([finding.verdict for finding in findings])
    if verdict != "holds":
        details["reason"] = next(_figure(finding) for finding in findings if finding.verdict == verdict)
    controls = tuple(
        ControlOutcome(
            f"trained-{finding.experiment}-{number}",
            f"{finding.statement}: {finding.control}",
            finding.control_rejected,
            f"{finding.control_value:.3g}, {finding.direction} {finding.bound:g} asked",
        )
        for number, finding in enumerate(findings, 1)
        if finding.runs
    )
    return Evidence(verdict, summary, details), controls


def _findings(name: str, now: TrainedNow) -> tuple[Finding, ...]:
    """All findings of an experiment, or of the small case trained now."""
    return now.findings() if name == SMALL_CASE else experiment(name).findings()


def _named(findings: Sequence[Finding], id: str, claim: Claim) -> Finding:
    """The finding with this id."""
    for finding in findings:
        if finding.id == id:
            return finding
    known = ", ".join(finding.id for finding in findings)
    raise RequestError(f"claim {claim.id}: expected a finding of {findings[0].experiment} among {known}, got {id!r}")


_TRAIN = """
import json, sys
from elbogap.shell.cache import prepare_jax
prepare_jax()
from elbogap.training.experiments.small_case import small_case
found = [finding.as_dict() for finding in small_case(int(sys.argv[1]))]
print(json.dumps(found, default=lambda value: value.item()))
"""


class TrainedNow:
    """The small case of one seed, trained in another process: where a claim asks for it, from the beginning of the run.

    To be made in the main thread (`children.start`).
    """

    def __init__(self, seed: int, claims: Iterable[Claim]) -> None:
        asked = any(pair[0] == SMALL_CASE for claim in claims if claim.findings for pair in claim.trained)
        self._process = children.begin(_TRAIN, str(seed)) if asked else None

    def __enter__(self) -> TrainedNow:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            children.stop(self._process)

    def findings(self) -> tuple[Finding, ...]:
        """The findings of `small_case`, once it is trained; RuntimeError if that failed or no claim asked for it."""
        if self._process is None:
            raise RuntimeError(f"{SMALL_CASE}: no claim of this run asked for it")
        names_of = {field.name for field in fields(Finding)}
        found = json.loads(children.finish(self._process))
        return tuple(Finding(**{key: value for key, value in one.items() if key in names_of}) for one in found)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """That of all findings: `fails` if any fails, else `inconclusive` if any is, else `holds`."""
    return next((verdict for verdict in ("fails", "inconclusive") if verdict in verdicts), "holds")


def rates() -> dict[str, Any] | None:
    """How often the case trained on the spot gave a false alarm or no verdict when it was studied (`trained_study`)."""
    return recorded(STUDY).tables["rates"].records()[0] if STUDY in names() else None


def _converged(finding: Finding) -> str:
    return f"{finding.runs} of {finding.runs + (finding.not_converged or 0)} runs converged"


def _figure(finding: Finding) -> str:
    interval = f"{finding.value:.4g} [{finding.low:.4g}, {finding.high:.4g}]"
    figure = f"{finding.statement}: {interval}, {finding.direction} {finding.bound:g} asked"
    if finding.not_converged is not None:
        return f"{figure}; {_converged(finding)}"
    return figure + ("" if finding.refuted else "; which runs converged is not recorded")
