"""Saved `verify` documents: read, and checked before anything is made of them (docs/report-schema.md).

The check is of structure, by hand: types of the keys that the page needs. Keys that it does not know are let through,
so that a later document of the same version can say more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import RequestError

VERSION = 1
KINDS = ("derived", "measured", "enclosed", "trained")
VERDICTS = ("holds", "fails", "inconclusive", "not installed", "n/a")

_Kind = type | tuple[type, ...]
_DOCUMENT: dict[str, _Kind] = {"seed": int, "effort": str, "versions": dict, "claims": list, "controls": dict}
_CLAIM: dict[str, _Kind] = {
    "id": str,
    "title": str,
    "statement": str,
    "latex": str,
    "source": str,
    "assumptions": list,
    "verdict": str,
    "evidence": dict,
    "controls": list,
}
_CONTROL: dict[str, _Kind] = {"id": str, "statement": str, "rejected": bool, "by": str}
_LAW: dict[str, _Kind] = {"name": str, "verdict": str, "summary": str, "instances": list}
_SERIES: dict[str, _Kind] = {"eps": list, "difference": list, "floor": list}
_OF_DECODERS: dict[str, _Kind] = {"family": str, "d": int}


def read(path: Path) -> dict[str, Any]:
    """The document in a file; RequestError, one line, if it cannot be read or is not such a document."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"{path}: expected a file that can be read, got {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path.name}: expected a report of `elbogap verify` in JSON, got no text") from None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RequestError(f"{path.name}: expected JSON, got {str(error)[:100]}") from None
    return check(document, path.name)


def check(document: Any, name: str = "report") -> dict[str, Any]:
    """The document itself, if it is a report of this version; else RequestError."""
    if not isinstance(document, dict) or "version" not in document or "claims" not in document:
        raise RequestError(f"{name}: expected a report of `elbogap verify`, got other JSON")
    if document["version"] != VERSION:
        raise RequestError(f"{name}: expected a report of version {VERSION}, got version {document['version']!r}")
    _keys(document, _DOCUMENT, name)
    _keys(document["controls"], {"planted": int, "rejected": int}, f"{name}, controls")
    for number, claim in enumerate(document["claims"]):
        where = f"{name}, claims[{number}]"
        _keys(claim, _CLAIM, where)
        _one_of(claim["verdict"], where)
        for control in claim["controls"]:
            _keys(control, _CONTROL, f"{where}, controls")
        for kind in KINDS:
            _keys(claim["evidence"], {kind: dict}, f"{where}, evidence")
            _evidence(claim["evidence"][kind], f"{where}, evidence, {kind}")
    return document


def _evidence(evidence: dict[str, Any], where: str) -> None:
    _keys(evidence, {"verdict": str, "summary": str}, where)
    _one_of(evidence["verdict"], where)
    for step in evidence.get("steps", []):
        _keys(step, {"status": str, "rule": str}, f"{where}, steps")
    for law in evidence.get("laws", []):
        _keys(law, _LAW, f"{where}, laws")
        for series in law.get("series", []):
            named = {"label": str} if isinstance(series, dict) and "label" in series else _OF_DECODERS
            _keys(series, named | _SERIES, f"{where}, series")


def _keys(value: Any, kinds: dict[str, _Kind], where: str) -> None:
    if not isinstance(value, dict):
        raise RequestError(f"{where}: expected an object, got {type(value).__name__}")
    for key, kind in kinds.items():
        if key not in value:
            raise RequestError(f"{where}: expected the key {key!r}, which is missing")
        if not isinstance(value[key], kind) or (kind is int and isinstance(value[key], bool)):
            expected = getattr(kind, "__name__", str(kind))
            raise RequestError(f"{where}, {key}: expected {expected}, got {type(value[key]).__name__}")


def _one_of(verdict: str, where: str) -> None:
    if verdict not in VERDICTS:
        raise RequestError(f"{where}, verdict: expected one of {', '.join(VERDICTS)}, got {verdict!r}")
