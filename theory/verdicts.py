"""Verdicts of all derivations, cached by the hash of what they depend on.

A verdict depends on the sources of this folder, SymPy's version and its ground types (python-flint switches them): a
sealed file per claim and hash. What cannot be read, or does not name every step, is computed again (`shell.kept`).
Verdicts with a step that timed out depend on the machine and are not kept.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import sympy as sp
from sympy.external.gmpy import GROUND_TYPES

from ..errors import RequestError
from ..shell import requests
from ..shell.files import hash_of_sources
from ..shell.kept import keep, read_kept
from .proof.derivation import Derivation, DerivationVerdict, Status, StepVerdict, check
from .registry import DERIVATIONS, derivation


def source_hash() -> str:
    """Hash of this folder's sources, SymPy's version and its ground types."""
    made_from = f"{sp.__version__} {GROUND_TYPES} {hash_of_sources('theory')}"
    return hashlib.sha256(made_from.encode()).hexdigest()[:24]


def run_all(
    ids: Iterable[str] | None = None, time_limit: float | int = 60.0, cache_dir: str | Path | None = None
) -> dict[str, DerivationVerdict]:
    """Verdicts of the claims `ids` (default: all registered), each step within `time_limit` seconds.

    With `cache_dir` (created if need be), verdicts are read from and written to it. Raises RequestError for an unknown
    id.
    """
    requests.number("time_limit", time_limit, above=0)
    wanted = list(DERIVATIONS if ids is None else ids)
    unknown = [claim for claim in wanted if claim not in DERIVATIONS]
    if unknown:
        raise RequestError(f"no derivation for {unknown}, expected some of {sorted(DERIVATIONS)}")
    folder = None if cache_dir is None else Path(cache_dir)
    suffix = source_hash() if folder else ""
    verdicts = {}
    for claim in wanted:
        path = folder / f"derivation-{claim}-{suffix}.json" if folder else None
        verdict = _read(path, claim) if path else None
        if verdict is None:
            verdict = check(derivation(claim), time_limit=time_limit)
            if path and all(step.status != "timed out" for step in verdict.steps):
                keep(path, json.dumps(asdict(verdict)))
        verdicts[claim] = verdict
    return verdicts


def _read(path: Path, claim: str) -> DerivationVerdict | None:
    """The verdict that is kept, or None if there is none that counts."""
    return read_kept(path, lambda content: complete(json.loads(content), derivation(claim)))


def complete(document: Any, of: Derivation) -> DerivationVerdict:
    """The verdict in a document, if it names every step of the derivation as it is now, with known statuses.

    ValueError otherwise: a step that was left out, or a word that is no status, is no evidence.
    """
    verdict = DerivationVerdict(document["id"], tuple(StepVerdict(**step) for step in document["steps"]))
    rules = [step.rule for step in of.steps]
    if verdict.id != of.id or [step.rule for step in verdict.steps] != rules or not rules:
        raise ValueError(f"expected a verdict on the {len(rules)} steps of {of.id!r}")
    for step, now in zip(verdict.steps, of.steps, strict=True):
        kept = {"argued"} if now.argued else set(get_args(Status)) - {"argued", "timed out"}
        if step.status not in kept:
            raise ValueError(f"{step.status!r} is no status that is kept of the step {step.rule!r}")
    return verdict
