"""One seed, one document: `verify --json` on one and two cores, with a fresh cache and with one that is used again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

CLAIMS = (("contrast",), ("general-limit", "kinks"), ("enclosure", "mean-slope"))
"""What is asked for, one command each."""


def documents(folder: Path, claims: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of the document by cores and cache; where cores cannot be chosen, of two runs on all of them."""
    found = {}
    everything = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for name, cores in (("one core", everything[:1]), ("two cores", everything[:2])):
        for state in ("cold", "warm"):
            environment = os.environ | {"ELBOGAP_CACHE_DIR": str(folder / f"cache of {name}")}
            command = [sys.executable, "-m", "elbogap", "verify", *claims, "--json"]
            if everything:
                command = ["taskset", "-c", ",".join(map(str, cores)), *command]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
            (folder / f"{'-'.join(claims)} on {name}, {state}.json").write_bytes(done.stdout)
            found[f"{name}, {state}"] = hashlib.sha256(done.stdout).hexdigest()[:16] if done.stdout else "nothing"
    return found
