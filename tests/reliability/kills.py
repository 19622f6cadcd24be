"""Commands that write, killed with signal 9 at random moments: nothing half-written, nothing left running."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

MARK = "ELBOGAP_RELIABILITY"
PATIENCE = 2.0
"""Seconds after which nothing of a killed command may run."""
DECODER = "import jax.numpy as jnp\ndef f(z):\n    return jnp.array([z[0], jnp.sin(z[0])])\n"
SWEEP = (
    '[grid]\nseeds = [0, 1]\ngamma2 = [10.0, 100.0]\nmixings = ["moebius"]\n[model]\nlatent_dim = 2\nhidden = [8]\n'
    "[data]\ntrain = 64\nheld_out = 64\n[training]\nsteps = 20\nwarm_up = 2\nbatch = 16\n"
)
COMMANDS = {
    "verify": ["verify", "contrast", "--out", "out"],
    "verify, resumable": ["verify", "contrast", "--effort", "standard", "--out", "out"],
    "sweep": ["sweep", "sweep.toml"],
    "record": ["record", "self-consistency", "--out", "out"],
    "figures": ["figures", "conditioning", "--format", "svg", "--out", "out"],
    "audit": ["audit", "g.py:f", "--latent-dim", "1", "--points", "8", "--account-points", "0", "--out", "out"],
}


@dataclass
class Count:
    """What became of the kills of one command."""

    tried: int = 0
    killed: int = 0
    half_written: int = 0
    orphans: int = 0
    lost: int = 0
    names: set[str] = field(default_factory=set)

    def look(self, folder: Path) -> None:
        """Count the results that are not whole, and remember their names."""
        bad = {path.name for path in results(folder) if not whole(path)}
        self.half_written += len(bad)
        self.names |= bad


def start(folder: Path, arguments: list[str]) -> tuple[subprocess.Popen, str]:
    """The command in this folder, and the mark that it and its children carry."""
    mark = uuid.uuid4().hex
    environment = os.environ | {MARK: mark, "ELBOGAP_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "elbogap", *arguments]
    out, err = (folder / "stdout").open("wb"), (folder / "stderr").open("wb")
    with out, err:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err), mark


def running(mark: str) -> list[int]:
    """The processes that carry the mark, dead ones whose parent has not looked left out."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if f"{MARK}={mark}".encode() in (path / "environ").read_bytes():
                    found.append(int(path.name))
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


def kill(folder: Path, name: str, kills: int, seed: int = 0) -> Count:
    """Run once for the time it takes, kill `kills` times, run to the end: the count."""
    prepare(folder)
    rng, count, arguments = random.Random(seed), Count(), COMMANDS[name]
    begun = time.monotonic()
    process, _ = start(folder, arguments)
    status = process.wait()
    takes = time.monotonic() - begun
    expected = {path.name for path in results(folder)}
    for _ in range(kills):
        for path in results(folder):
            path.unlink()
        if name == "sweep":
            (folder / "sweep.sqlite").unlink(missing_ok=True)
        process, mark = start(folder, arguments)
        time.sleep(rng.uniform(0, takes))
        process.send_signal(signal.SIGKILL)
        count.tried += 1
        count.killed += process.wait() == -signal.SIGKILL
        end = time.monotonic() + PATIENCE
        while running(mark) and time.monotonic() < end:
            time.sleep(0.05)
        count.orphans += len(running(mark))
        count.look(folder)
    process, _ = start(folder, arguments)
    count.lost += process.wait() != status or {path.name for path in results(folder)} != expected
    count.look(folder)
    count.lost += sum(".part" in path.name for path in folder.rglob("*"))
    return count


def two_at_once(folder: Path, name: str) -> int:
    """Two of the same command on one cache and one folder: how many failed or left half a file."""
    prepare(folder)
    both = [start(folder, COMMANDS[name])[0] for _ in range(2)]
    failed = sum(process.wait() != 0 for process in both)
    return failed + sum(not whole(path) for path in results(folder))
