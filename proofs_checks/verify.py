"""`verify`: every claim asked for, derived and measured, with its controls, as one `Report`.

Derivations and enclosures run in a process of their own while the measurements run here. A claim is never left out:
where a kind of evidence does not exist for it, the report says `n/a`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..numerics.precision import require_float64
from ..shell import requests
from ..shell.progress import Progress, silent
from .claim import Claim, ClaimResult, Control, ControlOutcome, Evidence
from .exact import ExactEvidence
from .formulas import kept_in
from .laws import LawResult
from .measurements import EFFORTS, Measurements
from .programs import Programs
from .registry import CLAIMS
from .report import Report, law_document
from .trained import trained_evidence
from .verdict import KINDS, Verdict

RESUMED = ("standard", "full")
"""The efforts that keep what is measured until they are complete: a killed run goes on where it was."""


def verify(
    claims: Sequence[str] | None = None,
    *,
    effort: str = "quick",
    seed: int = 0,
    progress: Progress = silent,
    certificate: bool = False,
    cache_dir: Path | None = None,
    keep_unfinished: bool = False,
) -> Report:
    """Verify the named claims, all when `claims` is None.

    effort: "quick", "standard" or "full"; seed: of the random decoders; progress(done, total, what) is called as work
    goes on. Programs and verdicts are kept in `cache_dir`, nowhere if it is None. `certificate` asks for the
    certificate of the claim `enclosure` in the report. With `keep_unfinished` a long run can go on where it was even
    after it is complete, until `forget`: for callers who have yet to write the report down.
    Raises `RequestError` for an unknown claim or effort, RuntimeError without float64.
    """
    require_float64("verify")
    for name in claims or ():
        requests.known("claim", name, CLAIMS)
    requests.effort(effort, "effort")
    requests.seed(seed, "seed")
    chosen = [CLAIMS[name] for name in dict.fromkeys(claims)] if claims else list(CLAIMS.values())
    exact = ExactEvidence(
        [claim.derivation for claim in chosen if claim.derivation],
        effort if any(claim.enclosed for claim in chosen) else None,
        certificate=certificate,
        cache_dir=cache_dir / "derivations" if cache_dir else None,
    )
    programs = Programs(
        cache_dir / "traces" if cache_dir else None,
        _unfinished(effort, seed, cache_dir) if cache_dir and effort in RESUMED else None,
        optimise=effort != "quick",
    )
    try:
        with kept_in(cache_dir / "formulas" if cache_dir else None):
            report = _run(chosen, effort, seed, progress, exact, programs)
        if not keep_unfinished:
            programs.forget()
        return report
    finally:
        exact.cancel()


def forget(effort: str, seed: int, cache_dir: Path) -> None:
    """Remove what made a long run resumable: its report is written, the next one measures again."""
    shutil.rmtree(_unfinished(effort, seed, cache_dir), ignore_errors=True)


def _unfinished(effort: str, seed: int, cache_dir: Path) -> Path:
    return cache_dir / "unfinished" / f"{effort}-{seed}"


def _run(
    chosen: list[Claim], effort: str, seed: int, progress: Progress, exact: ExactEvidence, programs: Programs
) -> Report:
    total = len(chosen) + 1
    done = 0
    measured = Measurements(EFFORTS[effort], seed, programs=programs, notify=lambda what: progress(done, total, what))
    judged: dict[str, tuple[tuple[LawResult, ...], tuple[ControlOutcome, ...]]] = {}
    for claim in chosen:
        progress(done, total, claim.id)
        laws = tuple(law.judge() for law in claim.laws(measured)) if claim.laws else ()
        controls = tuple(map(judge_control, claim.controls(measured))) if claim.controls else ()
        judged[claim.id] = laws, controls
        done += 1
    progress(done, total, "waiting for derivations and enclosures")
    derived, enclosed = exact.wait()
    results = []
    for claim in chosen:
        laws, controls = judged[claim.id]
        evidence = dict.fromkeys(KINDS, Evidence("n/a"))
        if claim.derivation:
            evidence["derived"] = derived[claim.derivation]
        if laws:
            evidence["measured"] = measured_evidence(laws)
            if claim.table:
                evidence["measured"].details["table"] = claim.table(laws, controls)
        if claim.trained:
            progress(done, total, f"{claim.id}: trained models")
            evidence["trained"], of_training = trained_evidence(claim, seed)
            controls += of_training
        if claim.enclosed:
            evidence["enclosed"] = enclosed.evidence
            controls += enclosed.controls
        results.append(ClaimResult(claim, evidence, controls))
    progress(total, total, "done")
    laws_of = {name: laws for name, (laws, _) in judged.items()}
    return Report(seed, effort, tuple(results), laws_of, measured.table, enclosed.certificate, len(programs.names))


def judge_control(control: Control) -> ControlOutcome:
    """A control is rejected exactly if its law fails."""
    result = control.law.judge()
    rejected = result.verdict == "fails"
    return ControlOutcome(control.id, control.statement, rejected, result.reason if rejected else "")


def measured_evidence(laws: Sequence[LawResult]) -> Evidence:
    """The measured evidence of a claim: it holds if all its laws hold, and fails if any fails."""
    verdicts = [law.verdict for law in laws]
    verdict: Verdict = "holds"
    if "fails" in verdicts:
        verdict = "fails"
    elif "inconclusive" in verdicts:
        verdict = "inconclusive"
    # The last law is the claim's own figure; the ones before it lead up to it.
    worst = next((law for law in laws if law.verdict == verdict != "holds"), laws[-1])
    rows = sum(len(law.rows) for law in laws)
    conclusive = sum(law.counts["holds"] + law.counts["fails"] for law in laws)
    summary = f"{worst.summary}; {conclusive}/{rows} conclusive"
    details = {"laws": [law_document(law) for law in laws], "conclusive": conclusive, "instances": rows}
    if verdict != "holds":
        details["reason"] = f"{worst.name}: {worst.reason}"
    return Evidence(verdict, summary, details)
