"""Convergence in other people's tests: one call whose AssertionError names order, limit, constant or remainder."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..errors import RequestError
from ..shell import requests
from .along import FEWEST, Along, Number
from .claim import Claim
from .draws import Draws
from .instances import Rows
from .laws import InstanceResult, Law, LawResult
from .order import geometric_ratio


class Inconclusive(AssertionError):
    """The numbers neither confirm nor refute what was claimed; the message says what is missing."""


def assert_converges(
    h: ArrayLike,
    values: ArrayLike,
    *,
    order: Number,
    limit: ArrayLike | Number = 0.0,
    constant: ArrayLike | Number | None = None,
    floor: ArrayLike | Number = 0.0,
    standard_error: ArrayLike | Number | None = None,
    spacing: Number = 1.0,
    log_power: int = 0,
    false_alarm: float = 1e-4,
) -> LawResult:
    """Assert values(h) = limit + constant h^order log(1/h)^log_power + O(h^(order + spacing)); the judged law.

    h: a geometric grid, falling (or growing: then `order` is negative); values: (points,) or (rows, points). limit,
    constant, floor (bounds of the error beyond round-off): numbers, or one a row. Without a constant the order and the
    limit are judged. standard_error: of values that are means of samples, independent of each other, in place of floor.
    Raises AssertionError ("order 1.000 [.998, 1.002], expected 0.5"), `Inconclusive` where the numbers do not decide,
    RequestError for wrong shapes.
    """
    grid, table = _grid(h), np.atleast_2d(requests.numbers("assert_converges, values", values))
    if table.ndim != 2 or table.shape[1] != grid.values.size:
        shapes = f"{grid.values.size} points, got values of shape {np.shape(values)}"
        raise RequestError(f"assert_converges: expected one value a point of h, {shapes}")
    rows = Rows(tuple({} if len(table) == 1 else {"row": i} for i in range(len(table))))
    limits = _per_row("limit", limit, len(table))
    in_eps = grid.sign * requests.number("assert_converges, order", order)
    if in_eps <= 0:
        raise RequestError(f"assert_converges, order: expected one at which h^order falls to zero, got {order!r}")
    requests.number("assert_converges, spacing", spacing, above=0)
    requests.whole("assert_converges, log_power", log_power, 0)
    requests.number("assert_converges, false_alarm", false_alarm, above=0, most=0.5)
    one = _Statement(grid, table, rows, limits, in_eps, float(spacing), log_power, false_alarm)
    law = _of_bounds(one, constant, floor) if standard_error is None else _of_means(one, constant, standard_error)
    result = law.judge()
    for i, row in enumerate(result.rows):
        where = f"row {i}: " if len(table) > 1 else ""
        if constant is None and "apparent_order" in row.figures:
            seen, width = row.figures["apparent_order"], row.figures["order_half_width"]
            raise AssertionError(
                f"{where}order {seen:z.3f} [{seen - width:z.3f}, {seen + width:z.3f}], expected {order:g}"
            )
        _raise(row, where)
    return result


class _Statement(NamedTuple):
    """What is asserted of the table but its constant, row by row."""

    grid: Along
    table: Float[np.ndarray, "n e"]
    rows: Rows
    limits: Float[np.ndarray, " n"]
    order: float
    spacing: float
    log_power: int
    false_alarm: float


def _of_means(one: _Statement, constant: Any, standard_error: Any) -> Law:
    """The law about values that are means of samples."""
    from .mean_fit import Means, Shape, mean_constant
    from .mean_law import MeanLaw

    errors = _bounds("standard_error", standard_error, one.table.shape)
    _not_negative("standard_error", errors)
    means = tuple(Means(one.grid.eps, y, np.diag(error**2)) for y, error in zip(one.table, errors, strict=True))
    if constant is None:
        shape = Shape(one.order, one.spacing, one.log_power)
        pairs = zip(means, one.limits, strict=True)
        found = [mean_constant(m.less(limit), shape, one.false_alarm) for m, limit in pairs]
        constants = np.array([estimate[0].value if estimate else np.nan for estimate in found])
    else:
        constants = _per_row("constant", constant, len(one.table))
    return MeanLaw(
        "values",
        one.rows,
        means,
        one.limits,
        one.order,
        constants,
        (0.0,) * len(one.table),
        one.spacing,
        one.log_power,
        along=one.grid,
        false_alarm=one.false_alarm,
    )


def _of_bounds(one: _Statement, constant: Any, floor: Any) -> Law:
    """The law about values whose errors are bounded."""
    from .laws import ConvergenceLaw
    from .order import estimate_constant, without_logarithm

    grid, table, limits = one.grid, one.table, one.limits
    bounds = _bounds("floor", floor, table.shape)
    _not_negative("floor", bounds)
    bounds = bounds + 8 * np.finfo(float).eps * (np.abs(table) + np.abs(limits)[:, None])
    if constant is None:
        pairs = zip(table - limits[:, None], bounds, strict=True)
        parts = [without_logarithm(grid.eps, *pair, one.order, one.log_power) for pair in pairs]
        guesses = [estimate_constant(*part, one.order, one.spacing) for part in parts]
        constants = np.array([guess.value if guess else np.nan for guess in guesses])
        constants = np.where(np.isfinite(constants), constants, 1.0)
    else:
        constants = _per_row("constant", constant, len(table))
    return ConvergenceLaw(
        "values",
        one.rows,
        grid.eps,
        table,
        limits,
        one.order,
        constants,
        bounds,
        one.spacing,
        one.log_power,
        along=grid,
    )


def _grid(h: ArrayLike) -> Along:
    values = requests.numbers("assert_converges, h", h)
    if values.ndim != 1 or values.size < FEWEST:
        raise RequestError(f"assert_converges, h: expected at least {FEWEST} points in a row, got shape {values.shape}")
    grows = bool(values[-1] > values[0])
    along = Along("h", values, grows)
    try:
        geometric_ratio(along.eps)
    except ValueError as error:
        raise RequestError(f"assert_converges, h: expected a geometric grid ({error})") from None
    return along


def _per_row(name: str, value: Any, count: int) -> Float[np.ndarray, " n"]:
    array = requests.numbers(f"assert_converges, {name}", value)
    if array.ndim == 0:
        return np.full(count, float(array))
    if array.shape != (count,):
        raise RequestError(f"assert_converges, {name}: expected one number or {count}, got shape {array.shape}")
    return array


def _bounds(name: str, value: Any, shape: tuple[int, ...]) -> Float[np.ndarray, "n e"]:
    """The bounds of errors in the shape of the values."""
    array = requests.numbers(f"assert_converges, {name}", value)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        expected = f"a number or shape {shape}"
        raise RequestError(f"assert_converges, {name}: expected {expected}, got shape {array.shape}") from None


def _not_negative(name: str, bounds: Float[np.ndarray, "n e"]) -> None:
    if np.any(bounds < 0):
        raise RequestError(f"assert_converges, {name}: expected numbers >= 0, got {np.min(bounds):.3g}")


def _raise(row: InstanceResult, where: str) -> None:
    if row.verdict == "fails":
        raise AssertionError(f"{where}{row.reason}")
    if row.verdict == "inconclusive":
        raise Inconclusive(f"{where}inconclusive: {row.reason}")


def claim_test(claim: Claim, seed: int = 0, effort: str = "quick") -> Any:
    """A pytest test of a claim: one item a law and one a control; it fails with the reason of the verdict."""
    import pytest

    from .own import Judged, judge_own

    if claim.law is None:
        raise RequestError(f"test: expected a claim with law=, got the built-in {claim.id!r} (see elbogap.verify)")
    draws = Draws(seed, effort)
    laws = [
        f"law-{one.name or getattr(getattr(one, 'measured', one), '__name__', type(one).__name__)}"
        for one in claim.statements
    ]
    controls = [one.id for one in claim.planted] + (["mutants"] if claim.mutated else [])
    items = [*((name, i) for i, name in enumerate(laws)), *((f"control-{name}", name) for name in controls)]
    if not controls:
        items.append(("controls", "none"))

    @pytest.mark.parametrize("item", [what for _, what in items], ids=[name for name, _ in items])
    def test(item: int | str) -> None:
        judged: Judged = draws.once((claim.id, "judged"), lambda: judge_own(claim, draws))
        if item == "none":
            raise AssertionError(f"claim {claim.id}: no controls: a check that cannot fail shows nothing")
        if isinstance(item, int):
            _law_item(claim, judged, item)
        else:
            _control_item(judged, item)

    test.__doc__ = claim.statement or claim.title
    return test


def _law_item(claim: Claim, judged: Any, place: int) -> None:
    if judged.errors:
        raise AssertionError("; ".join(judged.errors))
    result = judged.laws[place]
    if result.verdict == "fails":
        raise AssertionError(f"{claim.id}, {result.name}: {result.reason}")
    if result.verdict != "holds":
        raise Inconclusive(f"{claim.id}, {result.name}: inconclusive: {result.reason}")


def _control_item(judged: Any, name: str) -> None:
    chosen = [one for one in judged.controls if one.id == name or (name == "mutants" and one.id.startswith("mutant-"))]
    if not chosen and judged.errors:
        raise AssertionError("; ".join(judged.errors))
    for one in chosen:
        if one.undecided:
            raise Inconclusive(f"control {one.id} ({one.statement}) is undecided: {one.undecided}")
        if not one.rejected:
            raise AssertionError(f"control {one.id} survived: {one.statement}")
