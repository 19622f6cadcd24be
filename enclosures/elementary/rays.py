"""The potential along curves through g as power series, exact Gaussian moments of such series, and their sizes.

For a curve z(t), z(0) = g, `potential_along` is the series of V(z(t)) with t^0 and t^1 removed where they vanish at g.
Everything in h is differentiated through such series: with phi(h) = V(g + h tau x)/h^2,

    phi^(k)(h)/k! lies in the hull over 0 <= t <= h of  [s^(k+2)] V(g + (t + s) tau x),

since phi(h) = int_0^1 (1 - t) (d/ds)^2 V(g + s tau x)|_{s = t h} dt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, no_type_check

from flint import acb, arb, arb_poly, arb_series, ctx, fmpq, fmpz_poly

from ..balls import interval
from .instance import Instance

SIZE_CELLS = 16
"""Cells a side on which Taylor coefficients are bounded."""


@no_type_check
def potential_along(instance: Instance, curve: Sequence[arb_series], order: int) -> list[arb]:
    """Coefficients t^0, ..., t^order of V(z(t)) for a curve of series in the latents z."""
    image, normal = instance.at_point()
    cap, ctx.cap = ctx.cap, order + 1
    try:
        total = arb_series([0])
        for value, at, nu in zip(instance.function(curve), image, normal, strict=True):
            step = value - at
            total = total + step * step / 2 - (step * nu if instance.offset else 0)
        return [total[k] for k in range(order + 1)]
    finally:
        ctx.cap = cap


@no_type_check
def from_the_point(instance: Instance, steps: Sequence[Sequence[arb]], order: int) -> list[arb]:
    """Coefficients to t^order of V(g + tau y(t)), y(t) = sum_{j >= 1} steps_j t^j: those of t^0 and t^1 are 0."""
    curve = [
        arb_series([arb(start), *(arb(scale) * entry[k] for entry in steps)], order + 1)
        for k, (start, scale) in enumerate(zip(instance.point, instance.scale, strict=True))
    ]
    return [arb(0), arb(0), *potential_along(instance, curve, order)[2:]]


@no_type_check
def along_ray(instance: Instance, base: Sequence[arb], direction: Sequence[arb], order: int) -> list[arb]:
    """Coefficients to t^order of V(g + tau (base + t direction))."""
    curve = [
        arb_series([arb(start) + arb(scale) * at, arb(scale) * step], order + 1)
        for start, scale, at, step in zip(instance.point, instance.scale, base, direction, strict=True)
    ]
    return potential_along(instance, curve, order)


@no_type_check
def taylor_sizes(instance: Instance, reach: fmpq, order: int) -> list[arb]:
    """S_0, ..., S_order with |[t^p] V(g + tau (y + t v))| <= S_p |v|_oo^p wherever |y|_oo <= reach."""
    sides = [
        interval(reach * fmpq(2 * k - SIZE_CELLS, SIZE_CELLS), reach * fmpq(2 * k + 2 - SIZE_CELLS, SIZE_CELLS))
        for k in range(SIZE_CELLS)
    ]
    unit, worst = [arb(0, 1)] * instance.latents, [arb(0)] * (order + 1)
    for base in product(sides, repeat=instance.latents):
        found = along_ray(instance, base, unit, order)
        worst = [old.max(new.abs_upper()) for old, new in zip(worst, found, strict=True)]
    return worst


@lru_cache(maxsize=8)
def hermite_rule(count: int, precision: int) -> tuple[tuple[arb, arb], ...]:
    """Nodes and weights of the Gauss rule of N(0, 1), exact for polynomials of degree 2 count - 1.

    With He_n the monic Hermite polynomials the weights are n!/(n He_{n-1}(u))^2.
    """
    with ctx.workprec(precision):
        before, here, factorial = fmpz_poly([1]), fmpz_poly([0, 1]), 1
        for n in range(1, count):
            before, here, factorial = here, fmpz_poly([0, 1]) * here - n * before, factorial * (n + 1)
        # The nodes are known to be real and simple: the real parts of isolating boxes contain them.
        nodes = [acb(root).real for root, _ in here.complex_roots()]  # type: ignore[misc, has-type]
        return tuple((u, factorial / (count * arb_poly(before)(u)) ** 2) for u in nodes)


@no_type_check
def gaussian_mean(function: Callable[[list[arb]], list[arb]], latents: int, degree: int) -> list[arb]:
    """E of the components of a function of u ~ N(0, I), polynomials of at most the degree given in each u_k."""
    rule, totals = hermite_rule(degree // 2 + 1, ctx.prec), None
    for pairs in product(rule, repeat=latents):
        weight = arb(1)
        for _, part in pairs:
            weight = weight * part
        found = [weight * value for value in function([u for u, _ in pairs])]
        totals = found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
    return totals


def exponential(series: Sequence[Any]) -> list[Any]:
    """Coefficients of exp(sum_{k >= 1} c_k t^k) for c = series, c_0 ignored: k e_k = sum_j j c_j e_(k-j)."""
    found = [series[0] * 0 + 1]
    for k in range(1, len(series)):
        total = series[0] * 0
        for j in range(1, k + 1):
            total = total + series[j] * found[k - j] * arb(fmpq(j, k))
        found.append(total)
    return found
