"""A derivation: a chain of steps, each checked by machine or marked as argued.

A `Step` says left = right (or left >= right with a certificate), the rule in words, and its assumptions. A
side is a SymPy expression, an element of a polynomial ring, an array, a tuple or a dict (cases) of sides, a
`Bound` index formula, a `Shown` value with its own LaTeX, or a function of no argument that builds any of
these when the step is checked. A step without sides is *argued*: prose for what a computer algebra system
cannot decide (concentration, exchange of limits).

`check` decides every step under a time limit. Statuses: "proved", "refuted", "evaluated" (zero to 50 digits
at random points, but without a canonical form), "argued", "timed out" (the step is named by its place and
rule).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sympy as sp
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ..algebra.indices import Formula
from .time_limit import TimeLimitExceeded, time_limit
from .zero_test import Decision, is_zero

Status = Literal["proved", "refuted", "evaluated", "argued", "timed out"]
Relation = Literal["=", ">="]
SCALARS = (sp.Basic, PolyElement, FracElement)


@dataclass(frozen=True)
class Bound:
    """An index formula together with the components on which it is evaluated."""

    formula: Formula
    components: Mapping[str, Any]

    def value(self) -> Any:
        """The sum of the formula's terms."""
        return self.formula.total(self.components)


@dataclass(frozen=True)
class Shown:
    """A value (or a function that builds it) printed as the given LaTeX or index formula, not by component."""

    content: Any
    latex: str | Formula


@dataclass(frozen=True)
class Step:
    """left `relation` right by `rule`; for >=, `certificate` holds nonnegative terms that sum to left - right."""

    left: Any
    right: Any
    rule: str
    assumptions: tuple[str, ...] = ()
    note: str = ""
    relation: Relation = "="
    certificate: Any = ()

    @property
    def argued(self) -> bool:
        """Whether the step is prose, not checked by machine."""
        return self.left is None and self.right is None


def argued(rule: str, note: str, *assumptions: str) -> Step:
    """A step in words: what it says (`note`), by which argument (`rule`), under which assumptions."""
    return Step(None, None, rule, assumptions, note)


@dataclass(frozen=True)
class Derivation:
    """A chain of steps that shows the claim `id`."""

    id: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class StepVerdict:
    """What became of one step; `detail` says what the status rests on."""

    status: Status
    rule: str
    seconds: float
    detail: str


@dataclass(frozen=True)
class DerivationVerdict:
    """The verdicts of all steps, in order."""

    id: str
    steps: tuple[StepVerdict, ...]

    @property
    def holds(self) -> bool:
        """No step refuted or timed out, and at least one proved."""
        statuses = [step.status for step in self.steps]
        return "proved" in statuses and not {"refuted", "timed out"} & set(statuses)


def content(side: Any) -> Any:
    """The mathematical content of a side: thunks called, formulas evaluated, presentation removed."""
    while True:
        if isinstance(side, Shown):
            side = side.content
        elif isinstance(side, Bound):
            side = side.value()
        elif callable(side) and not isinstance(side, SCALARS):
            side = side()
        else:
            return side


def entries(side: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """All scalar entries of a side with their places (case, component, ...)."""
    side = content(side)
    children: Sequence[tuple[Any, Any]]
    if isinstance(side, PolyElement | FracElement):  # a PolyElement is a dict and callable
        yield (), side
        return
    if isinstance(side, Mapping):
        children = list(side.items())
    elif isinstance(side, tuple | list):
        children = list(enumerate(side))
    elif (isinstance(side, np.ndarray) and side.ndim) or isinstance(side, sp.NDimArray | sp.MatrixBase):
        children = [(place, side[place]) for place in np.ndindex(*side.shape)]
    else:
        yield (), side[()] if isinstance(side, np.ndarray) else side
        return
    for key, child in children:
        for place, entry in entries(child):
            yield (key, *place), entry


def check(derivation: Derivation, *, time_limit: float | int = 20.0) -> DerivationVerdict:
    """Check every step, each within `time_limit` seconds."""
    numbered = enumerate(derivation.steps, 1)
    return DerivationVerdict(derivation.id, tuple(check_step(step, n, limit=time_limit) for n, step in numbered))


def check_step(step: Step, number: int = 1, *, limit: float | int = 20.0) -> StepVerdict:
    """Check one step; `number` is its place in the derivation, used in messages."""
    started = time.perf_counter()
    status: Status
    if step.argued:
        status, detail = "argued", step.note
    else:
        try:
            with time_limit(limit):
                status, detail = _decide(step)
        except TimeLimitExceeded:
            status, detail = "timed out", f"step {number} ({step.rule}): no decision within {limit:g} s"
    return StepVerdict(status, step.rule, time.perf_counter() - started, detail)


def _decide(step: Step) -> Decision:
    left, right = dict(entries(step.left)), dict(entries(step.right))
    if left.keys() != right.keys():
        return Decision("refuted", f"sides have different components: {list(left)[:4]} and {list(right)[:4]}")
    if step.relation == "=":
        return _worst([(place, left[place] - right[place]) for place in left], "sides equal")
    terms = dict(entries(step.certificate))
    wrong_sign = [place for place, term in terms.items() if not sp.sympify(term).is_nonnegative]
    if not terms or wrong_sign:
        return Decision("refuted", f"certificate has terms without sign: {wrong_sign[:4] or 'none given'}")
    difference = sum(left.values(), sp.Integer(0)) - sum(right.values(), sp.Integer(0))
    balance = sum(terms.values(), sp.Integer(0)) - difference
    return _worst([((), balance)], f"difference is a sum of {len(terms)} nonnegative terms")


def _worst(differences: Sequence[tuple[tuple[Any, ...], Any]], success: str) -> Decision:
    """One decision for all components: a refutation at once, else the weakest status."""
    if not differences:
        return Decision("refuted", "nothing to compare: the sides are empty")
    weakest = Decision("proved", "exact zero")
    for place, difference in differences:
        decision = is_zero(difference)
        if decision.status == "refuted":
            return Decision("refuted", f"component {place}: {decision.detail}" if place else decision.detail)
        if "evaluated" not in weakest and (decision.status == "evaluated" or decision.detail > weakest.detail):
            weakest = decision
    count = f"all {len(differences)} " if len(differences) > 1 else ""
    return Decision(weakest.status, f"{count}{success}: {weakest.detail}")


DerivationBuilder = Callable[[], Derivation]
