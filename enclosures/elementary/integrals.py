"""J and the Gaussian moments of the scaled potential U, at one noise variance.

    J = int exp(-U(x)) dx,    E[p(u) U(w + s u)], u ~ N(0, I), p in {1, u_k, u_k^2 - 1}: dG/dw_k = -E[u_k U]/s_k,
    dG/ds_k = -E[(u_k^2 - 1) U]/s_k + 1/s_k (Stein), so that only values of f are needed.

Tails: |f - x|^2 >= 0 leaves the prior's tail in J; a bound |U| <= C exp(sum b_k |z_k|) those of the moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

from flint import arb, arb_mat, ctx, fmpq

from ..balls import dyadic
from ..growth import Growth
from .instance import Instance
from .quadrature import integrate

DIGITS_TO_BITS = fmpq(10, 3)


@dataclass(frozen=True)
class Encoder:
    """The mean w and the deviations s of q in the scaled latents, exact."""

    mean: tuple[fmpq, ...]
    deviation: tuple[fmpq, ...]


@dataclass(frozen=True)
class Moments:
    """G(w, s) and its gradient in (w, s)."""

    value: arb
    gradient: tuple[arb, ...]


def scaled_potential(instance: Instance, eps: arb, h: arb) -> Callable[[Sequence[Any]], Any]:
    """U(x) = (V(z) - V(g))/eps + (|z|^2 - |g|^2)/2 at z = g + h tau x."""
    steps = [h * arb(scale) for scale in instance.scale]
    starts = [arb(value) for value in instance.point]

    @no_type_check
    def value(x: Sequence[Any]) -> Any:
        moves = [entry * step for entry, step in zip(x, steps, strict=True)]
        z = [move + start for move, start in zip(moves, starts, strict=True)]
        total = instance.potential(z) / eps
        for move, start in zip(moves, starts, strict=True):
            total = total + move * (move / 2 + start)
        return total

    return value


@no_type_check
def normal_tail(limit: arb) -> arb:
    """P(u > limit) for a standard normal u."""
    return (limit / arb(2).sqrt()).erfc() / 2


def tolerance_bits(digits: int) -> int:
    """Bits of absolute accuracy that leave room for a hundred boxes."""
    return int((digits * DIGITS_TO_BITS).ceil()) + 10


def rule_size(bits: int) -> int:
    """Nodes of the Gauss rule: four bits a node on the largest ellipse."""
    return max(8, bits // 4 + 4)


def likelihood_integral(instance: Instance, eps: fmpq, digits: int) -> arb:
    """J to about `digits` digits; EnclosureError if the integral does not settle."""
    bits = tolerance_bits(digits)
    ball, h = arb(eps), arb(eps).sqrt()
    g = [arb(value) for value in instance.point]
    potential = scaled_potential(instance, ball, h)
    norm = sum((value * value for value in g), arb(0))
    # V - V(g) >= -|nu|^2/2.
    lift = sum((nu * nu for nu in instance.at_point()[1]), arb(0)) / (2 * ball)
    wanted = bits - dyadic(ball.log() / arb(2).log()) * instance.latents / 2 + dyadic(norm + 2 * lift) + 4
    reach = dyadic((arb(wanted) * 3 / 2).sqrt().ceil()) + 1
    box, tail = [], arb(0)
    for start, scale in zip(g, instance.scale, strict=True):
        limit = dyadic(((reach + abs(start)) / (h * scale)).upper().ceil())
        box.append((-limit, limit))
        tail += 2 * normal_tail(h * scale * limit - abs(start))
    spread = (norm / 2 + lift).exp()
    for scale in instance.scale:
        spread *= (2 * arb.pi()).sqrt() / (h * scale)
    found = integrate(lambda x: [(-potential(x)).exp()], tuple(box), arb(2) ** -bits, rule_size(bits))[0]
    return found + arb(0).union(tail * spread)


def potential_growth(instance: Instance, eps: arb) -> Growth:
    """|U| <= C exp(sum b_k |z_k|)."""
    total = Growth(instance.growth.factor / eps, instance.growth.rates)
    for k, start in enumerate(instance.point):
        rates = tuple(arb(1 if j == k else 0) for j in range(instance.latents))
        # |z^2 - g^2|/2 <= exp|z| + g^2.
        total = total + Growth(1 + arb(start) ** 2, rates)
    return total


def outer_moment(bound: Growth, centre: Sequence[arb], spread: Sequence[arb], limits: Sequence[arb]) -> arb:
    """A bound of E[prod_k(1 + u_k^2) C exp(sum b_k |c_k + t_k u_k|); some |u_k| > limit_k], t = spread.

    1 + u^2 <= 2 exp|u|, and E[exp(r|u|); |u| > L] = 2 exp(r^2/2) P(u > L - r).
    """
    factor, whole, outer = bound.factor, [], []
    for rate, middle, deviation, limit in zip(bound.rates, centre, spread, limits, strict=True):
        factor = factor * 2 * (rate * abs(middle)).exp()
        power = 1 + rate * abs(deviation)
        whole.append(2 * (power * power / 2).exp())
        outer.append(whole[-1] * normal_tail(limit - power))
    total = arb(0)
    for k in range(len(outer)):
        term = outer[k]
        for j in range(len(whole)):
            if j != k:
                term = term * whole[j]
        total += term
    return factor * total


def moments(instance: Instance, eps: fmpq, encoder: Encoder, digits: int) -> Moments:
    """G and its gradient at an exact encoder."""
    bits, latents = tolerance_bits(digits), instance.latents
    ball, h = arb(eps), arb(eps).sqrt()
    potential = scaled_potential(instance, ball, h)
    mean, deviation = [arb(value) for value in encoder.mean], [arb(value) for value in encoder.deviation]
    normal = (2 * arb.pi()).sqrt()

    @no_type_check
    def integrand(u: list[Any]) -> list[Any]:
        weight = (-(sum((entry * entry for entry in u), u[0] * 0)) / 2).exp() / normal**latents
        value = weight * potential([m + s * entry for m, s, entry in zip(mean, deviation, u, strict=True)])
        return [value, *(entry * value for entry in u), *((entry * entry - 1) * value for entry in u)]

    limit = dyadic((arb(bits + 12) * 3 / 2).sqrt().ceil()) + 3
    found = integrate(integrand, ((-limit, limit),) * latents, arb(2) ** -bits, rule_size(bits))
    centre = [arb(g) + h * t * m for g, t, m in zip(instance.point, instance.scale, mean, strict=True)]
    spread = [h * t * s for t, s in zip(instance.scale, deviation, strict=True)]
    tail = outer_moment(potential_growth(instance, ball), centre, spread, [arb(limit)] * latents)
    value, *slopes = (entry + tail.union(-tail) for entry in found)
    entropy = sum((s.log() for s in deviation), arb(0))
    by_mean = [-slope / s for slope, s in zip(slopes[:latents], deviation, strict=True)]
    by_deviation = [(1 - slope) / s for slope, s in zip(slopes[latents:], deviation, strict=True)]
    return Moments(entropy - value, (*by_mean, *by_deviation))


GRID_STEP, GRID_REACH = fmpq(1, 2), 15
NEWTON_STEPS = 60


def approximate_encoder(instance: Instance, eps: fmpq, start: Encoder | None = None) -> Encoder | None:
    """A point near the maximiser of G by Newton's method on a grid; nothing is proved about it. None if it fails."""
    with ctx.workprec(96):
        ball = arb(eps)
        potential = scaled_potential(instance, ball, ball.sqrt())
        size = instance.latents
        first = start or Encoder((fmpq(0),) * size, (fmpq(1),) * size)
        w, s = [arb(v) for v in first.mean], [arb(v) for v in first.deviation]
        for _ in range(NEWTON_STEPS):
            step = _newton_step(potential, w, s)
            if step is None:
                return None
            w = [(value - move).mid() for value, move in zip(w, step[:size], strict=True)]
            s = [(value - move).max(value / 2).min(value * 2).mid() for value, move in zip(s, step[size:], strict=True)]
            if all(abs(move) < arb(2) ** -44 for move in step):
                unit = fmpq(2) ** 50
                return Encoder(
                    tuple(fmpq((dyadic(v) * unit).floor()) / unit for v in w),
                    tuple(fmpq((dyadic(v) * unit).floor()) / unit for v in s),
                )
        return None


