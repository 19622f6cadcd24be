"""Commands that write, killed with signal 9 at random moments: nothing lost, doubled, half-written or left running.

Half of the moments are uniform over the run; the others follow one of its writes, since that is where files can be
torn. What a killed run leaves is where the next one starts, until one of them comes to its end.

One run in ten is a fresh interpreter; the others are forks of this process, in which the packages are imported already:
they are killed at work. Workers are fresh interpreters always.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# As the command line sets it, before NumPy is loaded, which a fork finds loaded: two threads add up in another order,
# and training makes 1e-5 of that.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

MARK = "ELBOGAP_RELIABILITY"
PATIENCE = 2.0
"""Seconds after which nothing of a killed command may run."""
LOOK = 0.002
"""Seconds between two looks at what a command has written."""
AFTER_A_WRITE = 0.05
"""Seconds after a write within which an aimed kill falls: the next write, a rename, or the end."""
ENDS_FIRST = 4
"""Tries for each kill that is asked for, as a run may end before its moment comes."""
FRESH = 10
"""One run in so many is a fresh interpreter."""
IMPORTED = (
    *("cli", "auditing.audit", "auditing.commands", "auditing.pages.page", "figures.commands", "figures.conditioning"),
    *("figures.making", "proofs_checks.commands", "proofs_checks.registry", "proofs_checks.verify"),
    *("proofs_checks.measurements", "proofs_checks.terminal_report", "report.verification", "training.commands"),
    *("training.experiments.fixed_decoder", "training.sweeps.commands", "training.sweeps.sweep"),
)
"""What the commands import; none of it starts JAX."""
DECODER = "import jax.numpy as jnp\ndef f(z):\n    return jnp.array([z[0], jnp.sin(z[0])])\n"
SWEEP = (
    '[grid]\nseeds = [0, 1, 2, 3]\ngamma2 = [10.0, 100.0]\nmixings = ["moebius"]\n[model]\nlatent_dim = 2\n'
    "hidden = [8]\n[data]\ntrain = 64\nheld_out = 64\n[training]\nsteps = 20\nwarm_up = 2\nbatch = 16\n"
)


@dataclass(frozen=True)
class Command:
    """A command line, and where it keeps what a killed run leaves to the next one."""

    arguments: tuple[str, ...]
    kept: str = "nothing"
    """Pattern of the files, each written once; rows of the store of a sweep count as files of their own."""
    again: int = sys.maxsize
    """How many of them are removed when a run is to start afresh: enough to be killed in the middle of."""


AUDIT = ("audit", "g.py:f", "--latent-dim", "1", "--points", "8", "--account-points", "0", "--out", "out")
COMMANDS = {
    "verify": Command(("verify", "contrast", "--out", "out")),
    "verify, resumable": Command(
        ("verify", "contrast", "beta-vae", "--effort", "standard", "--out", "out"), "cache/unfinished/*/*.npz"
    ),
    "sweep": Command(("sweep", "sweep.toml"), "rows"),
    "record": Command(("record", "fixed-decoder", "--out", "out"), "cache/experiments/*/*.json", 2),
    "figures": Command(("figures", "conditioning", "--format", "svg", "--out", "out"), "cache/figures/*"),
    "audit": Command(AUDIT),
}


@dataclass
class Count:
    """What became of the kills of one command."""

    tried: int = 0
    killed: int = 0
    while_writing: int = 0
    lost: int = 0
    doubled: int = 0
    half_written: int = 0
    orphans: int = 0
    names: set[str] = field(default_factory=set)

    @property
    def bad(self) -> int:
        """All that should be zero."""
        return self.lost + self.doubled + self.half_written + self.orphans

    def note(self, what: str, names: set[str]) -> None:
        """Count these, and remember their names."""
        setattr(self, what, getattr(self, what) + len(names))
        self.names |= {f"{what}: {name}" for name in names}

    def __str__(self) -> str:
        kills = f"{self.killed} kills ({self.while_writing} after a write), {self.tried} tried"
        figures = f"{self.lost} lost, {self.doubled} doubled, {self.half_written} half-written, {self.orphans} orphans"
        return f"{kills}: {figures}{''.join(f'{chr(10)}  {name}' for name in sorted(self.names))}"


class Fork:
    """A command in a fork of this process, as a `subprocess.Popen` of it would be."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]):
        self._process = multiprocessing.get_context("fork").Process(
            target=_run_here, args=(folder, arguments, environment)
        )
        self._process.start()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        """The exit status, negative after a signal."""
        self._process.join()
        return self._process.exitcode or 0

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self._process.pid is not None and self.poll() is None:
            os.kill(self._process.pid, number)


