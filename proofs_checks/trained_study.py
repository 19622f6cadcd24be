"""The study of false alarms of the case that `verify` trains on the spot (`training.experiments.small_case`).

The case is true by derivation, so a seed on which it fails is a false alarm; one on which too few runs converge is
inconclusive. Both rates are bounded as in `study`. The table of seeds also says by how much the runs that did not
recover the sources fell short: the distance that the tolerance has to tell. Seconds are of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..results import Recorded, Table
from ..shell import units
from ..shell.cache import prepare_once
from ..shell.executors import Executor, Local
from ..shell.files import hash_of_sources
from ..shell.progress import Progress
from ..shell.units import Unit, collect
from ..training.experiments import small_case
from ..training.findings import SHORTFALL
from .rates import CONFIDENCE, upper_bound

NAME = "false-alarms-trained"


def judge_training(seed: int) -> dict[str, Any]:
    """The row of one seed: verdict, runs, the MCC found, and the smallest shortfall of runs below `RECOVERED`."""
    start = time.process_time()
    found = small_case.runs(seed)
    finding = small_case.judge(found)
    astray = [run.shortfall.value for run in found if run.mcc < small_case.RECOVERED]
    return {
        "seed": seed,
        "verdict": finding.verdict,
        "converged": finding.runs,
        "not_converged": finding.not_converged,
        "mcc": round(float(finding.value), 6) if finding.runs else None,
        "mcc_shuffled": round(float(finding.control_value), 6) if finding.runs else None,
        "shortfall": round(min(run.shortfall.value for run in found), 6),
        "astray": len(astray),
        "shortfall_astray": round(min(astray), 6) if astray else None,
        "seconds": round(time.process_time() - start, 2),
    }


def _judge(seed: int) -> dict[str, Any]:
    """One seed, in this process or in a worker."""
    prepare_once()
    return judge_training(seed)


def study_training(
    first: int, seeds: int, *, cache_dir: Path, progress: Progress, executor: Executor | None = None
) -> Recorded:
    """Train on the seeds first, first + 1, ...; a killed study goes on where it was, until `forget`."""
    asked = [Unit(seed, f"seed {seed}", _kept(seed, cache_dir)) for seed in range(first, first + seeds)]
    return summarise_training(first, collect(executor or Local(), _judge, asked, progress))


def forget(seeds: Iterable[int], cache_dir: Path) -> None:
    """Remove these seeds, which were judged: the study is written down, the next one judges them again."""
    units.forget(_kept(seed, cache_dir) for seed in seeds)


def _kept(seed: int, cache_dir: Path) -> Path:
    return cache_dir / "unfinished" / f"{NAME}-{hash_of_sources('training', 'numerics')[:16]}" / f"{seed}.json"


def summarise_training(first: int, rows: list[dict[str, Any]]) -> Recorded:
    """The recorded result: one row of rates, and a row a seed."""
    seeds = len(rows)
    alarms, open_ = (sum(row["verdict"] == verdict for row in rows) for verdict in ("fails", "inconclusive"))
    rates = {
        "seeds": seeds,
        "false_alarms": alarms,
        "rate_below": upper_bound(alarms, seeds),
        "inconclusive": open_,
        "inconclusive_below": upper_bound(open_, seeds),
        "runs": sum(row["converged"] + row["not_converged"] for row in rows),
        "converged": sum(row["converged"] for row in rows),
        "astray": sum(row["astray"] for row in rows),
        "smallest_shortfall_astray": min((row["shortfall_astray"] for row in rows if row["astray"]), default=None),
        "most_seconds": max(row["seconds"] for row in rows),
    }
    return Recorded(
        experiment=NAME,
        command=f"elbogap false-alarms --trained --first-seed {first} --seeds {seeds}",
        seed=first,
        parameters={
            "confidence": CONFIDENCE,
            "shortfall": SHORTFALL,
            "recovered": small_case.RECOVERED,
            "restarts": small_case.RESTARTS,
            "batches": small_case.BATCHES,
            "enough": small_case.ENOUGH,
            "steps": small_case.RECIPE.steps,
            "seconds": round(sum(row["seconds"] for row in rows), 1),
        },
        tried=seeds,
        selection=f"none: every seed from {first} on",
        failures=tuple(f"seed {row['seed']}: {row['verdict']}" for row in rows if row["verdict"] != "holds"),
        tables={"rates": Table.of([rates]), "seeds": Table.of(rows)},
    )
