"""What a figure draws: tables with the seed, the versions and the parameters that made them.

`compute` makes a `Data`, `draw` only draws it. A `Data` is kept as JSON (`to_json`, `from_json`) and handed to people
as CSV, one file a table, whose first lines (`# key: value`) carry the provenance.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..results import FOLDER, Recorded, Table, installed_versions


@dataclass(frozen=True)
class Data:
    """Tables by name, and how they were made.

    command: what recorded them, "" if they were computed for the figure; arrays: images, of recorded results only.
    """

    tables: dict[str, Table]
    parameters: dict[str, Any]
    seed: int
    command: str = ""
    versions: dict[str, str] = field(default_factory=installed_versions)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Table:
        """The table of this name."""
        return self.tables[name]

    @property
    def stamp(self) -> str:
        """One line for a figure of recorded results: that they are recorded, their seed and versions; else ""."""
        if not self.command:
            return ""
        known = [f"{name} {self.versions[name]}" for name in ("elbogap", "jax") if name in self.versions]
        return f"recorded: {', '.join([f'seed {self.seed}', *known])}"

    def csv(self, name: str) -> str:
        """One table as CSV under lines that say where it comes from."""
        stream = io.StringIO()
        head = {"seed": self.seed, "versions": self.versions, "parameters": self.parameters, "command": self.command}
        for key, value in head.items():
            if value != "":
                stream.write(f"# {key}: {json.dumps(value)}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self[name].columns)
        writer.writerows(self[name].rows)
        return stream.getvalue()

    def to_json(self) -> str:
        """The whole as JSON; nan and infinity are written as Python's json does."""
        return json.dumps(asdict(replace(self, arrays={})), default=_plain)

    @staticmethod
    def from_json(text: str) -> Data:
        """The inverse of `to_json`."""
        document = json.loads(text)
        tables = {
            name: Table(tuple(table["columns"]), tuple(map(tuple, table["rows"])))
            for name, table in document.pop("tables").items()
        }
        return Data(tables, **document)

    @staticmethod
    def of(recorded: Recorded, folder: Path = FOLDER) -> Data:
        """The tables of a recorded experiment, and the arrays that lie beside it in `folder`."""
        path = folder / f"{recorded.experiment}.npz"
        arrays = {}
        if path.is_file():
            with np.load(path) as stored:
                arrays = dict(stored)
        return Data(
            recorded.tables, recorded.parameters, recorded.seed, recorded.command, recorded.versions, arrays=arrays
        )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected plain values, got {type(value).__name__}")


def columns(**arrays: Any) -> Table:
    """The table of equally long columns, broadcast against each other and flattened."""
    flat = [np.asarray(values).ravel().tolist() for values in np.broadcast_arrays(*arrays.values())]
    return Table(tuple(arrays), tuple(zip(*flat, strict=True)))


def where(table: Table, **values: Any) -> Table:
    """The rows whose columns have these values."""
    keep = np.ones(len(table.rows), bool)
    for name, value in values.items():
        keep &= table.column(name) == value
    return Table(table.columns, tuple(row for row, kept in zip(table.rows, keep, strict=True) if kept))


def distinct(table: Table, name: str) -> list[Any]:
    """The different values of a column, in the order of their first appearance."""
    return list(dict.fromkeys(table.column(name).tolist()))
