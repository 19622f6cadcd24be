"""What the exercises of the lessons share: an answer is text; it is read, checked by the lesson, and answered.

A checker takes the text and returns (right, words), the words as Markdown. `number` and `formula` read the text and
raise `Unreadable` where they cannot, which is answered in one line. Text is read as arithmetic, never run as Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import marimo as mo
import sympy as sp

from .offline import Attempt, exercise_html
from .reading import Unreadable, read
from .static_html import static

Check = Callable[[str], tuple[bool, str]]


def formula(text: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The formula in these symbols, as `reading.read` reads it; `Unreadable` for anything else."""
    return read(text, symbols)


def number(text: str, low: float | int = -float("inf"), high: float | int = float("inf")) -> float:
    """The number between low and high, typed as 0.25, 1/4 or sqrt(2); `Unreadable` for anything else."""
    try:
        value = float(read(text, {}))
    except TypeError:
        raise Unreadable(f"A real number is expected, and `{text.strip()}` is none.") from None
    if not low <= value <= high:
        raise Unreadable(f"A number from {low:g} to {high:g} is expected.")
    return value


def exercise(answer: str, check: Check, solution: str) -> tuple[bool, mo.Html]:
    """Whether the answer is right, and what is shown under its field: words, and after a try the solution."""
    if isinstance(answer, Attempt):
        return True, mo.Html(exercise_html(answer, check, solution, lambda words: static(mo.md(words).text)))
    if not answer.strip():
        waiting = "The answer is checked when you press Enter; the solution opens after a try."
        return False, mo.Html(f'<div class="live"><em>{waiting}</em></div>')
    try:
        right, words = check(answer)
    except Unreadable as error:
        right, words = False, str(error)
    start = "**Right.**" if right else "**Not yet.**"
    shown = mo.callout(mo.md(f"{start} {words}"), kind="success" if right else "warn")
    return right, mo.vstack([shown, mo.accordion({"Solution": mo.md(solution)})])


def prediction(label: str = "Your prediction, in a few words") -> mo.ui.text:
    """A field for what one expects, asked before it is shown; any words will do."""
    return mo.ui.text(label=label, placeholder="then press Enter", full_width=True)


def after(field: mo.ui.text, *shown: object) -> mo.Html:
    """What is shown once something has been predicted in this field."""
    view = mo.as_html(shown[0]) if len(shown) == 1 else mo.vstack(shown)
    if field.value.strip():
        return view
    waiting = '<p class="live"><em>Predict first: the answer is shown when you press Enter.</em></p>'
    return mo.Html(f'{waiting}<div class="asked" style="display: none">{view.text}</div>')
