"""`verify`: every claim asked for, derived and measured, with its controls, as one `Report`.

Claims about decoders share one table of measurements and load JAX; their derivations and enclosures run in a process of
their own meanwhile, and so does what is trained on the spot. Claims of one's own (`elbogap.theorem`) are judged here
and load what they use. A claim is never left out: where a kind of evidence does not exist for it, the report says
`n/a`.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RequestError
from ..shell import requests
from ..shell.allocation import give_back
from ..shell.executors import Executor, Local
from ..shell.progress import Progress, silent
from .claim import Claim, ClaimResult, Evidence
from .draws import EFFORTS, Draws
from .exact import STEP_TIME_LIMIT, ExactEvidence
from .laws import LawResult
from .own import Judged, derived_evidence, enclosed_evidence, judge_measured, judge_own, trained_table
from .report import Report, law_document
from .verdict import KINDS, Verdict

if TYPE_CHECKING:
    from .exact import Enclosed
    from .measurements import Measurements
    from .trained import TrainedNow

TOGETHER = 2
"""So many claims are judged at a time: a third would wait for Python."""
RESUMED = ("standard", "full")
"""The efforts that keep what is measured until they are complete: a killed run goes on where it was."""


def verify(
    claims: Sequence[str | Claim] | None = None,
    *,
    effort: str = "quick",
    seed: int = 0,
    progress: Progress = silent,
    certificate: bool = False,
    cache_dir: Path | None = None,
    keep_unfinished: bool = False,
    executor: Executor | None = None,
) -> Report:
    """Verify claims, by id or of one's own; all built-in ones when `claims` is None.

    effort: "quick", "standard" or "full"; seed: of everything random; progress(done, total, what) is called as work
    goes on. Programs and verdicts are kept in `cache_dir`, nowhere if it is None. `certificate` asks for the
    certificate of the claim `enclosure` in the report. With `keep_unfinished` a long run can go on where it was even
    after it is complete, until `forget`: for callers who have yet to write the report down. `executor`: where built-in
    claims are judged, here if it is None; the report is the same.
    Raises `RequestError` for an unknown claim or effort, or two claims with one id; RuntimeError without float64.
    """
    requests.one_of("effort", effort, EFFORTS)
    requests.seed(seed, "seed")
    requests.function("progress", progress)
    requests.flag("certificate", certificate)
    requests.flag("keep_unfinished", keep_unfinished)
    if not isinstance(cache_dir, Path | None):
        raise RequestError(f"cache_dir: expected a Path or None, got {requests.shown(cache_dir)}")
    if isinstance(claims, str | bytes) or not isinstance(claims, Iterable | None):
        raise RequestError(f"claims: expected a list of ids or claims, got {requests.shown(claims)}")
    chosen = _chosen(None if claims is None else list(claims))
    if not chosen:
        raise RequestError("claims: expected at least one, got none")
    run = _Run(effort, seed, progress, len(chosen) + 1, certificate, cache_dir, keep_unfinished, executor)
    with ExitStack() as stack:
        if any(claim.findings for claim in chosen):
            from .trained import TrainedNow

            run.trained = stack.enter_context(TrainedNow(seed, chosen))
        if any(claim.laws for claim in chosen):
            from .formulas import kept_in

            stack.enter_context(kept_in(cache_dir / "formulas" if cache_dir else None))
            run.decoders = stack.enter_context(_Decoders(chosen, run))
        return _report(chosen, run)


def _chosen(claims: Sequence[str | Claim] | None) -> list[Claim]:
    if claims is None or any(not isinstance(claim, Claim) for claim in claims):
        from .registry import CLAIMS

        asked: list[str | Claim] = list(CLAIMS.values()) if claims is None else list(claims)
        for claim in asked:
            if not isinstance(claim, Claim):
                requests.known("claim", claim, CLAIMS)
        found = [CLAIMS[claim] if isinstance(claim, str) else claim for claim in asked]
    else:
        found = [claim for claim in claims if isinstance(claim, Claim)]  # all are
    by_id: dict[str, Claim] = {}
    for claim in found:
        if by_id.setdefault(claim.id, claim) is not claim:
            raise RequestError(f"claim {claim.id!r}: expected one claim with this id, got two")
    return list(by_id.values())


@dataclass
class _Run:
    """What a run was asked for, and how far it is."""

    effort: str
    seed: int
    progress: Progress
    total: int
    certificate: bool
    cache_dir: Path | None
    keep_unfinished: bool = False
    executor: Executor | None = None
    done: int = 0
    decoders: _Decoders | None = None
    trained: TrainedNow | None = None
    judged: dict[str, Judged] = field(default_factory=dict)

    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, what: str, done: int = 0) -> None:
        """Say what is being done, and count what is done."""
        with self._one_at_a_time:
            self.done += done
            self.progress(self.done, self.total, what)


class _Decoders:
    """What claims about decoders need: programs, the shared table, and the process for exact evidence."""

    def __init__(self, chosen: list[Claim], run: _Run):
        from ..numerics.precision import require_float64
        from .measurements import EFFORTS as DECODERS
        from .measurements import Measurements
        from .programs import Programs

        require_float64("verify")
        self.keep_unfinished = run.keep_unfinished
        cache = run.cache_dir
        ids = [claim.id for claim in chosen]
        keep = _unfinished(ids, run.effort, run.seed, cache) if cache and run.effort in RESUMED else None
        self.programs = Programs(
            cache / "traces" if cache else None, keep, optimise=run.effort != "quick", repeated=False
        )
        self.measured: Measurements = Measurements(
            DECODERS[run.effort], run.seed, programs=self.programs, notify=run.tell
        )
        self.exact = ExactEvidence(
            [claim.derivation for claim in chosen if isinstance(claim.derivation, str)],
            [claim.id for claim in chosen if claim.enclosed is True],
            run.effort,
            certificate=run.certificate,
            cache_dir=cache / "derivations" if cache else None,
        )

    def __enter__(self) -> _Decoders:
        return self

    def __exit__(self, kind: type | None, *_: Any) -> None:
        self.exact.cancel()
        if kind is None and not self.keep_unfinished:
            self.programs.forget()

    def judge(self, claim: Claim) -> Judged:
        """The laws and controls of a built-in claim."""
        return judge_measured(claim, self.measured)

    def judge_elsewhere(self, chosen: list[Claim], run: _Run, executor: Executor) -> dict[str, Judged]:
        """The built-in claims, judged by an executor; the table they use becomes this run's."""
        from .elsewhere import judge_elsewhere
        from .registry import CLAIMS

        names = [claim.id for claim in chosen if claim is CLAIMS.get(claim.id)]
        found = judge_elsewhere(names, run.effort, run.seed, executor, self.programs.found, run.tell)
        self.measured.adopt(found.table)
        self.programs.names += found.programs
        return found.judged


