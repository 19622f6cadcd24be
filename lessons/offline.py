"""An exercise on a static page: what its script needs to check an answer without a server, learnt from the checker.

A checker is Python. A page has data instead: for a number, the interval around the right answer within which the
checker accepts, found by bisection; for a formula, its values at fixed points, since two formulas that agree at five
points to nine digits are the same for a course; for a map of the plane, that what is asked is a property. The checker's
own words to the right answer and to a likely mistake are shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import sympy as sp

from .reading import Unreadable, read

_POINTS = np.array([[0.31, 0.83], [0.57, 0.29], [0.74, 1.21], [0.43, 0.52], [0.88, 0.67]])
"""Where formulas in at most two symbols are compared: positive, and no two alike."""
_FUNCTIONS = {"sqrt", "log", "ln", "exp", "sin", "cos", "tan", "e", "pi"}
_BISECTIONS = 8
"""Of a distance known to a factor of eight: what is accepted ends within three per cent of the checker's tolerance."""


class Attempt(str):
    """In place of an answer: a right one, given so that a page can be written on which other answers are checked."""

    __slots__ = ("mistake",)
    mistake: str

    def __new__(cls, right: str, mistake: str) -> Attempt:
        """The right answer and a likely mistake, both as text."""
        made = super().__new__(cls, right)
        made.mistake = mistake
        return made


def exercise_html(attempt: Attempt, check: Callable[[str], tuple[bool, str]], solution: str, words: Callable) -> str:
    """The exercise as plain HTML for `lesson.js`; `words` makes plain HTML of Markdown.

    ValueError if the checker refuses the right answer or accepts the mistake.
    """
    right, mistake = check(str(attempt)), check(attempt.mistake)
    if not right[0] or mistake[0]:
        raise ValueError(f"the checker takes {str(attempt)!r} for {right[0]} and {attempt.mistake!r} for {mistake[0]}")
    data = _rule(str(attempt), check) | {
        "right": words(right[1]),
        "mistake": [_values(attempt.mistake, _symbols(str(attempt))), words(mistake[1])],
    }
    said = '<p class="verdict soft" aria-live="polite">Checked in this page when you press Enter.</p>'
    folded = f'<details class="solution"><summary>Solution</summary>{words(solution)}</details>'
    return f'<div class="exercise" data-exercise="{escape(json.dumps(data))}">{said}{folded}</div>'


def _rule(right: str, check: Callable[[str], tuple[bool, str]]) -> dict[str, Any]:
    if ";" in right:
        return {"kind": "map"}
    if symbols := _symbols(right):
        return {"kind": "formula", "symbols": symbols, "points": _POINTS.tolist(), "values": _values(right, symbols)}
    return {"kind": "number", "range": _accepted(float(read(right, {})), check)}


def _symbols(text: str) -> list[str]:
    """The symbols of a formula, sorted."""
    return sorted(set(re.findall(r"[A-Za-z]\w*", text)) - _FUNCTIONS)


def _values(text: str, symbols: list[str]) -> Any:
    """The number, or the values of the formula at the points; None for a map."""
    if ";" in text:
        return None
    names: Mapping[str, sp.Symbol] = {name: sp.Symbol(name) for name in symbols}
    value = read(text, names)
    if not symbols:
        return float(value)
    return [float(value.subs({names[name]: x for name, x in zip(symbols, row, strict=False)})) for row in _POINTS]


def _accepted(right: float, check: Callable[[str], tuple[bool, str]]) -> tuple[float, float]:
    """The interval around a right number in which the checker accepts: the last accepted on either side."""

    def accepts(value: float) -> bool:
        try:
            return check(repr(float(value)))[0]
        except Unreadable:
            return False

    def end(side: int) -> float:
        scale = max(abs(right), 1e-9)
        inside, outside = 0.0, scale * 1e-6
        while accepts(right + side * outside):
            inside, outside = outside, 8 * outside
            if outside > 100 * scale:
                return right + side * inside
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if accepts(right + side * middle) else (inside, middle)
        return right + side * inside

    return end(-1), end(1)
