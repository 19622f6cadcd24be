"""What the exercises of the lessons share: an answer is text; it is read, checked by the lesson, and answered.

A checker takes the text and returns (right, words), the words as Markdown. `number` and `formula` read the text and
raise `Unreadable` where they cannot, which is answered in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import marimo as mo
import sympy as sp

Check = Callable[[str], tuple[bool, str]]


class Unreadable(ValueError):
    """The answer is not what was asked for; the message says what is expected."""


def formula(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The formula in these symbols, as SymPy reads it; `Unreadable` for anything else."""
    names = ", ".join(symbols)
    try:
        expression = sp.sympify(text.replace("^", "**"), locals=dict(symbols))
        strange = expression.free_symbols - set(symbols.values())
    except (sp.SympifyError, SyntaxError, TypeError, AttributeError, ValueError):
        raise Unreadable(f"This is not a formula in {names} that SymPy can read.") from None
    if strange or not isinstance(expression, sp.Expr):
        raise Unreadable(f"A formula in {names} is expected, and nothing else.")
    return expression


def number(text: str, low: float = -float("inf"), high: float = float("inf")) -> float:
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
    right, shown = False, mo.md("*The answer is checked when you press Enter.*")
    if answer.strip():
        try:
            right, words = check(answer)
        except Unreadable as error:
            right, words = False, str(error)
        start = "**Right.**" if right else "**Not yet.**"
        shown = mo.callout(mo.md(f"{start} {words}"), kind="success" if right else "warn")
    return right, mo.vstack([shown, mo.accordion({"Solution": mo.md(solution)})])
