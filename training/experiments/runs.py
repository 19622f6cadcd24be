"""What the experiments share: effort, seeds, and batches of runs that are kept as soon as they are finished.

An experiment is a function compute(effort, seed, batches) -> Recorded. It asks `Batches` for one batch of runs after
the other, or for all of them, which may then be computed elsewhere; a batch that was finished before, by the same
experiment with the same parameters, is read instead of run, so that a long recording continues where it was stopped.
Batches are JSON files under the cache folder.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np

from ...errors import RequestError
from ...shell.cache import prepare_once
from ...shell.executors import Executor, Local
from ...shell.progress import Progress, silent
from ...shell.units import Unit, collect
from ..loop import Report
from ..loss import Terms
from ..models import VAE

Effort = Literal["quick", "standard", "full"]
Rows = list[dict[str, Any]]


class Asked(NamedTuple):
    """A batch of runs: its name, parameters that fix it completely, and what computes it (picklable)."""

    name: str
    parameters: dict[str, Any]
    compute: Callable[[], Rows]


@dataclass
class Batches:
    """Runs batches of an experiment, or reads them where they are already kept.

    folder: where finished batches are kept, None for nowhere. total: how many there will be, for the progress.
    executor: where batches are computed. A copy that is sent to a worker says nothing and keeps nothing.
    """

    experiment: str
    total: int
    folder: Path | None = None
    notify: Progress = silent
    done: int = 0
    seconds: float = field(default=0.0)
    executor: Executor = field(default_factory=Local)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"notify": silent, "folder": None, "executor": Local()}

    def run(self, name: str, parameters: dict[str, Any], compute: Callable[[], Rows]) -> Rows:
        """The rows of one batch; `parameters` must fix them completely."""
        return self.run_all([Asked(name, parameters, compute)])

    def run_all(self, asked: Sequence[Asked]) -> Rows:
        """The rows of several batches, one after the other in this order, wherever they were computed."""
        before = self.done

        def notify(done: int, total: int, what: str) -> None:
            self.done = before + done
            self.notify(self.done, self.total, f"{self.experiment}: {what}")

        found = collect(self.executor, _timed, [self._unit(batch) for batch in asked], notify)
        self.done = before + len(asked)
        self.seconds += sum(batch["seconds"] for batch in found)
        return [row for batch in found for row in batch["rows"]]

    def _unit(self, batch: Asked) -> Unit:
        text = json.dumps([self.experiment, batch.name, batch.parameters], sort_keys=True)
        path = self.folder and self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
        return Unit((text, batch.compute), batch.name, path, partial(_batch, parameters=text))

    def report(self, name: str, steps: int, monitor: Callable[[VAE], dict[str, float]] | None = None) -> Report:
        """A `loop.Report` that shows the ELBO, and what `monitor` measures, at the end of each chunk."""

        def show(step: int, vaes: VAE, terms: Terms) -> None:
            shown = {"ELBO": float(np.median(terms.elbo)), **(monitor(vaes) if monitor else {})}
            figures = ", ".join(f"{key} {value:.4g}" for key, value in shown.items())
            self.notify(self.done, self.total, f"{self.experiment}: {name}, step {step}/{steps}, {figures}")

        return show


def _timed(task: tuple[str, Callable[[], Rows]]) -> dict[str, Any]:
    """A batch computed, in this process or in a worker."""
    prepare_once()
    start = time.perf_counter()
    rows = task[1]()
    return {"parameters": task[0], "rows": rows, "seconds": time.perf_counter() - start}


def _batch(content: bytes, parameters: str) -> dict[str, Any]:
    """A batch that was kept, if it is that of these parameters."""
    kept = json.loads(content)
    if kept["parameters"] != parameters:
        raise RequestError("a batch of other parameters")
    return {"rows": list(kept["rows"]), "seconds": float(kept["seconds"])}


def generator(experiment: str, seed: int, *indices: int) -> np.random.Generator:
    """The generator of one mixing, initialisation or training of an experiment; no two share a stream."""
    return np.random.default_rng([crc32(experiment.encode()), seed, *indices])


def training_key(experiment: str, seed: int, *indices: int) -> Any:
    """A JAX key from the same stream as `generator`."""
    import jax

    return jax.random.key(int(generator(experiment, seed, 1_000_003, *indices).integers(2**31)))


def summaries(rows: Rows, by: str, columns: Sequence[str], rng: np.random.Generator) -> Rows:
    """For each value of `by` and each column: n, median with its bootstrap interval, and smallest and largest value."""
    from ..metrics import bootstrap

    result: Rows = []
    for level in dict.fromkeys(row[by] for row in rows):
        chosen = [row for row in rows if row[by] == level]
        for column in columns:
            values = np.array([row[column] for row in chosen], float)
            median = bootstrap(values, rng)
            result.append(
                {by: level, "quantity": column, "n": len(values), "median": plain(median.value)}
                | {"low": plain(median.low), "high": plain(median.high)}
                | {"min": plain(values.min()), "max": plain(values.max())}
            )
    return result


def plain(value: Any, digits: int = 6) -> Any:
    """A number for JSON, rounded to `digits` significant digits."""
    return float(f"{float(value):.{digits}g}")
