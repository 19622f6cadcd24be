"""Recorded results of long runs: what a command made once, kept as package data, read by figures, docs and claims.

One experiment is one file `NAME.json`, written by a command and never typed:

    {"version": 1, "experiment": NAME, "command": "elbogap ...", "seed": 0, "versions": {"elbogap": ..., "jax": ...},
     "parameters": {...}, "tried": n, "selection": "how restarts were chosen", "failures": ["..."],
     "tables": {TABLE: {"columns": ["...", ...], "rows": [[...], ...]}}}

`tried` counts everything that was run, not only what was kept; `failures` names what went wrong. Arrays too large for
JSON (images) lie beside it as `NAME.npz`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RequestError
from ..shell.files import write_by_rename

VERSION = 1
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Table:
    """Named columns and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def column(self, name: str) -> np.ndarray:
        """One column as an array; KeyError if there is none of that name."""
        if name not in self.columns:
            raise KeyError(f"no column {name!r}: expected one of {', '.join(self.columns)}")
        index = self.columns.index(name)
        return np.array([row[index] for row in self.rows])

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries: what `of` made the table from."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @staticmethod
    def of(records: Sequence[Mapping[str, Any]]) -> Table:
        """The table of records that share their keys."""
        columns = tuple(records[0]) if records else ()
        return Table(columns, tuple(tuple(record[name] for name in columns) for record in records))


@dataclass(frozen=True)
class Recorded:
    """One experiment: how it was made, and its tables (this module's docstring)."""

    experiment: str
    command: str
    seed: int
    parameters: dict[str, Any]
    tried: int
    selection: str
    failures: tuple[str, ...]
    tables: dict[str, Table]
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    def write(self, folder: Path = FOLDER) -> Path:
        """Write `folder/EXPERIMENT.json`; its path."""
        text = json.dumps({"version": VERSION, **asdict(self)}, indent=1, allow_nan=False)
        return write_by_rename(folder / f"{self.experiment}.json", text + "\n")


def recorded(experiment: str, folder: Path = FOLDER) -> Recorded:
    """A recorded experiment; RequestError if there is none of that name or it is of another version."""
    path = folder / f"{experiment}.json"
    if not path.is_file():
        raise RequestError(f"no recorded result {experiment!r}: expected one of {', '.join(names(folder)) or 'none'}")
    document = json.loads(path.read_text())
    if (found := document.pop("version", None)) != VERSION:
        raise RequestError(f"{path.name}: expected version {VERSION}, got {found}")
    tables = document.pop("tables")
    document["failures"] = tuple(document["failures"])
    return Recorded(
        **document,
        tables={
            name: Table(tuple(table["columns"]), tuple(tuple(row) for row in table["rows"]))
            for name, table in tables.items()
        },
    )


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The recorded experiments."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def installed_versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("elbogap", "jax", "jaxlib", "numpy")
    }
