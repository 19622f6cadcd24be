"""What is known of the claims without importing them: names, titles, and explanations that were made before.

A claim imports JAX and SymPy, which takes seconds; its name does not need them. So names and explanations are kept
between runs, under the hash of the sources that they come from and SymPy's version, and read back without either.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..shell import requests
from ..shell.cache import cache_directory, prepare_jax
from ..shell.files import hash_of_sources
from ..shell.kept import keep, kept_json, read_kept


class Listed(NamedTuple):
    """A claim's id, its name in the paper ("" where it has none) and its title."""

    id: str
    paper: str
    title: str


def listed() -> list[Listed]:
    """Every built-in claim, in order; kept."""
    return [Listed(*row) for row in kept_json(_path("claims", ".json"), _rows)]


def _rows() -> list[list[str]]:
    prepare_jax()
    from .registry import CLAIMS

    return [[claim.id, claim.paper, claim.title] for claim in CLAIMS.values()]


def check(name: str) -> None:
    """RequestError with the nearest id or name in the paper where no built-in claim is called `name`."""
    rows = listed()
    names = [*(row.id for row in rows), *dict.fromkeys(row.paper for row in rows if row.paper)]
    if name.casefold() not in map(str.casefold, names):
        requests.known("claim", name, names)


def explained(name: str, *, latex: bool) -> str:
    """The explanation of the claims of this id or name in the paper; kept unless a step ran out of time."""
    check(name)
    path = _path(f"explained-{hashlib.sha256(f'{name} {latex}'.encode()).hexdigest()[:16]}", ".txt")
    text = read_kept(path, bytes.decode)
    if text is None:
        prepare_jax()
        from .explain import explain
        from .registry import named

        folder = cache_directory() / "derivations"
        text = "\n\n".join(explain(claim, latex=latex, cache_dir=folder) for claim in named(name))
        if "timed out" not in text:
            keep(path, text)
    return text


def _path(name: str, suffix: str) -> Path:
    flint = find_spec("flint") is not None  # switches SymPy's ground types
    made_from = f"{version('sympy')} {flint} {hash_of_sources('theory', 'proofs_checks')}"
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:24]
    return cache_directory() / "derivations" / f"{name}-{digest}{suffix}"