def forget(claims: Sequence[str], effort: str, seed: int, cache_dir: Path) -> None:
    """Remove what made a long run of these claims resumable: its report is written, the next one measures again."""
    shutil.rmtree(_unfinished(claims, effort, seed, cache_dir), ignore_errors=True)


def _unfinished(claims: Sequence[str], effort: str, seed: int, cache_dir: Path) -> Path:
    """The folder of a run: one of other claims that ends meanwhile removes nothing of it."""
    return cache_dir / "unfinished" / f"{effort}-{seed}-{hashlib.sha256(' '.join(claims).encode()).hexdigest()[:16]}"


def _report(chosen: list[Claim], run: _Run) -> Report:
    draws = Draws(run.seed, run.effort)
    if run.decoders and run.executor is not None and not isinstance(run.executor, Local):
        run.judged |= run.decoders.judge_elsewhere(chosen, run, run.executor)
        run.done += len(run.judged)
    if run.decoders:
        rest = [claim for claim in chosen if claim.id not in run.judged]
        run.judged |= _judged_together(rest, run, run.decoders, draws)
    for claim in chosen:
        if claim.id not in run.judged:
            run.tell(claim.id)
            run.judged[claim.id] = judge_own(claim, draws)
            run.done += 1
    derived: dict[str, Evidence] = {}
    enclosed: dict[str, Enclosed] = {}
    if run.decoders:
        run.tell("waiting for derivations and enclosures")
        derived, enclosed = run.decoders.exact.wait()
    results = tuple(_result(claim, run, draws, derived, enclosed) for claim in chosen)
    run.progress(run.total, run.total, "done")
    return Report(
        run.seed,
        run.effort,
        results,
        {claim.id: run.judged[claim.id].laws for claim in chosen},
        run.decoders.measured.table if run.decoders else (),
        next((found.certificate for found in enclosed.values() if found.certificate), None),
        len(run.decoders.programs.names) if run.decoders else 0,
    )


