"""What the exercises of the lessons share: an answer is text; it is read, checked by the lesson, and answered.

A checker takes the text and returns (right, words), the words as Markdown. `number` and `formula` read the text and
raise `Unreadable` where they cannot, which is answered in one line. Text is read as arithmetic, never run as Python.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import marimo as mo
import sympy as sp

Check = Callable[[str], tuple[bool, str]]
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_CONSTANTS = {"pi": sp.pi, "e": sp.E}
_FUNCTIONS = {
    name: getattr(sp, name)
    for name in ("sqrt", "log", "exp", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "Abs")
}
_LONGEST, _LARGEST_IN_POWER = 400, 1000
"""Beyond these an answer is not meant, and would keep the machine busy."""


class Unreadable(ValueError):
    """The answer is not what was asked for; the message says what is expected."""


def formula(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The formula in these symbols; `Unreadable` for anything else.

    Numbers, + - * / and powers (^ or **), brackets, pi, e, and sqrt, log, exp, sin, cos, tan and the like.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
        value = _read(tree.body, _CONSTANTS | dict(symbols))
        if value.has(sp.zoo, sp.nan, sp.oo):
            raise ValueError("not finite")
    except (SyntaxError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
        names = f" in {', '.join(symbols)}" if symbols else " with numbers"
        raise Unreadable(f"A formula{names} is expected, such as `sqrt(2)*log(3)`, and nothing else.") from None
    return value


def _read(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """The value of a syntax tree of numbers, known names, arithmetic, and functions of one argument."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return sp.Rational(repr(node.value))  # a decimal is meant exactly
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_read(node.operand, known))
    if isinstance(node, ast.BinOp):
        both = _read(node.left, known), _read(node.right, known)
        if isinstance(node.op, ast.Pow) and any(one.is_number and abs(one) > _LARGEST_IN_POWER for one in both):
            raise ValueError("a power too large to be meant")
        return _OPERATORS[type(node.op)](*both)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        return _FUNCTIONS[node.func.id](_read(node.args[0], known))
    raise ValueError("not arithmetic")


def number(text: str, low: float | int = -float("inf"), high: float | int = float("inf")) -> float:
    """The number between low and high, typed as 0.25, 1/4 or sqrt(2); `Unreadable` for anything else."""
    try:
        value = float(formula(text, {}))
    except (Unreadable, TypeError):
        raise Unreadable("A number is expected, or an expression of numbers such as `(2*0.3 - 0.1)/3`.") from None
    if not low <= value <= high:
        raise Unreadable(f"A number from {low:g} to {high:g} is expected.")
    return value


def exercise(answer: str, check: Check, solution: str) -> tuple[bool, mo.Html]:
    """Whether the answer is right, and what is shown under its field: the checker's words, and the solution, hidden."""
    right, shown = False, mo.Html('<div class="live"><em>The answer is checked when you press Enter.</em></div>')
    if answer.strip():
        try:
            right, words = check(answer)
        except Unreadable as error:
            right, words = False, str(error)
        start = "**Right.**" if right else "**Not yet.**"
        shown = mo.callout(mo.md(f"{start} {words}"), kind="success" if right else "warn")
    return right, mo.vstack([shown, mo.accordion({"Solution": mo.md(solution)})])
