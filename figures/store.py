"""Tables kept between runs, and files for people.

A computed table is kept under the cache folder by a key of its figure, effort, seed and everything it was made from:
the sources of theory, numerics, verifier and figures, and the versions of the libraries. Nothing kept is needed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..report.look import PAPER, Look
from ..report.style import style
from ..results import installed_versions
from ..shell import kept as shell
from ..shell.files import hash_of_sources, write_by_rename
from .data import Data
from .words import Words

FORMATS = ("pdf", "svg", "png")
_SOURCES = ("theory", "numerics", "proofs_checks", "auditing", "figures")


def kept_path(folder: Path, name: str, effort: str, seed: int) -> Path:
    """Where the tables of this figure are kept."""
    key = json.dumps([name, effort, seed, hash_of_sources(*_SOURCES), installed_versions()])
    return folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def kept(path: Path) -> Data | None:
    """The tables kept at `path`, None if there are none that count."""
    return shell.read_kept(path, lambda content: Data.from_json(content.decode()))


def keep(path: Path, data: Data) -> None:
    """Keep the tables for the next run."""
    shell.keep(path, data.to_json())


def write(
    folder: Path, name: str, data: Data, figure: Figure, formats: Sequence[str], words: Words, look: Look = PAPER
) -> list[Path]:
    """NAME.FORMAT for each format, NAME.txt and NAME.tex with the words, and the tables.

    A table is NAME.csv, or NAME-TABLE.csv where there are several.
    """
    written = []
    for kind in formats:
        stream = io.BytesIO()
        # A date would make two drawings of the same numbers differ.
        metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        with style(look):
            figure.savefig(stream, format=kind, metadata=metadata)
        written.append(write_by_rename(folder / f"{name}.{kind}", stream.getvalue()))
    written.append(write_by_rename(folder / f"{name}.txt", words.text()))
    written.append(write_by_rename(folder / f"{name}.tex", words.latex(name)))
    for table in data.tables:
        stem = name if len(data.tables) == 1 else f"{name}-{table}"
        written.append(write_by_rename(folder / f"{stem}.csv", data.csv(table)))
    return written
