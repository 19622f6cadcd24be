"""Two audits compared, by their documents: what changed, and whether beyond what their intervals allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import RequestError
from ..shell.documents import read_json
from .pages.sentences import PART_NAMES, number

_SETTINGS = ("latent_dim", "outputs", "prior", "observation", "eps", "points", "account_points", "seed")
_ROUND_OFF = 1e-9  # relative: the same run on another machine


def read_audit(path: Path) -> dict[str, Any]:
    """The document of audit.json. RequestError where it is not one."""
    found = read_json(path, "the audit.json of an audit")
    if not isinstance(found, dict) or not {"version", "parameters", "contrast", "gap", "regime"} <= set(found):
        raise RequestError(f"{path}: expected the audit.json of an audit, got a document without its parts")
    return found


def settings_that_differ(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """What was asked for, where the two differ."""
    old, new = first["parameters"], second["parameters"]
    return [f"{name}: {old.get(name)} and {new.get(name)}" for name in _SETTINGS if old.get(name) != new.get(name)]


def rows_of(first: dict[str, Any], second: dict[str, Any]) -> list[list[str]]:
    """Name, value before and after, difference, and what it means, of every number that is in one of them."""
    rows = []
    for name, old, new in zip(_NAMES, _stated(first), _stated(second), strict=True):
        if old is None and new is None:
            continue
        rows.append([name, number(_mean(old)), number(_mean(new)), *_change(old, new)])
    for name, key in (("inactive latents", "inactive"), ("entangled pairs", "entangled"), ("alarms", "alarms")):
        old, new = len(first[key]), len(second[key])
        rows.append([name, str(old), str(new), f"{new - old:+d}" if new != old else "0", _named(first, second, key)])
    return rows


_NAMES = (
    "contrast (nat)",
    "finite-noise contrast (nat)",
    "gap (nat)",
    *(f"{name} (nat)" for name in PART_NAMES.values()),
    "log-likelihood (nat)",
    "threshold of the regime (eps)",
    "residual (noise deviations)",
    "Pareto k, best encoder",
)


def _stated(document: dict[str, Any]) -> list[Any]:
    """Values, or means with their intervals, in the order of `_NAMES`."""
    gap = document["gap"] or {"parts": {}}
    parts = [gap["parts"].get(part) for part in PART_NAMES]
    contrast = document["contrast"]
    return [
        contrast["mean"],
        contrast["finite_noise"]["mean"],
        gap.get("sum"),
        *parts,
        gap.get("log_likelihood"),
        (document["regime"] or {}).get("threshold"),
        (document["fit"] or {}).get("deviations"),
        (document.get("weights") or {}).get("best_shape"),
    ]


def _mean(value: Any) -> float | None:
    return value["mean"] if isinstance(value, dict) else value


def _change(old: Any, new: Any) -> list[str]:
    before, after = _mean(old), _mean(new)
    if before is None or after is None:
        return ["–", "in one of them only"]
    difference = after - before
    if abs(difference) <= _ROUND_OFF * max(abs(before), abs(after)):
        return ["0", ""]
    shown = ("+" if difference > 0 else "") + number(difference)
    intervals = [value for value in (old, new) if isinstance(value, dict) and value["low"] is not None]
    if len(intervals) < 2:
        return [shown, ""]
    apart = old["high"] < new["low"] or new["high"] < old["low"]
    return [shown, "beyond the 95 % intervals" if apart else "within the 95 % intervals"]


def _named(first: dict[str, Any], second: dict[str, Any], key: str) -> str:
    """Which latents were named in one of them only."""
    if key == "alarms":
        return ""
    old, new = ({_label(one) for one in document[key]} for document in (first, second))
    gone, come = sorted(old - new), sorted(new - old)
    said = [f"no longer {', '.join(gone[:6])}"] * bool(gone) + [f"new: {', '.join(come[:6])}"] * bool(come)
    return "; ".join(said)


def _label(one: Any) -> str:
    return " and ".join(map(str, one["latents"])) if isinstance(one, dict) else str(one)