HERMITE = ((0, 1), (-1, 0, 1), (0, -3, 0, 1), (3, 0, -6, 0, 1))


@no_type_check
def _hermite(u: fmpq) -> list[arb]:
    """He_0(u), ..., He_4(u)."""
    values = [fmpq(1)]
    for row in HERMITE:
        values.append(sum((c * u**k for k, c in enumerate(row)), fmpq(0)))
    return [arb(value) for value in values]


def _newton_step(potential: Callable[[Sequence[Any]], Any], w: list[arb], s: list[arb]) -> list[arb] | None:
    """Hess^-1 grad of G by the trapezoid rule, whose error is far below what matters here."""
    axis = [(k * GRID_STEP) for k in range(-GRID_REACH, GRID_REACH + 1)]
    polynomials = [_hermite(u) for u in axis]
    weights = [(-arb(u * u) / 2).exp() * GRID_STEP / (2 * arb.pi()).sqrt() for u in axis]
    size = len(w)
    moment: dict[tuple[int, ...], arb] = {}
    if size == 1:
        values = [weight * potential([w[0] + s[0] * u]) for u, weight in zip(axis, weights, strict=True)]
        for a in range(5):
            moment[(a,)] = sum((p[a] * v for p, v in zip(polynomials, values, strict=True)), arb(0)) / s[0] ** a
    else:
        rows: list[list[arb]] = []
        for u, weight in zip(axis, weights, strict=True):
            line = [
                weight * other * potential([w[0] + s[0] * u, w[1] + s[1] * v])
                for v, other in zip(axis, weights, strict=True)
            ]
            rows.append([sum((p[b] * v for p, v in zip(polynomials, line, strict=True)), arb(0)) for b in range(5)])
        for a in range(5):
            for b in range(5 - a):
                total = sum((p[a] * row[b] for p, row in zip(polynomials, rows, strict=True)), arb(0))
                moment[(a, b)] = total / (s[0] ** a * s[1] ** b)
    return _solved(moment, s)


def _solved(moment: dict[tuple[int, ...], arb], s: list[arb]) -> list[arb] | None:
    size = len(s)

    def at(*directions: int) -> arb:
        return moment[tuple(directions.count(k) for k in range(size))]

    gradient = [-at(k) for k in range(size)] + [1 / s[k] - s[k] * at(k, k) for k in range(size)]
    matrix = [[arb(0)] * (2 * size) for _ in range(2 * size)]
    for k in range(size):
        for j in range(size):
            matrix[k][j] = -at(k, j)
            matrix[k][size + j] = matrix[size + j][k] = -s[j] * at(k, j, j)
            matrix[size + k][size + j] = -s[k] * s[j] * at(k, k, j, j)
        matrix[size + k][size + k] -= at(k, k) + 1 / (s[k] * s[k])
    try:
        solution = arb_mat([[entry.mid() for entry in row] for row in matrix]).solve(
            arb_mat([[entry.mid()] for entry in gradient])
        )
    except ZeroDivisionError:
        return None
    step = [solution[k, 0] for k in range(2 * size)]
    return step if all(entry.is_finite() for entry in step) else None