def _judged_together(claims: list[Claim], run: _Run, decoders: _Decoders, draws: Draws) -> dict[str, Judged]:
    """The built-in ones, `TOGETHER` at a time: XLA makes machine code for one while another is judged in Python."""
    from .registry import CLAIMS

    def judged(claim: Claim) -> Judged:
        run.tell(claim.id)
        found = decoders.judge(claim) if claim.laws else judge_own(claim, draws)
        give_back()
        return found

    pool = ThreadPoolExecutor(TOGETHER)
    try:
        # Each in a copy of this context: where generated code is kept is part of it.
        futures = {
            pool.submit(copy_context().run, judged, claim): claim.id
            for claim in claims
            if claim.laws or claim is CLAIMS.get(claim.id)
        }
        found = {}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            run.tell(f"{futures[future]} is judged", done=1)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C nothing waits for claims that have not begun
    return found


def _result(
    claim: Claim, run: _Run, draws: Draws, derived: dict[str, Evidence], enclosed: dict[str, Enclosed]
) -> ClaimResult:
    """All evidence for one claim."""
    judged = run.judged[claim.id]
    controls = judged.controls
    evidence = dict.fromkeys(KINDS, Evidence("n/a"))
    if isinstance(claim.derivation, str):
        evidence["derived"] = derived.get(claim.derivation) or _derived_here(claim.derivation, run)
    elif claim.derivation:
        evidence["derived"] = derived_evidence(claim, STEP_TIME_LIMIT)
    if judged.laws or judged.errors:
        evidence["measured"] = measured_evidence(judged.laws, judged.errors)
        if claim.table and judged.laws:
            evidence["measured"].details["table"] = claim.table(judged.laws, controls)
        if judged.equal_mutants:
            evidence["measured"].details["equal_mutants"] = judged.equal_mutants
    if claim.findings and run.trained:
        from .trained import trained_evidence

        run.tell(f"{claim.id}: trained models")
        evidence["trained"], of_training = trained_evidence(claim, run.trained)
        controls += of_training
    elif claim.trained:
        evidence["trained"] = trained_table(claim)
    elif claim.untrained:
        evidence["trained"] = Evidence("n/a", claim.untrained)
    if claim.enclosed is True:
        evidence["enclosed"] = enclosed[claim.id].evidence
        controls += enclosed[claim.id].controls
    elif callable(claim.enclosed):
        evidence["enclosed"] = enclosed_evidence(claim, draws)
    return ClaimResult(claim, evidence, controls)


def _derived_here(name: str, run: _Run) -> Evidence:
    """The derivation of a claim that was judged without decoders, and so without a process beside them."""
    from dataclasses import asdict

    from ..theory.verdicts import run_all
    from .exact import derived_from

    run.tell(f"{name}: derivation")
    kept = run.cache_dir / "derivations" if run.cache_dir else None
    return derived_from(asdict(run_all([name], STEP_TIME_LIMIT, kept)[name]))


def measured_evidence(laws: Sequence[LawResult], errors: Sequence[str] = ()) -> Evidence:
    """The measured evidence of a claim: it holds if all its laws hold, and fails if any fails.

    errors: laws that could not be measured; they leave it inconclusive.
    """
    if not laws:
        return Evidence("inconclusive", errors[0], {"reason": errors[0], "errors": list(errors)})
    verdicts = [law.verdict for law in laws]
    verdict: Verdict = "holds"
    if "fails" in verdicts:
        verdict = "fails"
    elif "inconclusive" in verdicts or errors:
        verdict = "inconclusive"
    # The last law is the claim's own figure; the ones before it lead up to it.
    worst = next((law for law in laws if law.verdict == verdict != "holds"), laws[-1])
    rows = sum(len(law.rows) for law in laws)
    conclusive = sum(law.counts["holds"] + law.counts["fails"] for law in laws)
    summary = f"{worst.summary}; {conclusive}/{rows} conclusive"
    details = {"laws": [law_document(law) for law in laws], "conclusive": conclusive, "instances": rows}
    if verdict != "holds":
        details["reason"] = errors[0] if errors and verdict != "fails" else f"{worst.name}: {worst.reason}"
    if errors:
        details["errors"] = list(errors)
    return Evidence(verdict, summary, details)
