"""Verdicts of all derivations, cached by the hash of what they depend on.

A verdict depends on the sources of this folder, SymPy's version and its ground types (python-flint switches them): a
file per claim and hash, written by rename, so that concurrent runs and killed ones leave only whole files. What
cannot be read is computed again. Verdicts with a step that timed out depend on the machine and are not kept.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import sympy as sp
from sympy.external.gmpy import GROUND_TYPES

from ..shell.files import write_by_rename
from .proof.derivation import DerivationVerdict, StepVerdict, check
from .registry import DERIVATIONS, derivation


def source_hash() -> str:
    """Hash of this folder's sources, SymPy's version and its ground types."""
    digest = hashlib.sha256(f"{sp.__version__} {GROUND_TYPES}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(str(path.relative_to(Path(__file__).parent)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def run_all(
    ids: Iterable[str] | None = None, time_limit: float | int = 60.0, cache_dir: str | Path | None = None
) -> dict[str, DerivationVerdict]:
    """Verdicts of the claims `ids` (default: all registered), each step within `time_limit` seconds.

    With `cache_dir` (created if need be), verdicts are read from and written to it. Raises ValueError for an unknown
    id.
    """
    wanted = list(DERIVATIONS if ids is None else ids)
    unknown = [claim for claim in wanted if claim not in DERIVATIONS]
    if unknown:
        raise ValueError(f"no derivation for {unknown}, expected some of {sorted(DERIVATIONS)}")
    folder = None if cache_dir is None else Path(cache_dir)
    suffix = source_hash() if folder else ""
    verdicts = {}
    for claim in wanted:
        path = folder / f"derivation-{claim}-{suffix}.json" if folder else None
        verdict = _read(path, claim) if path else None
        if verdict is None:
            verdict = check(derivation(claim), time_limit=time_limit)
            if path and all(step.status != "timed out" for step in verdict.steps):
                _write(path, verdict)
        verdicts[claim] = verdict
    return verdicts


def _read(path: Path, claim: str) -> DerivationVerdict | None:
    """The cached verdict, or None if there is none that can be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        steps = tuple(StepVerdict(**step) for step in document["steps"])
        return DerivationVerdict(document["id"], steps) if document["id"] == claim and steps else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: Path, verdict: DerivationVerdict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_by_rename(path, json.dumps(asdict(verdict)))
