"""Trained evidence: what the recorded training runs say for a claim, each finding beside a control.

A claim names experiments and words of the findings that belong to it. Findings come from `training.evidence`; they are
statistics over runs with bootstrap intervals, so that this kind of evidence carries a statistical risk, stated in the
experiment's file. The claim about what training selects also trains one small case anew, so that the column is never
only a file that is read; in a process of its own, since training compiles in its own way. An experiment that is not
recorded is said to be missing, it is no evidence either way.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields

from ..results import names
from ..training.evidence import EVIDENCE, Finding
from ..training.evidence_sprites import sprites
from .claim import Claim, ControlOutcome, Evidence
from .verdict import Verdict

SMALL_CASE = "small-case"
_FINDINGS = EVIDENCE | {"sprites": sprites}


def trained_evidence(claim: Claim, seed: int) -> tuple[Evidence, tuple[ControlOutcome, ...]]:
    """The findings of the claim's experiments as evidence, and their controls."""
    wanted = dict.fromkeys(experiment for experiment, _ in claim.trained)
    missing = [name for name in wanted if name != SMALL_CASE and name not in names()]
    findings = [
        finding
        for experiment, words in claim.trained
        if experiment not in missing
        for finding in (trained_now(seed) if experiment == SMALL_CASE else _FINDINGS[experiment]())
        if words in finding.statement
    ]
    if not findings:
        return Evidence("n/a", f"not recorded: {', '.join(missing)}"), ()
    held = sum(finding.holds for finding in findings)
    verdict: Verdict = "holds" if held == len(findings) else "fails"
    now = sum(finding.experiment == SMALL_CASE for finding in findings)
    summary = f"{held} of {len(findings)} findings, {now or 'none'} trained now"
    details = {"findings": [finding.as_dict() for finding in findings], "missing": missing}
    if verdict == "fails":
        details["reason"] = next(_figure(finding) for finding in findings if not finding.holds)
    controls = tuple(
        ControlOutcome(
            f"trained-{finding.experiment}-{number}",
            f"{finding.statement}: {finding.control}",
            finding.control_rejected,
            f"{finding.control_value:.3g}, {finding.direction} {finding.bound:g} asked",
        )
        for number, finding in enumerate(findings, 1)
    )
    return Evidence(verdict, summary, details), controls


_TRAIN = """
import json, sys
from elbogap.shell.cache import prepare_jax
prepare_jax()
from elbogap.training.evidence import small_case
found = [finding.as_dict() for finding in small_case(int(sys.argv[1]))]
print(json.dumps(found, default=lambda value: value.item()))
"""


def trained_now(seed: int) -> tuple[Finding, ...]:
    """The findings of `small_case`, trained in another process."""
    command = [sys.executable, "-c", _TRAIN, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names_of = {field.name for field in fields(Finding)}
    found = json.loads(done.stdout)
    return tuple(Finding(**{key: value for key, value in one.items() if key in names_of}) for one in found)


def _figure(finding: Finding) -> str:
    interval = f"{finding.value:.4g} [{finding.low:.4g}, {finding.high:.4g}]"
    return f"{finding.statement}: {interval}, {finding.direction} {finding.bound:g} asked"
