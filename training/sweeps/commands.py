"""The commands `elbogap sweep CONFIG.toml`, `elbogap sweep show` and `elbogap sweep export`.

The store of CONFIG.toml is CONFIG.sqlite beside it, unless `--store` names another one. What is printed on standard
output is the result alone; progress goes to standard error.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import RequestError
from ...shell import executors, requests, terminal
from ...shell.cache import prepare_once
from ...shell.files import write_by_rename
from ...shell.options import Whole
from ...shell.progress import progress
from .config import RunSpec, load
from .store import Run, Store

if TYPE_CHECKING:
    from rich.table import Table

ACTIONS = ("show", "export")
SHOWN = ("elbo", "mcc_mean", "mcc_sample", "contrast_point", "contrast_mean_jacobian")


def sweep_command(
    *arguments: str,
    store: Path | None = None,
    out: Path | None = None,
    workers: Whole = 1,
    cluster: str | None = None,
) -> int:
    """Train a grid of small VAEs: `sweep CONFIG.toml`, `sweep show CONFIG.toml`, `sweep export CONFIG.toml`.

    A sweep that was killed continues when it is started again; a finished run is never computed twice. `show` prints
    medians over seeds, `export` every run as CSV.

    Parameters
    ----------
    arguments
        The TOML file, after `show` or `export` if that is wanted. `examples/sweep.toml` shows all keys.
    store
        SQLite file of the finished runs; CONFIG.sqlite beside the TOML file by default.
    out
        File for the CSV of `export`; standard output by default.
    workers
        How many processes of this machine do the runs.
    cluster
        Address of a Dask scheduler whose workers do them instead (extra `cluster`).
    """
    action, names = (
        ("run", arguments) if arguments[:1] not in (("show",), ("export",)) else (arguments[0], arguments[1:])
    )
    if len(names) != 1:
        expected = "CONFIG.toml, show CONFIG.toml or export CONFIG.toml"
        raise RequestError(f"sweep: expected {expected}, got {' '.join(arguments) or 'nothing'}")
    on_this_machine = None if workers == 1 else workers
    for option, value, wanted in (
        *(("--out", out, "export"), ("--cluster", cluster, "run")),
        ("--workers", on_this_machine, "run"),
    ):
        if value is not None and action != wanted:
            raise RequestError(
                f"{option}: expected only with sweep {'export' if wanted == 'export' else 'CONFIG.toml'}"
            )
    if out is not None:
        requests.out_file(out)
    config = Path(names[0])
    specs = load(config)
    path = store or config.with_suffix(".sqlite")
    if action == "run":
        return _run(specs, path, workers, cluster)
    runs = _runs_of(specs, Store(path))
    if action == "export":
        return _export(runs, out)
    terminal.console().print(table(specs, runs))
    return 0


def _run(specs: list[RunSpec], path: Path, workers: int, cluster: str | None) -> int:
    from .sweep import sweep

    with executors.chosen(workers, cluster) as executor:
        runs = Store(path, create=True)
        with progress() as notify:
            computed = sweep(specs, runs, executor=executor, compute=_compute, notify=notify)
    stored = _runs_of(specs, runs)
    failed = sum(run.status == "failed" for run in stored)
    print(f"{len(stored)} of {len(specs)} runs in {path}: {computed} computed now, {failed} failed")
    return 0


def _compute(spec: RunSpec) -> Run:
    """One run as this command does it, in this process or in a worker."""
    from .sweep import run

    prepare_once()
    return run(spec)


def _runs_of(specs: list[RunSpec], store: Store) -> list[Run]:
    """The stored runs of this grid, in its order."""
    from .store import key_of

    stored = {run.key: run for run in store.runs()}
    keys = [key_of(spec.parameters()) for spec in specs]
    return [stored[key] for key in keys if key in stored]


def table(specs: list[RunSpec], runs: list[Run]) -> Table:
    """Medians over seeds for each mixing and gamma^2, with how many runs are stored, failed, and asked for."""
    import numpy as np

    numbers = ("gamma^2", "runs", "failed", *SHOWN)
    result = terminal.plain_table(("mixing", *numbers), right=numbers, caption="medians over the finished runs")
    for mixing, gamma2 in dict.fromkeys((spec.mixing, spec.gamma2) for spec in specs):
        wanted = sum((spec.mixing, spec.gamma2) == (mixing, gamma2) for spec in specs)
        found = [run for run in runs if (run.parameters["mixing"], run.parameters["gamma2"]) == (mixing, gamma2)]
        good = [run.result for run in found if run.status == "finished"]
        medians = [f"{np.median([row.get(name, np.nan) for row in good]):.4g}" if good else "-" for name in SHOWN]
        result.add_row(mixing, f"{gamma2:g}", f"{len(found)}/{wanted}", str(len(found) - len(good)), *medians)
    return result


def _export(runs: list[Run], out: Path | None) -> int:
    from .sweep import rows

    records = list(rows(runs))
    stream = io.StringIO()
    columns = list(dict.fromkeys(name for record in records for name in record))
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    if out is None:
        sys.stdout.write(stream.getvalue())
        return 0
    print(write_by_rename(out, stream.getvalue()))
    return 0