Process = Fork | subprocess.Popen


def _run_here(folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    """The command, in a process that was forked for it."""
    os.chdir(folder)
    os.environ.update(environment)
    for name, descriptor, flags in (("stdout", 1, os.O_TRUNC), ("stderr", 2, os.O_APPEND)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | flags), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    sys.argv = ["elbogap", *arguments]
    importlib.import_module("elbogap.cli").main()


def start(folder: Path, arguments: tuple[str, ...], *, fresh: bool = True) -> tuple[Process, str]:
    """The command in this folder, and the mark that its children carry, and it itself if it is fresh."""
    mark = uuid.uuid4().hex
    environment = {MARK: mark, "ELBOGAP_CACHE_DIR": str(folder / "cache")}
    if not fresh:
        for name in IMPORTED:
            importlib.import_module(f"elbogap.{name}")
        return Fork(folder, arguments, environment), mark
    command = [sys.executable, "-m", "elbogap", *arguments]
    out, err = (folder / "stdout").open("wb"), (folder / "stderr").open("ab")
    with out, err:
        return subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=out, stderr=err), mark


def running(mark: str) -> set[str]:
    """The processes that carry the mark, dead ones whose parent has not looked left out."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if f"{MARK}={mark}".encode() in (path / "environ").read_bytes():
                    found.add(path.name)
            except OSError:
                continue
    return found


def whole(path: Path) -> bool:
    """Whether a result is a whole file of its kind."""
    content = path.read_bytes()
    match path.suffix:
        case ".json":
            try:
                json.loads(content)
            except ValueError:
                return False
            return True
        case ".html":
            return content.rstrip().endswith(b"</html>")
        case ".svg":
            return content.rstrip().endswith(b"</svg>")
    return content.endswith(b"\n")


def prepare(folder: Path) -> None:
    """What the commands need."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "g.py").write_text(DECODER)
    (folder / "sweep.toml").write_text(SWEEP)


def results(folder: Path) -> list[Path]:
    """The files that the command wrote for people, hidden ones left out."""
    return [path for path in (folder / "out").glob("*") if not path.name.startswith(".")]


def rows(folder: Path) -> list[tuple[str, str, str]]:
    """Key, result and time of every row in the store of a sweep; sqlite3.Error if it is damaged."""
    path = folder / "sweep.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("not whole")
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return []  # killed before its table was made
        return connection.execute("SELECT key, result, finished FROM runs").fetchall()


def kept(folder: Path, pattern: str) -> dict[str, Any]:
    """What the next run starts from: name of each entry, and what changes if it is written again."""
    if pattern == "rows":
        return {key: finished for key, _, finished in rows(folder)}
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(pattern) if not path.name.startswith(".")}


def said(folder: Path) -> dict[str, Any]:
    """What the whole results say, seconds left out."""
    found: dict[str, Any] = {key: result for key, result, _ in rows(folder)}
    for path in results(folder):
        if whole(path):
            content = path.read_bytes()
            found[path.name] = without_seconds(json.loads(content)) if path.suffix == ".json" else content
    return found


def without_seconds(document: Any) -> Any:
    """The document without what it says about times."""
    if isinstance(document, dict):
        return {name: without_seconds(value) for name, value in document.items() if name != "seconds"}
    return [without_seconds(value) for value in document] if isinstance(document, list) else document


