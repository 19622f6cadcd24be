"""The study of false alarms: every claim's measurements on many seeds, and how often a true law was rejected.

Every program is compiled once a process; derivations and enclosures do not depend on the seed and are left out. A law
that fails is a false alarm, since every claim is derived elsewhere; a control that survives is a miss. With no alarm in
n runs the rate is below 1 - 0.05^(1/n) with confidence 95 %: the table states this bound beside each count.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ..results import Recorded, Table
from ..shell import units
from ..shell.cache import cache_directory, prepare_once
from ..shell.executors import Executor, Local
from ..shell.progress import Progress
from ..shell.units import Unit, collect
from .draws import Draws
from .measurements import EFFORTS, Measurements
from .own import judge_measured, judge_own
from .programs import Programs, sources
from .rates import CONFIDENCE, upper_bound
from .registry import CLAIMS


def judge_seed(seed: int, programs: Programs) -> dict[str, Any]:
    """Every claim's laws and controls on one seed, at effort quick: counts, and the names of what went wrong."""
    start = time.perf_counter()
    measured = Measurements(EFFORTS["quick"], seed, programs=programs)
    claims = {}
    for claim in CLAIMS.values():
        judged = judge_own(claim, Draws(seed)) if claim.laws is None else judge_measured(claim, measured)
        laws, controls = judged.laws, judged.controls
        claims[claim.id] = {
            "laws": len(laws),
            "instances": sum(len(law.rows) for law in laws),
            "conclusive": sum(law.counts["holds"] + law.counts["fails"] for law in laws),
            "failed": [f"{law.name}: {law.reason}" for law in laws if law.verdict == "fails"],
            "inconclusive": [law.name for law in laws if law.verdict == "inconclusive"],
            "controls": len(controls),
            "survived": [control.id for control in controls if not control.rejected],
        }
    return {"seed": seed, "seconds": time.perf_counter() - start, "claims": claims}


@cache
def _programs() -> Programs:
    """The programs of this process, whichever it is."""
    return Programs(cache_directory() / "traces")


def _judge(seed: int) -> dict[str, Any]:
    """One seed, in this process or in a worker."""
    prepare_once()
    return judge_seed(seed, _programs())


def study(
    seeds: int, *, first: int = 0, cache_dir: Path, progress: Progress, executor: Executor | None = None
) -> Recorded:
    """Judge the seeds first, first + 1, ...; a killed study goes on where it was, until `forget`."""
    asked = [Unit(seed, f"seed {seed}", _kept(seed, cache_dir)) for seed in range(first, first + seeds)]
    return summarise(collect(executor or Local(), _judge, asked, progress), first)


def forget(seeds: Iterable[int], cache_dir: Path) -> None:
    """Remove these seeds, which were judged: the study is written down, the next one judges them again."""
    units.forget(_kept(seed, cache_dir) for seed in seeds)


def _kept(seed: int, cache_dir: Path) -> Path:
    return cache_dir / "unfinished" / f"false-alarms-{sources()[:16]}" / f"{seed}.json"


def summarise(found: list[dict[str, Any]], first: int = 0) -> Recorded:
    """The recorded result: a row a claim, a row a seed, and every alarm by name.

    Tolerances were mended on the seeds from 0 on: a study of others is recorded beside that one, as fresh.
    """
    seeds = len(found)
    rows = []
    for name in found[0]["claims"]:
        of_claim = [one["claims"][name] for one in found]
        alarms = sum(bool(one["failed"]) for one in of_claim)
        rows.append(
            {
                "claim": name,
                "seeds": seeds,
                "laws": sum(one["laws"] for one in of_claim),
                "instances": sum(one["instances"] for one in of_claim),
                "conclusive": sum(one["conclusive"] for one in of_claim),
                "false_alarms": alarms,
                "rate_below": upper_bound(alarms, seeds),
                "inconclusive": sum(len(one["inconclusive"]) for one in of_claim),
                "controls": sum(one["controls"] for one in of_claim),
                "survived": sum(len(one["survived"]) for one in of_claim),
            }
        )
    failures = [
        f"seed {one['seed']}, {name}: {what}"
        for one in found
        for name, claim in one["claims"].items()
        for what in (*claim["failed"], *(f"control {control} survived" for control in claim["survived"]))
    ]
    seconds = [{"seed": one["seed"], "seconds": round(one["seconds"], 2)} for one in found]
    return Recorded(
        experiment="false-alarms-fresh" if first else "false-alarms",
        command=f"elbogap false-alarms --seeds {seeds}" + (f" --first-seed {first}" if first else ""),
        seed=first,
        parameters={
            "effort": "quick",
            "confidence": CONFIDENCE,
            "seconds": round(sum(s["seconds"] for s in seconds), 1),
        },
        tried=seeds,
        selection=f"none: every seed from {first} on",
        failures=tuple(failures),
        tables={"claims": Table.of(rows), "seeds": Table.of(seconds)},
    )
