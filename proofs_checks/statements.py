"""Laws of one's own as they are written: what is measured, along what, and what is claimed about it.

A statement becomes a `Law`, numbers that can be judged, once the instances are drawn: `law(run)`. What a function gave
is remembered, so that a control, the same statement with something else claimed, is judged on the same numbers.

    Converges(f, along=ladder("eps", 0.3, 3e-4), limit=1, order=1, constant="a/8")      f(eps, **instance)
    Equal(left, right), Bounded(value, above=1), Monotone(value, along=...), Fact(true)   functions of the instance
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import RequestError
from ..shell import requests
from .along import Along, Number
from .draws import Draws
from .instances import Rows
from .laws import BoundLaw, ConvergenceLaw, FactLaw, IdentityLaw, Law
from .values import MeasuringError, Value, called, claimed, name_of, number, per_row


@dataclass(frozen=True)
class Run:
    """One claim in one run: its instances, and the randomness and memory of the run."""

    claim: str
    rows: Rows
    draws: Draws


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What every statement has: a name (that of its function), and the words on the axes of its plot."""

    name: str = ""
    xlabel: str = ""
    ylabel: str = ""

    def law(self, run: Run) -> Law:
        """The numbers that are judged."""
        raise NotImplementedError

    def vary(self, **changes: Any) -> Statement:
        """The same statement with something else claimed; RequestError for what it does not claim."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise RequestError(f"control: {type(self).__name__} claims {', '.join(known)}, got {name!r}")
        return replace(self, **changes)


def measured_along(
    run: Run, function: Callable[..., Any], along: Along, floor: Value = None
) -> tuple[Float[np.ndarray, "n e"], Float[np.ndarray, "n e"]]:
    """Values and error bounds of function(x, **instance) on the grid, one row an instance; remembered by the run."""

    def build() -> tuple[np.ndarray, np.ndarray]:
        what = name_of(function)
        found = [
            [number(called(function, x.item(), **run.rows.row(i)), what) for x in along.values]
            for i in range(len(run.rows))
        ]
        pairs = np.array(found, dtype=float)
        return pairs[:, :, 0], pairs[:, :, 1]

    values, errors = run.draws.once((run.claim, function, along), build)
    return values, errors + _floor(run, along, floor, values)


def _floor(run: Run, along: Along, floor: Value, values: np.ndarray) -> np.ndarray | float:
    """The error bounds that the statement adds: a number, an array, or floor(x, **instance)."""
    if floor is None:
        return 0.0
    if callable(floor):
        rows = [[called(floor, x.item(), **run.rows.row(i)) for x in along.values] for i in range(len(run.rows))]
        found = np.array(rows, dtype=float)
    else:
        found = np.asarray(floor, dtype=float)
    if found.ndim == 1 and len(values) > 1:
        raise RequestError(f"floor: expected a number or shape {values.shape} (instances, points), got {found.shape}")
    try:
        found = np.broadcast_to(found, values.shape)
    except ValueError:
        raise RequestError(f"floor: expected a number or shape {values.shape}, got {found.shape}") from None
    if np.any(found < 0):
        raise RequestError(f"floor: expected bounds >= 0, got {found.min():.3g}")
    return found


@dataclass(frozen=True, kw_only=True)
class Expansion(Statement):
    """limit + constant x^order log(1/x)^log_power + O(x^(order + spacing)): what both laws of convergence claim."""

    along: Along
    order: Number
    constant: Value
    limit: Value = 0.0
    spacing: Number = 1.0
    log_power: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.along, Along):
            raise RequestError(f"along: expected ladder(...) or doubling(...), got {self.along!r:.60}")
        requests.number("order", self.order)
        for name in ("limit", "constant"):
            claimed(name, getattr(self, name))
        if self.in_eps <= 0:
            falls = "negative, K grows" if self.along.grows else "positive, eps falls"
            raise RequestError(f"order: expected a {falls} along {self.along.name!r}, got {self.order!r}")
        requests.number("spacing", self.spacing, above=0)
        requests.whole("log_power", self.log_power, 0)

    @property
    def in_eps(self) -> float:
        """The order in the small parameter."""
        return self.along.sign * self.order


@dataclass(frozen=True)
class Converges(Expansion):
    """measured(x, **instance) -> limit at the rate `order`, with this constant; errors are bounds.

    measured: a function that returns a number, or (number, error bound); floor: further error bounds; the round-off of
    the value's own type is always added. order: in the parameter of `along`, negative for one that grows. limit,
    constant: numbers, formulas in the instances' names (text or SymPy), or functions of the instance. spacing: of the
    powers that follow. log_power: of the logarithm in the leading term.
    """

    measured: Callable[..., Any]
    floor: Value = None

    def __post_init__(self) -> None:
        super().__post_init__()
        requests.function("measured", self.measured)
        if self.floor is not None:
            claimed("floor", self.floor)

    def law(self, run: Run) -> ConvergenceLaw:
        """The values on the grid beside limit, order and constant."""
        values, errors = measured_along(run, self.measured, self.along, self.floor)
        limit = per_row(self.limit, run.rows, "limit")
        return ConvergenceLaw(
            self.name or name_of(self.measured),
            run.rows,
            self.along.eps,
            values,
            limit,
            float(self.in_eps),
            per_row(self.constant, run.rows, "constant"),
            errors + 8 * np.finfo(float).eps * np.abs(limit)[:, None],
            float(self.spacing),
            int(self.log_power),
            self.along,
        )


def _pair(run: Run, value: Value, along: Along | None, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Values and error bounds of one side: (n, e), with one column where nothing varies along a grid."""
    if callable(value) and not hasattr(value, "free_symbols"):
        if along is not None:
            return measured_along(run, value, along)
        pairs = run.draws.once(
            (run.claim, value),
            lambda: np.array(
                [number(called(value, **run.rows.row(i)), name_of(value)) for i in range(len(run.rows))], dtype=float
            ),
        )
        return pairs[:, :1], pairs[:, 1:]
    found = per_row(value, run.rows, what)[:, None]
    return found, 8 * np.finfo(float).eps * np.abs(found)