def difference(expected: Any, found: Any) -> str:
    """Where two documents differ first, and in what; empty if they do not."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        within = ((f"/{name}", difference(expected[name], found[name])) for name in found)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        within = ((f"/{index}", difference(*pair)) for index, pair in enumerate(zip(expected, found, strict=True)))
    else:
        return "" if expected == found else f": {str(found)[:60]} in place of {str(expected)[:60]}"
    return next((name + rest for name, rest in within if rest), "")


def written(folder: Path, pattern: str) -> set[tuple[str, int]]:
    """What there is of results, store and kept entries, temporary files too: it changes with every write."""
    found = set()
    places = ["out/*", "sweep.sqlite*", *([str(Path(pattern).parent / "*")] if "/" in pattern else [])]
    for place in places:
        for path in folder.glob(place):
            try:
                found.add((path.name, path.stat().st_mtime_ns))
            except OSError:
                continue
    return found


def watch(process: Process, folder: Path, pattern: str, writes: int) -> int:
    """Wait for so many writes or the end of the process; how many were seen."""
    count, before = 0, written(folder, pattern)
    while count < writes and process.poll() is None:
        now = written(folder, pattern)
        count, before = count + (now != before), now
        time.sleep(LOOK)
    return count


def clear(folder: Path, command: Command, rng: random.Random) -> None:
    """Remove results and what was kept, or as much of it as the command says, for a run that starts afresh."""
    paths = [path for place in ("out/*", "sweep.sqlite*") for path in folder.glob(place)]
    entries = sorted(folder.glob(command.kept)) if "/" in command.kept else []
    for path in paths + rng.sample(entries, min(command.again, len(entries))):
        path.unlink()


def kill(folder: Path, name: str, kills: int, seed: int = 0) -> Count:
    """Run cold, run once more for the time it takes, kill `kills` times, run to the end: the count."""
    prepare(folder)
    rng, count, command = random.Random(seed), Count(), COMMANDS[name]
    status = start(folder, command.arguments)[0].wait()
    clear(folder, command, rng)
    begun = time.monotonic()
    process, _ = start(folder, command.arguments, fresh=False)
    writes = watch(process, folder, command.kept, sys.maxsize)
    takes = time.monotonic() - begun
    expected = said(folder)
    ended = True
    while count.killed < kills and count.tried < ENDS_FIRST * kills:
        if ended or said(folder).keys() == expected.keys():
            clear(folder, command, rng)
        before = kept(folder, command.kept)
        process, mark = start(folder, command.arguments, fresh=count.tried % FRESH == FRESH - 1)
        aimed = count.killed % 2 == 1
        if aimed:
            watch(process, folder, command.kept, rng.randint(1, max(1, writes)))
        time.sleep(rng.uniform(0, AFTER_A_WRITE if aimed else takes))
        process.send_signal(signal.SIGKILL)
        ended = process.wait() != -signal.SIGKILL
        count.tried += 1
        count.killed += not ended
        count.while_writing += aimed and not ended
        _look(folder, command, before, expected, mark, count)
    process, mark = start(folder, command.arguments)
    if (last := process.wait()) != status:
        count.note("lost", {f"status {last} in place of {status}"})
    count.note("lost", expected.keys() - said(folder).keys())
    count.note("lost", {path.name for path in folder.rglob("*") if ".part" in path.name})
    _look(folder, command, {}, expected, mark, count)
    ignored = [line for line in (folder / "stderr").read_text().splitlines() if "ignored" in line]
    count.note("half_written", set(ignored))
    return count


def _look(folder: Path, command: Command, before: dict, expected: dict, mark: str, count: Count) -> None:
    """Count what the process with this mark left behind."""
    end = time.monotonic() + PATIENCE
    while running(mark) and time.monotonic() < end:
        time.sleep(0.05)
    count.note("orphans", running(mark))
    count.note("half_written", {path.name for path in results(folder) if not whole(path)})
    now, found = kept(folder, command.kept), said(folder)
    differences = {name: difference(expected.get(name), found[name]) for name in found}
    count.note("lost", {name + where for name, where in differences.items() if where})
    if found.keys() != expected.keys() or command.kept == "rows":  # a complete run forgets what made it resumable
        count.note("lost", before.keys() - now.keys())
    count.note("doubled", {name for name in before.keys() & now.keys() if before[name] != now[name]})
    if command.kept == "rows":
        keys = Counter(key for key, _, _ in rows(folder))
        count.note("doubled", {key for key, times in keys.items() if times > 1})


def two_at_once(folder: Path, name: str) -> set[str]:
    """Two of the same command on one cache, one store and one folder: what is not as one of them alone leaves it."""
    prepare(folder)
    command = COMMANDS[name]
    both = [start(folder, command.arguments) for _ in range(2)]
    bad = {f"status {process.returncode}" for process, _ in both if process.wait()}
    bad |= {path.name for path in results(folder) if not whole(path)}
    bad |= {path.name for path in folder.rglob("*") if ".part" in path.name}
    bad |= {line for line in (folder / "stderr").read_text().splitlines() if "ignored" in line}
    together = said(folder)
    if len(rows(folder)) != len({key for key, _, _ in rows(folder)}):
        bad.add("a run stored twice")
    clear(folder, command, random.Random(0))
    start(folder, command.arguments)[0].wait()
    alone = said(folder)
    return bad | {key for key in together.keys() | alone.keys() if together.get(key) != alone.get(key)}
