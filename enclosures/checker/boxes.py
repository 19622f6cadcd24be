"""Integrals over boxes and bounds by branch and bound: the checker's own.

`integral` is iterated Gauss quadrature. On [-1, 1] the n-point rule is exact for degree 2n - 1, with weights of sum 2;
a function bounded by M on the ellipse with semi-axes (r + 1/r)/2, (r - 1/r)/2 is within 2 M r^(1-2n)/(r - 1) of such a
polynomial, so that rule and integral differ by at most four times that.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any, no_type_check

from flint import acb, arb, ctx, fmpq

from .reading import Deadline, require

NODES = 20
RATIOS = (fmpq(3), fmpq(2))
MAXIMAL_BOXES = 30_000
Box = tuple[tuple[fmpq, fmpq], ...]


@lru_cache(maxsize=4)
def gauss(precision: int) -> list[tuple[arb, arb]]:
    """Nodes and weights at a working precision."""
    with ctx.workprec(precision):
        return [arb.legendre_p_root(NODES, k, weight=True) for k in range(NODES)]


@no_type_check
def ball(side):
    """A side of a box as a ball."""
    return arb(side[0]).union(arb(side[1]))


@no_type_check
def cut(box):
    """The halves of a box across its longest side."""
    k = max(range(len(box)), key=lambda i: box[i][1] - box[i][0])
    low, high = box[k]
    middle = (low + high) / 2
    return [(*box[:k], part, *box[k + 1 :]) for part in ((low, middle), (middle, high))]


@no_type_check
def _bounds(function, box, direction, ratio):
    """Upper bounds of |F| on the filled ellipse in one direction, times the other sides; None where not analytic."""
    wide, high = (ratio + 1 / ratio) / 2, (ratio - 1 / ratio) / 2
    parts = []
    for k, (low, up) in enumerate(box):
        middle, radius = (low + up) / 2, (up - low) / 2
        if k != direction:
            parts.append([acb(ball((low, middle))), acb(ball((middle, up)))])
            continue
        cells = []
        for n in (-3, -2, -1, 0, 1, 2):
            left, right = wide * fmpq(n, 3), wide * fmpq(n + 1, 3)
            inner = min(abs(left), abs(right))
            height = arb(high) * (1 - arb(inner / wide) ** 2).sqrt()
            cells.append(acb(ball((left, right)) * radius + middle, height.union(-height) * radius))
        parts.append(cells)
    worst = None
    for place in product(*parts):
        sizes = [acb(value).abs_upper() for value in function(list(place))]
        if not all(size.is_finite() for size in sizes):
            return None
        worst = sizes if worst is None else [a.max(b) for a, b in zip(worst, sizes, strict=True)]
    return worst


@no_type_check
def _rule(function, box, tolerance):
    """The rule's value with its error, or None if that exceeds the tolerance."""
    area, errors = arb(1), None
    for low, high in box:
        area *= (high - low) / 2
    for direction in range(len(box)):
        for ratio in RATIOS:
            sizes = _bounds(function, box, direction, ratio)
            if sizes is None:
                continue
            factor = 8 * arb(ratio) ** (1 - 2 * NODES) / (ratio - 1) * area * 2 ** (len(box) - 1)
            found = [size * factor for size in sizes]
            if all(error < tolerance for error in found):
                errors = found if errors is None else [a + b for a, b in zip(errors, found, strict=True)]
                break
        else:
            return None
    totals = [arb(0)] * len(errors)
    axes = [
        [((low + high) / 2 + (high - low) / 2 * node, weight) for node, weight in gauss(ctx.prec)] for low, high in box
    ]
    for pairs in product(*axes):
        weight = area
        for _, part in pairs:
            weight = weight * part
        values = function([place for place, _ in pairs])
        totals = [total + weight * value for total, value in zip(totals, values, strict=True)]
    return [total + error.union(-error) for total, error in zip(totals, errors, strict=True)]


@no_type_check
def integral(function: Callable[[list[Any]], list[Any]], box: Box, tolerance: arb, deadline: Deadline) -> list[arb]:
    """The integrals of the components of a function of real or complex balls over a box."""
    stack, totals, count = [box], None, 0
    while stack:
        cell, count = stack.pop(), count + 1
        deadline.ask()
        require(count < MAXIMAL_BOXES, "an integral needs too many boxes")
        area = arb(1)
        for low, high in cell:
            area *= high - low
        found = [value * area for value in function([ball(side) for side in cell])]
        if not all(value.abs_upper() < tolerance for value in found):
            small = all(high - low <= 3 for low, high in cell)
            found = _rule(function, cell, tolerance) if small else None
            if found is None:
                stack += cut(cell)
                continue
        totals = found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
    return totals


@no_type_check
def everywhere(test: Callable[[Box], bool], boxes: list[Box], cells: int, deadline: Deadline) -> bool:
    """True if boxes can be cut into at most `cells` pieces on each of which the test holds."""
    stack = list(boxes)
    while stack:
        box, cells = stack.pop(), cells - 1
        deadline.ask()
        if cells < 0:
            return False
        if not test(box):
            stack += cut(box)
    return True


@no_type_check
def least(function: Callable[[Box], arb], boxes: list[Box], cells: int, deadline: Deadline) -> arb:
    """A lower bound of a function on boxes: the boxes with the smallest bounds are cut again and again."""
    bounds = [(function(box), box) for box in boxes]
    for _ in range(cells):
        deadline.ask()
        place = min(range(len(bounds)), key=lambda k: _key(bounds[k][0]))
        _, box = bounds.pop(place)
        bounds += [(function(half), half) for half in cut(box)]
    smallest = bounds[0][0]
    for bound, _ in bounds[1:]:
        smallest = smallest.min(bound)
    return smallest.lower() if smallest.is_finite() else -arb("inf")


@no_type_check
def _key(bound):
    return bound.lower().fmpq() if bound.is_finite() else fmpq(-(10**400))
