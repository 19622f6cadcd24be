"""The store of a sweep: finished runs in one SQLite file, each written once, in one transaction.

    runs(key TEXT PRIMARY KEY, parameters TEXT, status TEXT, result TEXT, seconds REAL, finished TEXT, versions TEXT)

`key` is the SHA-256 of the parameters as canonical JSON, so that the same run has the same key in every sweep; status
is `finished` or `failed` (a run that is not finite is an outcome, too, and would fail again); result and versions are
JSON. A row is never changed. A process that is killed leaves the last transaction whole or not there at all (SQLite's
rollback journal); two processes on one store may compute a run twice but store it once. One file on a local disk: not
for many writers over a network.

`PRAGMA application_id` says that the file is a store of ours and `user_version` which version; another one is refused
before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import RequestError

VERSION = 1
STATUSES = ("finished", "failed")
APPLICATION = 0x456C6247  # "ElbG"
PATIENCE = 30.0  # seconds to wait for another process that is writing

_TABLE = """CREATE TABLE runs (
    key TEXT PRIMARY KEY, parameters TEXT NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL,
    seconds REAL NOT NULL, finished TEXT NOT NULL, versions TEXT NOT NULL
)"""


@dataclass(frozen=True)
class Run:
    """One finished run: what fixed it, how it ended (`finished`, `failed`), what was measured or went wrong."""

    parameters: dict[str, Any]
    status: str
    result: dict[str, Any]
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    finished: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    @property
    def key(self) -> str:
        """The key of `parameters`."""
        return key_of(self.parameters)


def key_of(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of the parameters as JSON with sorted keys: equal parameters have equal keys, in whatever order."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """The runs of one file. It is opened for each operation, so that it can be used from anywhere and never stays open.

    Raises RequestError, one line, for a file that is no store, a store of another version, and whatever the disk
    refuses.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if not create and not path.is_file():
            raise RequestError(f"no store at {str(path)!r}: expected the file of a sweep that was started")
        with self._open() as connection:
            if create and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    # Another process may have made the table while this one waited.
                    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                        connection.execute(_TABLE)
                        connection.execute(f"PRAGMA application_id = {APPLICATION}")
                        connection.execute(f"PRAGMA user_version = {VERSION}")
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise RequestError(f"{str(path)!r}: expected the store of a sweep, got another SQLite file")
        if version != VERSION:
            raise RequestError(f"{str(path)!r}: expected a store of version {VERSION}, got version {version}")

    def keys(self) -> set[str]:
        """The keys of all stored runs."""
        with self._open() as connection:
            return {key for (key,) in connection.execute("SELECT key FROM runs")}

    def add(self, run: Run) -> bool:
        """Store a run; False if it was there already, which leaves the stored one as it is."""
        row = (
            run.key,
            json.dumps(run.parameters, sort_keys=True),
            run.status,
            json.dumps(run.result),
            run.seconds,
            run.finished,
            json.dumps(run.versions),
        )
        with self._open() as connection, connection:
            cursor = connection.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            return cursor.rowcount == 1

    def runs(self) -> list[Run]:
        """All runs, in the order in which they were stored."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT key, parameters, status, result, seconds, versions, finished FROM runs ORDER BY rowid"
            ).fetchall()
        return [self._run(place, *row) for place, row in enumerate(rows, 1)]

    def _run(self, place: int, key: Any, *columns: Any) -> Run:
        """The run of a row; RequestError if the row is not one that `add` wrote."""
        try:
            parameters, status, result, seconds, versions, finished = columns
            run = Run(json.loads(parameters), status, json.loads(result), seconds, json.loads(versions), finished)
            figures = run.result.values() if status == "finished" else [0.0]
            whole = run.key == key and status in STATUSES and all(math.isfinite(value) for value in figures)
            if whole and isinstance(seconds, float | int) and "".join(map(str, (*run.versions.values(), finished))):
                return run
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise RequestError(f"store {str(self.path)!r}: row {place} is damaged (`sqlite3` can delete it)")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection, closed at the end; SQLite's errors become one line that says that what is stored is kept."""
        try:
            with closing(self._connect()) as connection:
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite's message is damaged text
            raise RequestError(f"store {str(self.path)!r}: {error} (the runs stored so far are kept)") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=PATIENCE)