@dataclass(frozen=True)
class Equal(Statement):
    """left = right within their error bounds; with `along`, at every point of the grid. Sides as in `Converges`."""

    left: Value
    right: Value
    along: Along | None = None
    tolerance: Number = 0.0

    def __post_init__(self) -> None:
        _check_sides("Equal", self.along, self.tolerance, left=self.left, right=self.right)

    def law(self, run: Run) -> IdentityLaw:
        """Both sides and the tolerance."""
        (left, one), (right, other) = (
            _pair(run, v, self.along, n) for v, n in ((self.left, "left"), (self.right, "right"))
        )
        left, right, tolerance = np.broadcast_arrays(left, right, one + other + _tolerance(self.tolerance))
        return IdentityLaw(self.name or _first_name(self.left, self.right), run.rows, left, right, tolerance)


@dataclass(frozen=True)
class Bounded(Statement):
    """below <= value <= above, within the error bounds; either side may be missing. Sides as in `Converges`."""

    value: Value
    below: Value = None
    above: Value = None
    along: Along | None = None
    tolerance: Number = 0.0

    def __post_init__(self) -> None:
        if self.below is None and self.above is None:
            raise RequestError("Bounded: expected below= or above=, got neither")
        sides = {name: side for name, side in (("below", self.below), ("above", self.above)) if side is not None}
        _check_sides("Bounded", self.along, self.tolerance, value=self.value, **sides)

    def law(self, run: Run) -> BoundLaw:
        """What is left on each side, which must not be negative."""
        value, error = _pair(run, self.value, self.along, "value")
        parts = []
        for side, sign, what in ((self.below, 1.0, "below"), (self.above, -1.0, "above")):
            if side is not None:
                bound, of_bound = _pair(run, side, self.along, what)
                parts.append((sign * (value - bound), error + of_bound + _tolerance(self.tolerance)))
        room, tolerance = (np.concatenate(np.broadcast_arrays(*[p[k] for p in parts]), axis=1) for k in (0, 1))
        return BoundLaw(self.name or _first_name(self.value), run.rows, room, tolerance)


@dataclass(frozen=True)
class Monotone(Statement):
    """value(x, **instance) rises (or falls) along the grid, in its order, within the error bounds."""

    value: Callable[..., Any]
    along: Along
    rises: bool = True
    tolerance: Number = 0.0

    def __post_init__(self) -> None:
        requests.function("Monotone, value", self.value)
        if self.along is None:
            raise RequestError("Monotone, along: expected ladder(...) or doubling(...), got None")
        _check_sides("Monotone", self.along, self.tolerance)

    def law(self, run: Run) -> BoundLaw:
        """The steps, which must not be negative."""
        values, errors = measured_along(run, self.value, self.along)
        steps = np.diff(values, axis=1) * (1.0 if self.rises else -1.0)
        tolerance = errors[:, 1:] + errors[:, :-1] + _tolerance(self.tolerance)
        return BoundLaw(self.name or name_of(self.value), run.rows, steps, tolerance)


@dataclass(frozen=True)
class Fact(Statement):
    """A yes-or-no fact about each instance: true(**instance) -> bool."""

    true: Callable[..., bool]
    reason: str = "it is not so"

    def __post_init__(self) -> None:
        requests.function("Fact, true", self.true)

    def law(self, run: Run) -> FactLaw:
        """The facts."""
        found = [called(self.true, **run.rows.row(i)) for i in range(len(run.rows))]
        for value in found:
            if not isinstance(value, bool | np.bool_):
                raise MeasuringError(f"{name_of(self.true)}: expected True or False, got {value!r:.60}")
        return FactLaw(self.name or name_of(self.true), run.rows, np.array(found, dtype=bool), self.reason)


def _check_sides(what: str, along: Along | None, tolerance: Number, **sides: Value) -> None:
    """RequestError for what cannot be a side, a grid or a tolerance."""
    for name, side in sides.items():
        claimed(f"{what}, {name}", side)
    if along is not None and not isinstance(along, Along):
        raise RequestError(f"{what}, along: expected ladder(...) or doubling(...), got {requests.shown(along)}")
    requests.number(f"{what}, tolerance", tolerance, least=0)


def _first_name(*values: Value) -> str:
    return next((name_of(value) for value in values if callable(value) and hasattr(value, "__name__")), "law")


def _tolerance(value: Number) -> float:
    return value + np.finfo(float).tiny
