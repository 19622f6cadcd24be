"""False alarms of claims of one's own: every law judged on many seeds, and how often it was rejected.

The claim is taken for true: a law that fails is an alarm, a control whose law holds is a miss. Beside the count stands
the rate that its samples state (the union over laws), and the bound below which the true rate lies with confidence 95
%.
"""

from __future__ import annotations

import time
from typing import Any

from ..errors import RequestError
from ..results import Recorded, Table
from ..shell.progress import Progress
from .claim import Claim
from .draws import Draws
from .own import Judged, judge_own
from .rates import CONFIDENCE, upper_bound


def study_own(claims: list[Claim], seeds: int, *, command: str, progress: Progress) -> Recorded:
    """Judge the claims on the seeds 0, 1, ... seeds - 1."""
    started = time.perf_counter()
    found: dict[str, list[Judged]] = {claim.id: [] for claim in claims}
    for seed in range(seeds):
        for claim in claims:
            progress(seed, seeds, f"seed {seed}: {claim.id}")
            found[claim.id].append(judge_own(claim, Draws(seed)))
    if all(not judged.laws for runs in found.values() for judged in runs):
        errors = [error for runs in found.values() for judged in runs for error in judged.errors]
        raise RequestError(errors[0] if errors else "false-alarms: expected a claim with law=, got none")
    failures = [
        f"seed {seed}, {name}: {what}"
        for name, runs in found.items()
        for seed, judged in enumerate(runs)
        for what in _wrong(judged)
    ]
    return Recorded(
        experiment="false-alarms-own",
        command=command,
        seed=0,
        parameters={"effort": "quick", "confidence": CONFIDENCE, "seconds": round(time.perf_counter() - started, 1)},
        tried=seeds,
        selection="none: every seed from 0 on",
        failures=tuple(failures),
        tables={"claims": Table.of([_row(name, runs) for name, runs in found.items()])},
    )


def _wrong(judged: Judged) -> list[str]:
    alarms = [f"{law.name}: {law.reason}" for law in judged.laws if law.verdict == "fails"]
    missed = [one for one in judged.controls if not one.rejected and not one.undecided]
    return alarms + [f"control {one.id} survived" for one in missed] + list(judged.errors)


def _row(name: str, runs: list[Judged]) -> dict[str, Any]:
    alarms = sum(any(law.verdict == "fails" for law in judged.laws) for judged in runs)
    return {
        "claim": name,
        "seeds": len(runs),
        "false_alarms": alarms,
        "stated": max((sum(law.law.false_alarm for law in judged.laws) for judged in runs), default=0.0),
        "rate_below": upper_bound(alarms, len(runs)),
        "inconclusive": sum(law.verdict == "inconclusive" for judged in runs for law in judged.laws),
        "controls": sum(len(judged.controls) for judged in runs),
        "survived": sum(not c.rejected and not c.undecided for judged in runs for c in judged.controls),
        "undecided": sum(bool(c.undecided) for judged in runs for c in judged.controls),
    }
