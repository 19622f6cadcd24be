"""Tables kept between runs, and files for people.

A computed table is kept under the cache folder by a key of its figure, effort, seed and everything it was made from:
the sources of theory, numerics, verifier and figures, and the versions of the libraries. Nothing kept is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..report.look import PAPER, Look
from ..report.style import style
from ..results import installed_versions
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
    """The tables kept at `path`, None if there are none that can be read."""
    try:
        return Data.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(path: Path, data: Data) -> None:
    """Keep the tables; a disk that is full costs the next run time, not this one its result."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_by_rename(path, data.to_json())
    except OSError:
        pass


def write(
    folder: Path, name: str, data: Data, figure: Figure, formats: Sequence[str], words: Words, look: Look = PAPER
) -> list[Path]:
    """NAME.FORMAT for each format, NAME.txt and NAME.tex with the words, and the tables.

    A table is NAME.csv, or NAME-TABLE.csv where there are several.
    """
    written = []
    for kind in formats:
        target, temporary = folder / f"{name}.{kind}", folder / f".{name}.{kind}"
        # A date would make two drawings of the same numbers differ.
        metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        try:
            with style(look):
                figure.savefig(temporary, format=kind, metadata=metadata)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        written.append(target)
    written.append(write_by_rename(folder / f"{name}.txt", words.text()))
    written.append(write_by_rename(folder / f"{name}.tex", words.latex(name)))
    for table in data.tables:
        stem = name if len(data.tables) == 1 else f"{name}-{table}"
        written.append(write_by_rename(folder / f"{stem}.csv", data.csv(table)))
    return written
