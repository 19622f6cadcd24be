"""Derived evidence: the verdicts of `theory`, worked out in a process of their own beside the measurements.

SymPy and JAX then use one core each. The process is a fresh interpreter (never a fork: JAX has threads), its
verdicts are cached by the hash of theory's sources, and it dies with its parent's request (`cancel`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .claim import Evidence

STEP_TIME_LIMIT = 60.0
"""Seconds that one SymPy call may take; the slowest core step takes a tenth of it."""


class Derivations:
    """A running request for the verdicts on the derivations `ids`."""

    def __init__(self, ids: Sequence[str], cache_dir: Path | None = None) -> None:
        request = {
            "ids": list(ids),
            "time_limit": STEP_TIME_LIMIT,
            "cache": str(cache_dir) if cache_dir else None,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request))
        self._process.stdin.close()
        self._process.stdin = None

    def evidence(self) -> dict[str, Evidence]:
        """Wait for the process; the evidence by claim id."""
        output, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the derivation process failed: {errors.strip().splitlines()[-1:]}")
        return {verdict["id"]: _evidence(verdict) for verdict in json.loads(output)}

    def cancel(self) -> None:
        """Stop the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def serve() -> None:
    """Answer one request on standard input with the verdicts on standard output (run by `Derivations`)."""
    from ..theory.verdicts import run_all

    request = json.load(sys.stdin)
    verdicts = run_all(request["ids"], request["time_limit"], request["cache"])
    json.dump([asdict(verdict) for verdict in verdicts.values()], sys.stdout)


def _evidence(verdict: dict[str, Any]) -> Evidence:
    statuses = [step["status"] for step in verdict["steps"]]
    counts = {name: statuses.count(name) for name in dict.fromkeys(statuses)}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    if "refuted" in counts:
        return Evidence("fails", summary, verdict)
    # Steps that are argued in words are said to be so; they do not make or break the machine's verdict.
    checked = counts.get("proved", 0) > 0 and not {"evaluated", "timed out"} & counts.keys()
    return Evidence("holds" if checked else "inconclusive", summary, verdict)
