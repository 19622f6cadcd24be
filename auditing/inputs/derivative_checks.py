"""Derivatives are checked, not believed: automatic ones against central differences, forward against reverse mode.

Notation: f: R^d -> R^D, z a probe point inside the prior's support, v a direction, u a cotangent. Of orders k = 1, 2, 3

    forward   D^k f(z)[v, .., v]                       in R^D,
    reverse   v . grad_z ( u . D^(k-1) f(z)[v, .., v] )  in R,

are compared with the derivatives at t = 0 of the curve f(z + t v): of the polynomial through 9 points t = -h .. h, for
steps h from 1/2 down to 3e-5. The step of the smallest stated error is taken: the distance to the next step plus the
round-off, whose size is measured (a function may compute in float32 inside). An order is refused where both the stated
error and a thousandth of the derivative are exceeded: rules that are wrong are wrong by much more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import factorial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ...numerics.precision import EPS64
from ...numerics.seed import SEED
from .calls import said_by

ORDERS = 3
_STEPS = 0.5 * 2.0 ** -np.arange(15)
_NODES = np.linspace(-1, 1, 9)
_ERRORS, _RELATIVE = 10.0, 1e-3  # how many stated errors, and which share of the derivative, a right rule may be off
_UNRESOLVED = 0.1  # differences whose stated error exceeds this share of their size decide nothing
_NOISE_STEP, _NOISY = 1e-6, 1e-10  # a smooth function bends by 1e-12 over this step; what is above is round-off

Values = Callable[[np.ndarray], np.ndarray]
"""(n, d) -> (n, D): the function itself, at many points."""
Rules = Callable[[int, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, float]]
"""(k, z, v, u) -> the forward (D,) and the reverse derivative of order k."""


class Probe(NamedTuple):
    """A point, a direction and a cotangent."""

    point: Float[np.ndarray, " d"]
    direction: Float[np.ndarray, " d"]
    cotangent: Float[np.ndarray, " D"]


class Derivatives(NamedTuple):
    """What was found: the route, how many orders are right (0 to 3), and what is wrong with the next one."""

    route: str
    orders: int
    problem: str | None


class Differences(NamedTuple):
    """Derivatives of orders 1 to 3 along a direction, by central differences, and their errors."""

    values: Float[np.ndarray, "3 D"]
    errors: Float[np.ndarray, "3 D"]


def probes(points: Float[np.ndarray, "n d"], size: int) -> list[Probe]:
    """A probe at each of the first two points: directions of length one, cotangents of entries of order one."""
    rng = np.random.default_rng(SEED)
    found = []
    for point in points[:2]:
        direction = rng.standard_normal(len(point))
        found.append(Probe(point, direction / np.linalg.norm(direction), rng.standard_normal(size)))
    return found


def resolution(values: Values, points: Float[np.ndarray, "n d"]) -> float:
    """The relative round-off of f: eps of the precision that it computes in, whatever that of its output is."""
    rng, noise = np.random.default_rng(SEED), 0.0
    for point in points[:2]:
        offsets = np.concatenate([[0.0], rng.uniform(-1, 1, 15)])
        direction = rng.standard_normal(len(point))
        found = np.asarray(values(point + _NOISE_STEP * offsets[:, None] * direction), dtype=float)
        design = np.stack([np.ones_like(offsets), offsets], axis=1)
        rest = found - design @ np.linalg.lstsq(design, found, rcond=None)[0]
        size = np.max(np.abs(found), initial=0.0)
        noise = max(noise, float(np.max(np.abs(rest), initial=0.0)) / size if size > 0 else 0.0)
    return float(noise) if noise > _NOISY else EPS64


def differences(values: Values, probe: Probe, round_off: float) -> Differences:
    """Central differences of the curve t -> f(z + t v), each order at the step of the smallest stated error."""
    at = (_STEPS[:, None] * _NODES).reshape(-1)
    with np.errstate(all="ignore"):
        found = np.asarray(values(probe.point + at[:, None] * probe.direction), dtype=float)
        found = found.reshape(len(_STEPS), len(_NODES), -1)
        centre = found[:, len(_NODES) // 2 :][:, :1]
        weights = np.linalg.inv(np.vander(_NODES, increasing=True))  # coefficients of the polynomial from its values
        size = np.max(np.abs(found), axis=(1, 2))
        best, stated = [], []
        for k in range(1, ORDERS + 1):
            scale = factorial(k) / _STEPS**k
            estimates = scale[:, None] * np.einsum("i,hid->hd", weights[k], found - centre)
            noise = round_off * scale * size * np.sum(np.abs(weights[k]))
            errors = np.abs(estimates[:-1] - estimates[1:]) + noise[:-1, None]
            errors = np.where(np.isfinite(errors), errors, np.inf)
            step = int(np.argmin(np.max(errors, axis=1)))
            best.append(estimates[step])
            stated.append(errors[step])
    return Differences(np.array(best), np.array(stated))


def check(rules: Rules, probed: Iterable[tuple[Probe, Differences]]) -> tuple[int, str | None]:
    """How many orders are right at every probe, and what is wrong with the next (None where all are)."""
    probed = list(probed)
    for k in range(1, ORDERS + 1):
        for probe, expected in probed:
            try:
                forward, reverse = rules(k, *probe)
            except Exception as error:
                reason = said_by(error)[:160]
                return k - 1, f"the derivative of order {k} fails: {type(error).__name__}: {reason}"
            value, stated = expected.values[k - 1], expected.errors[k - 1]
            weighted = float(np.sum(np.abs(probe.cotangent) * stated))
            for mode, got, wanted, bound in (
                ("forward", forward, value, float(np.max(stated))),
                ("reverse", reverse, float(probe.cotangent @ value), weighted),
            ):
                size = max(float(np.max(np.abs(got))), float(np.max(np.abs(wanted))))
                off = float(np.max(np.abs(got - wanted)))
                if bound > _UNRESOLVED * size and np.isfinite(off):
                    continue
                if not off <= max(_ERRORS * bound, _RELATIVE * size):
                    place = np.array2string(probe.point[:4], precision=3)
                    return k - 1, (
                        f"the derivative of order {k} by {mode} mode is off from central differences by {off:.3g} "
                        f"(of {size:.3g}) at z = {place}"
                    )
    return ORDERS, None


def best_route(
    routes: Iterable[tuple[str, Rules]], values: Values, points: np.ndarray, size: int, round_off: float
) -> Derivatives:
    """The first route with all orders right, or else the one with most; the problem told is that of this route."""
    probed = [(probe, differences(values, probe, round_off)) for probe in probes(points, size)]
    best: Derivatives | None = None
    for name, rules in routes:
        orders, problem = check(rules, probed)
        if best is None or orders > best.orders:
            best = Derivatives(name, orders, problem)
        if orders == ORDERS:
            break
    assert best is not None
    return best
