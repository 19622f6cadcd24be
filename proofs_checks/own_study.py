"""False alarms of claims of one's own: every law judged on many seeds, and how often it was rejected.

The claim is taken for true: a law that fails is an alarm, a control whose law holds is a miss. Beside the count stands
the rate that its samples state (the union over laws), and the bound below which the true rate lies with confidence 95
%.
"""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..errors import RequestError
from ..results import Recorded, Table
from ..shell.executors import Executor, Local
from ..shell.progress import Progress
from ..shell.units import Unit, collect
from .claim import Claim
from .draws import Draws
from .loading import claims_in
from .own import Judged, judge_own
from .rates import CONFIDENCE, upper_bound


def judge_seed(target: str, seed: int) -> list[dict[str, Any]]:
    """The row of each claim of FILE.py[:NAME] on one seed: counts, and what went wrong by name."""
    return [_seen(judge_own(claim, Draws(seed))) for claim in claims_of(target)]


def claims_of(target: str) -> list[Claim]:
    """The claims of FILE.py[:NAME]; the file is executed once a process, and again where it changed."""
    path = Path(target.rpartition(":")[0] if ".py:" in target else target).absolute()
    return _executed(target, path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _executed(target: str, path: Path, changed: int) -> list[Claim]:
    return claims_in(target)


def study_own(
    target: str, seeds: int, *, first: int = 0, progress: Progress, executor: Executor | None = None
) -> Recorded:
    """Judge the claims of FILE.py[:NAME] on the seeds first, first + 1, ...; workers must see the file, too."""
    started = time.perf_counter()
    names = [claim.id for claim in claims_of(target)]
    units = [Unit(seed, f"seed {seed}") for seed in range(first, first + seeds)]
    found = collect(executor or Local(), partial(judge_seed, target), units, progress)
    runs = {name: [rows[place] for rows in found] for place, name in enumerate(names)}
    if not any(row["laws"] for rows in found for row in rows):
        errors = [error for rows in found for row in rows for error in row["errors"]]
        raise RequestError(errors[0] if errors else "false-alarms: expected a claim with law=, got none")
    failures = [
        f"seed {first + number}, {name}: {what}"
        for name, rows in runs.items()
        for number, row in enumerate(rows)
        for what in (*row["alarms"], *(f"control {control} survived" for control in row["missed"]), *row["errors"])
    ]
    from_first = f" --first-seed {first}" if first else ""
    return Recorded(
        experiment="false-alarms-own",
        command=f"elbogap false-alarms {target} --seeds {seeds}{from_first}",
        seed=first,
        parameters={"effort": "quick", "confidence": CONFIDENCE, "seconds": round(time.perf_counter() - started, 1)},
        tried=seeds,
        selection=f"none: every seed from {first} on",
        failures=tuple(failures),
        tables={"claims": Table.of([_row(name, rows) for name, rows in runs.items()])},
    )


def _seen(judged: Judged) -> dict[str, Any]:
    """What the study keeps of a claim on one seed."""
    return {
        "laws": len(judged.laws),
        "alarms": [f"{law.name}: {law.reason}" for law in judged.laws if law.verdict == "fails"],
        "stated": sum(law.law.false_alarm for law in judged.laws),
        "inconclusive": sum(law.verdict == "inconclusive" for law in judged.laws),
        "controls": len(judged.controls),
        "missed": [one.id for one in judged.controls if not one.rejected and not one.undecided],
        "undecided": sum(bool(one.undecided) for one in judged.controls),
        "errors": list(judged.errors),
    }


def _row(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    alarms = sum(bool(row["alarms"]) for row in rows)
    return {
        "claim": name,
        "seeds": len(rows),
        "false_alarms": alarms,
        "stated": max((row["stated"] for row in rows), default=0.0),
        "rate_below": upper_bound(alarms, len(rows)),
        "inconclusive": sum(row["inconclusive"] for row in rows),
        "controls": sum(row["controls"] for row in rows),
        "survived": sum(len(row["missed"]) for row in rows),
        "undecided": sum(row["undecided"] for row in rows),
    }
