"""Integrals over boxes of one or two dimensions in ball arithmetic: Gauss's rule with a proved error.

If F is analytic on the Bernstein ellipse E_rho of [-1, 1], |F| <= M there, then the n-point rule, exact for polynomials
of degree 2n - 1 and with weights of sum 2, has an error of at most 8 M rho^(1-2n)/(rho - 1): the best polynomial is off
by at most 2 M rho^(1-2n)/(rho - 1), and rule and integral each see it with weight 2. On a box the rules are nested, and
the errors of the two directions add up. M comes from complex balls that cover the ellipse; where F is not analytic on
them they are not finite, and the box is halved. A box whose whole contribution is below the tolerance counts as a ball.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, no_type_check

from flint import acb, arb, ctx, fmpq

from ..balls import interval
from ..maximiser import EnclosureError

Side = tuple[fmpq, fmpq]
Box = tuple[Side, ...]
Integrand = Callable[[list[Any]], list[Any]]

ELLIPSES = (fmpq(4), fmpq(5, 2), fmpq(17, 10))
STRIPS = 4
MAXIMAL_BOXES = 20_000
LONGEST_SIDE = fmpq(3)


@lru_cache(maxsize=8)
def rule(count: int, precision: int) -> tuple[tuple[arb, arb], ...]:
    """Nodes and weights of the Gauss rule on [-1, 1], at a working precision."""
    with ctx.workprec(precision):
        return tuple(arb.legendre_p_root(count, k, weight=True) for k in range(count))


def _strips(rho: fmpq) -> list[acb]:
    """Rectangles that cover E_rho."""
    wide, high = (rho + 1 / rho) / 2, (rho - 1 / rho) / 2
    result = []
    for k in range(STRIPS):
        left, right = -wide + 2 * wide * fmpq(k, STRIPS), -wide + 2 * wide * fmpq(k + 1, STRIPS)
        nearest = fmpq(0) if left <= 0 <= right else min(abs(left), abs(right))
        height = arb(high) * (1 - arb(nearest / wide) ** 2).sqrt()
        result.append(acb(interval(left, right), height.union(-height)))
    return result


@lru_cache(maxsize=32)
def _covers(rho: fmpq, precision: int) -> tuple[acb, ...]:
    with ctx.workprec(precision):
        return tuple(_strips(rho))


@no_type_check
def _largest(integrand: Integrand, box: Box, direction: int, rho: fmpq) -> list[arb] | None:
    """For each component an upper bound of |F| on E_rho in one direction times the sides; None where not analytic."""
    choices: list[list[acb]] = []
    for k, (low, high) in enumerate(box):
        centre, radius = arb((low + high) / 2), arb((high - low) / 2)
        if k == direction:
            choices.append([strip * radius + centre for strip in _covers(rho, ctx.prec)])
        else:
            middle = (low + high) / 2
            choices.append([acb(interval(low, middle)), acb(interval(middle, high))])
    worst: list[arb] = []
    for point in product(*choices):
        sizes = [acb(value).abs_upper() for value in integrand(list(point))]
        if not all(size.is_finite() for size in sizes):
            return None
        worst = sizes if not worst else [old.max(new) for old, new in zip(worst, sizes, strict=True)]
    return worst


@no_type_check
def _error(integrand: Integrand, box: Box, direction: int, count: int, tolerance: arb) -> tuple[list[arb], bool]:
    """The rule's error in one direction, by component, for the first ellipse good enough, else for the best."""
    area, best = arb(1), None
    for low, high in box:
        area *= (high - low) / 2
    for rho in ELLIPSES:
        sizes = _largest(integrand, box, direction, rho)
        if sizes is None:
            continue
        factor = 8 * area * 2 ** (len(box) - 1) * arb(rho) ** (1 - 2 * count) / (rho - 1)
        errors = [size * factor for size in sizes]
        if all(error < tolerance for error in errors):
            return errors, True
        best = errors
    return best or [], False


@no_type_check
def _sum(integrand: Integrand, box: Box, count: int) -> list[arb]:
    nodes = rule(count, ctx.prec)
    scaled = []
    for low, high in box:
        centre, radius = arb((low + high) / 2), arb((high - low) / 2)
        scaled.append([(centre + radius * node, radius * weight) for node, weight in nodes])
    totals: list[arb] = []
    for pairs in product(*scaled):
        weight = pairs[0][1] if len(pairs) == 1 else pairs[0][1] * pairs[1][1]
        values = integrand([place for place, _ in pairs])
        if totals:
            totals = [total + value * weight for total, value in zip(totals, values, strict=True)]
        else:
            totals = [value * weight for value in values]
    return totals


@no_type_check
def integrate(integrand: Integrand, box: Box, tolerance: arb, count: int) -> list[arb]:
    """The integrals of the components of an integrand over a box; each box of the cover adds at most `tolerance`.

    The integrand takes a list of real or of complex balls. EnclosureError if the cover needs too many boxes.
    """
    stack, totals, visited = [box], None, 0
    while stack:
        cell = stack.pop()
        visited += 1
        if visited > MAXIMAL_BOXES:
            raise EnclosureError(f"the integral needs more than {MAXIMAL_BOXES} boxes: the decoder varies too fast")
        found = _settled(integrand, cell, tolerance, count)
        if isinstance(found, int):
            low, high = cell[found]
            middle = (low + high) / 2
            stack += [(*cell[:found], part, *cell[found + 1 :]) for part in ((low, middle), (middle, high))]
        else:
            totals = found if totals is None else [total + part for total, part in zip(totals, found, strict=True)]
    assert totals is not None
    return totals


@no_type_check
def _settled(integrand: Integrand, box: Box, tolerance: arb, count: int) -> list[arb] | int:
    """The integrals over a box, or the direction in which to halve it."""
    lengths = [high - low for low, high in box]
    longest = max(range(len(box)), key=lambda k: lengths[k])
    area = arb(1)
    for length in lengths:
        area *= length
    values = [value * area for value in integrand([interval(low, high) for low, high in box])]
    if all(value.abs_upper() < tolerance for value in values):
        return values
    if lengths[longest] > LONGEST_SIDE:
        return longest
    errors, worst, refused = [], arb(-1), -1
    for direction in range(len(box)):
        found, good = _error(integrand, box, direction, count, tolerance)
        if not good:
            size = max((error.abs_upper() for error in found), default=arb("inf"), key=_order)
            if refused < 0 or size > worst:
                worst, refused = size, direction
        errors.append(found)
    if refused >= 0:
        # Where both directions fail alike, the longer side is halved.
        return refused if lengths[refused] * 2 > lengths[longest] else longest
    totals = _sum(integrand, box, count)
    for found in errors:
        totals = [total + error.union(-error) for total, error in zip(totals, found, strict=True)]
    return totals


@no_type_check
def _order(value: arb) -> Any:
    return value.upper().fmpq() if value.is_finite() else fmpq(10) ** 400


def adaptive_box(reach: Sequence[fmpq], centre: Sequence[fmpq]) -> Box:
    """The box centre +- reach."""
    return tuple((middle - radius, middle + radius) for middle, radius in zip(centre, reach, strict=True))
