"""Saved `verify` documents: read, and checked before anything is made of them (docs/report-schema.md).

The check is of structure, by hand: types of the keys that the page needs. Keys that it does not know are let through,
so that a later document of the same version can say more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RequestError
from ..shell.documents import read_json
from ..shell.requests import EFFORTS, shown

VERSION = 1
KINDS = ("derived", "measured", "enclosed", "trained")
STATUSES = ("proved", "refuted", "evaluated", "argued", "timed out")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,80}")
VERDICTS = ("holds", "fails", "inconclusive", "not installed", "n/a")

LONGEST = 20_000
"""Characters of the longest text that a page takes."""
MOST = 100_000
"""Entries of the longest list that a page takes."""


@dataclass(frozen=True)
class _Kind:
    """What a value must be: in words, and as a test."""

    name: str
    test: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


def _list_of(what: str, test: Callable[[Any], bool]) -> _Kind:
    return _Kind(
        f"a list of {what}", lambda value: isinstance(value, list) and len(value) <= MOST and all(map(test, value))
    )


_TEXT = _Kind("str", lambda value: isinstance(value, str) and len(value) <= LONGEST)
_NAME = _Kind("a name of letters, digits and -", lambda value: isinstance(value, str) and bool(_ID.fullmatch(value)))
_EFFORT = _Kind(f"one of {', '.join(EFFORTS)}", lambda value: value in EFFORTS)
_INT = _Kind("int", lambda value: isinstance(value, int) and _is_number(value))
_BOOL = _Kind("bool", lambda value: isinstance(value, bool))
_DICT = _Kind("dict", lambda value: isinstance(value, dict))
_LIST = _Kind("list", lambda value: isinstance(value, list) and len(value) <= MOST)
_NUMBER = _Kind("a number", _is_number)
_MAYBE = _Kind("a number or null", lambda value: value is None or _is_number(value))
_TEXTS = _list_of("str", _TEXT.test)
_NUMBERS = _list_of("numbers and null", _MAYBE.test)
_PLAIN = _Kind(
    "an object of plain values",
    lambda value: (
        isinstance(value, dict) and all(_TEXT.test(x) or _MAYBE.test(x) or isinstance(x, bool) for x in value.values())
    ),
)
_STATUS = _Kind(f"one of {', '.join(STATUSES)}", lambda value: value in STATUSES)
_VERDICT = _Kind(f"one of {', '.join(VERDICTS)}", lambda value: value in VERDICTS)

_DOCUMENT = {"seed": _INT, "effort": _EFFORT, "versions": _PLAIN, "claims": _LIST, "controls": _DICT}
_CLAIM = {
    "id": _NAME,
    "title": _TEXT,
    "statement": _TEXT,
    "latex": _TEXT,
    "source": _TEXT,
    "assumptions": _TEXTS,
    "verdict": _VERDICT,
    "evidence": _DICT,
    "controls": _LIST,
}
_CONTROL = {"id": _TEXT, "statement": _TEXT, "rejected": _BOOL, "by": _TEXT}
_LAW = {"name": _TEXT, "verdict": _VERDICT, "summary": _TEXT, "instances": _LIST}
_FIGURES = {"predicted_order": _MAYBE, "order": _MAYBE, "constant_error": _MAYBE}
_OF_DECODERS, _OF_OWN = {"family": _TEXT, "d": _INT}, {"label": _TEXT}
_SERIES = {"eps": _NUMBERS, "difference": _NUMBERS, "floor": _NUMBERS}
_WORDS = {"along": _TEXT, "xlabel": _TEXT, "ylabel": _TEXT, "grows": _BOOL, "log_power": _INT}
_FINDING = {
    "statement": _TEXT,
    "runs": _MAYBE,
    "value": _MAYBE,
    "low": _MAYBE,
    "high": _MAYBE,
    "direction": _TEXT,
    "bound": _NUMBER,
    "control": _TEXT,
    "control_value": _MAYBE,
}


def read(path: Path) -> dict[str, Any]:
    """The document in a file; RequestError, one line, if it cannot be read or is not such a document."""
    return check(read_json(path, "a report of `elbogap verify`"), path.name)


def check(document: Any, name: str = "report") -> dict[str, Any]:
    """The document itself, if it is a report of this version; else RequestError."""
    if not isinstance(document, dict) or "version" not in document or "claims" not in document:
        raise RequestError(f"{name}: expected a report of `elbogap verify`, got other JSON")
    if document["version"] != VERSION:
        raise RequestError(f"{name}: expected a report of version {VERSION}, got version {document['version']!r}")
    _keys(document, _DOCUMENT, name)
    _optional(document, {"environment": _PLAIN, "uses": _LIST}, name)
    for use in document.get("uses", []):
        _keys(use, {"from": _NAME, "to": _NAME, "steps": _INT}, f"{name}, uses")
    _keys(document["controls"], {"planted": _INT, "rejected": _INT}, f"{name}, controls")
    for number, claim in enumerate(document["claims"]):
        where = f"{name}, claims[{number}]"
        _keys(claim, _CLAIM, where)
        _optional(claim, {"paper": _TEXT, "reason": _TEXT, "instances": _TEXT, "target": _TEXT}, where)
        for control in claim["controls"]:
            _keys(control, _CONTROL, f"{where}, controls")
            _optional(control, {"undecided": _TEXT}, f"{where}, controls")
        for kind in KINDS:
            _keys(claim["evidence"], {kind: _DICT}, f"{where}, evidence")
            _evidence(claim["evidence"][kind], f"{where}, evidence, {kind}")
    return document


def _evidence(evidence: dict[str, Any], where: str) -> None:
    _keys(evidence, {"verdict": _VERDICT, "summary": _TEXT}, where)
    lists = {"steps": _LIST, "laws": _LIST, "table": _LIST, "findings": _LIST}
    _optional(evidence, {"reason": _TEXT, "id": _TEXT, **lists}, where)
    for step in evidence.get("steps", []):
        _keys(step, {"status": _STATUS, "rule": _TEXT}, f"{where}, steps")
        _optional(step, {"seconds": _NUMBER, "detail": _TEXT}, f"{where}, steps")
    for row in evidence.get("table", []):
        _keys(row, dict.fromkeys(evidence["table"][0], _TEXT), f"{where}, table")
    for finding in evidence.get("findings", []):
        _keys(finding, _FINDING, f"{where}, findings")
    for law in evidence.get("laws", []):
        _law(law, f"{where}, laws")


def _law(law: dict[str, Any], where: str) -> None:
    _keys(law, _LAW, where)
    _optional(law, {**_FIGURES, **_WORDS, "series": _LIST}, where)
    for series in law.get("series", []):
        named = _OF_OWN if isinstance(series, dict) and "label" in series else _OF_DECODERS
        _keys(series, {**named, **_SERIES}, f"{where}, series")
        _optional(series, {"constant": _MAYBE}, f"{where}, series")
        lengths = {len(series[name]) for name in ("eps", "difference", "floor")}
        if len(lengths) > 1:
            raise RequestError(f"{where}, series: expected eps, difference and floor of equal length, got {lengths}")


def _keys(value: Any, kinds: Mapping[str, _Kind], where: str) -> None:
    if not isinstance(value, dict):
        raise RequestError(f"{where}: expected an object, got {type(value).__name__}")
    for key in kinds:
        if key not in value:
            raise RequestError(f"{where}: expected the key {shown(key)}, which is missing")
    _optional(value, kinds, where)


def _optional(value: dict[str, Any], kinds: Mapping[str, _Kind], where: str) -> None:
    """The keys that are there are of their kind."""
    for key, kind in kinds.items():
        if key in value and not kind.test(value[key]):
            given = value[key]
            got = shown(given) if isinstance(given, str) and kind is not _INT else type(given).__name__
            raise RequestError(f"{where}, {key}: expected {kind.name}, got {got}")
