"""Two verify documents compared: verdicts, constants and counts that changed by more than their stated errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROUND_OFF = 1e-9
"""Relative: the same run on another machine changes the last digits of sums."""


@dataclass(frozen=True)
class Comparison:
    """What changed, one line each, and the claims that lost their verdict."""

    lines: tuple[str, ...]
    lost: tuple[str, ...]


def compared(old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """The changes from `old` to `new`; a claim that held and does not now, or is missing, has lost its verdict.

    Claims that were not asked for this time are named, and lose nothing unless they share no claim at all.
    """
    before, after = ({claim["id"]: claim for claim in document["claims"]} for document in (old, new))
    lines, lost = [], []
    for name, claim in after.items():
        if name not in before:
            lines.append(f"{name}: new, {claim['verdict']}")
            continue
        was = before[name]
        if was["verdict"] != claim["verdict"]:
            lines.append(f"{name}: {was['verdict']} -> {claim['verdict']} {claim.get('reason', '')}".rstrip())
            if was["verdict"] == "holds":
                lost.append(name)
        lines += _counts(name, was, claim) + _constants(name, was, claim)
    for name in before:
        if name not in after:
            lines.append(f"{name}: {before[name]['verdict']} before, not asked for now")
    if not set(before) & set(after):
        lines.append("no claim in common: nothing was compared")
        lost += [name for name in before if before[name]["verdict"] == "holds"]
    return Comparison(tuple(lines) or ("nothing changed beyond the stated errors",), tuple(lost))


def _counts(name: str, was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    found = []
    for what, count in (
        ("controls planted", lambda claim: len(claim["controls"])),
        ("controls rejected", lambda claim: sum(control["rejected"] for control in claim["controls"])),
        ("instances", lambda claim: claim["evidence"]["measured"].get("instances", 0)),
        ("conclusive", lambda claim: claim["evidence"]["measured"].get("conclusive", 0)),
    ):
        if count(was) != count(now):
            found.append(f"{name}: {what} {count(was)} -> {count(now)}")
    return found


def _constants(name: str, was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Orders and constants, row by row where both runs drew the same rows, beyond the sum of their half-widths."""
    before, after = (_laws(claim) for claim in (was, now))
    found = []
    for law in before.keys() & after.keys():
        rows = zip(before[law], after[law], strict=False)
        for i, (one, other) in enumerate(rows):
            for figure, width in (("order", "order_half_width"), ("constant", "constant_half_width")):
                value, changed = one.get(figure), other.get(figure)
                if value is None or changed is None or one.get("predicted_constant") != other.get("predicted_constant"):
                    continue
                allowed = (one.get(width) or 0.0) + (other.get(width) or 0.0) + ROUND_OFF * abs(value)
                if abs(value - changed) > allowed:
                    found.append(f"{name}, {law}, instance {i + 1}: {figure} {value:.6g} -> {changed:.6g}")
    return found


def _laws(claim: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {law["name"]: law["instances"] for law in claim["evidence"]["measured"].get("laws", [])}
