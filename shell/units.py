"""Units of work that are kept as soon as they are finished: what was stopped goes on where it was.

A unit is a task with the file that keeps its outcome, plain data. What is kept is read; the rest goes to an executor,
and each outcome is written by rename beside the others the moment it comes, by this process alone: workers need no
folder in common, and where there is one no file of it is ever half-written. So every unit is in the result once,
whatever became of the workers, and the result is in the order of the units, whatever order they were finished in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .executors import Executor
from .kept import keep, read_kept
from .progress import Progress, silent


@dataclass(frozen=True)
class Unit:
    """A task, what it is called, the file that keeps its outcome, and how that is read (raises for a wrong one)."""

    task: Any
    name: str
    path: Path | None = None
    parse: Callable[[bytes], Any] = json.loads


def collect(
    executor: Executor, function: Callable[[Any], Any], units: Sequence[Unit], notify: Progress = silent
) -> list[Any]:
    """The outcome of every unit, in order, as JSON gives it back: read where it is kept, else function(task)."""
    found = [None if unit.path is None else read_kept(unit.path, unit.parse) for unit in units]
    missing = [place for place, outcome in enumerate(found) if outcome is None]
    done = len(units) - len(missing)
    if missing:
        notify(done, len(units), units[missing[0]].name)
    for number, outcome in executor.map(function, [units[place].task for place in missing]):
        unit = units[missing[number]]
        text = json.dumps(outcome, allow_nan=False)
        if unit.path is not None:
            keep(unit.path, text)
        found[missing[number]] = unit.parse(text.encode())
        done += 1
        after = [units[place].name for place in missing if found[place] is None]
        if after:
            notify(done, len(units), after[0])
    return found


def forget(paths: Iterable[Path]) -> None:
    """Remove what units keep, and their folder once it is empty: the units of another run stay where they are."""
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        with suppress(OSError):  # not empty, or never made
            folder.rmdir()
