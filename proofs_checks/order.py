"""The order of convergence of a sequence, its constant, and how far both can be believed.

Notation: a sequence y_i = y(eps_i) on a geometric grid eps_i = eps_0 / r^i (r > 1, descending), with
    y(eps) = C eps^p ( 1 + c_1 eps^q + c_2 eps^2q + ... ) + noise,      abs(noise_i) <= floor_i.
p is the order, C the constant, q the spacing of the expansion (1 for smooth decoders, 1/2 at kinks).

The local order  p_i = log(y_i / y_{i+1}) / log r  and the local constant  y_i / eps_i^p  both tend to their limit like
eps^q, so both go through one Richardson table. Each entry carries two uncertainties: the noise, propagated through the
table exactly as a worst case, and the truncation, taken as the largest change against the entries that it was made from
or stands between in its column. The entry with the smallest sum is reported. These are bounds on deterministic errors,
not standard errors, so that the number of sequences judged does not inflate false alarms. Where no entry is sharp
enough, the estimate says so (`inconclusive`), it does not guess.

Source: Richardson (1911), Bulirsch and Stoer; the noise column is the triangle inequality.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import RequestError

ORDER_RESOLUTION = 0.1
"""An order whose half-width exceeds this is inconclusive: it would not tell 1 from 1.2."""

TRUNCATION_SAFETY = 5.0
"""Successive changes of a Richardson table bound its error only asymptotically, and the entry with the smallest of them
is taken: three was too little for one sequence in some 100 000, by a fifth."""

SIGNAL_TO_FLOOR = 10.0
"""A point enters the asymptotic range only while it stands ten times above its floor."""

SHORTEST_RANGE = 4
"""Three local orders are the fewest whose extrapolation can be compared with itself."""

GROWTH = 4
"""A sequence of a positive order grows towards small eps only between a zero, where two terms cancel, and the largest
value behind it: C eps^p - D eps^(p+q) within a factor (1 + q/p)^(1/q), 2 for eps and eps^2, 4 for eps^(1/2) and eps.
Four steps of the ladders used here are at least a factor 16."""

DRIFT = 1e-3
"""Local orders that still move by this much, and not like eps^spacing, have not settled."""


@dataclass(frozen=True)
class Estimate:
    """A number and the half-width of the interval that it is claimed to lie in."""

    value: float
    half_width: float

    @property
    def interval(self) -> tuple[float, float]:
        """The claimed interval [value - half_width, value + half_width]."""
        return self.value - self.half_width, self.value + self.half_width

    def excludes(self, number: float, tolerance: float = 0.0) -> bool:
        """Whether `number` lies outside the interval widened by `tolerance`."""
        return bool(abs(self.value - number) > self.half_width + tolerance)


@dataclass(frozen=True)
class OrderEstimate:
    """Order of one sequence. `status` is "conclusive", "inconclusive" (see `reason`) or "below floor".

    drifts: local orders have not settled; grows: nor does the sequence fall, over the last `GROWTH` local orders.
    """

    status: str
    reason: str
    order: Estimate | None
    eps_max: float
    eps_min: float
    drifts: bool = False
    grows: bool = False


def geometric_ratio(eps: Float[np.ndarray, " n"]) -> float:
    """The ratio r of the descending geometric grid `eps`; RequestError if it is not one."""
    if eps.size < 2 or not np.all(eps > 0):
        raise RequestError(f"eps: expected at least 2 positive values, got {eps.tolist()}")
    ratios = eps[:-1] / eps[1:]
    if ratios[0] <= 1 or not np.all(np.abs(ratios - ratios[0]) <= 1e-6 * ratios[0]):
        raise RequestError(f"eps: expected a descending geometric grid, got ratios {ratios.tolist()}")
    return float(ratios[0])


def extrapolate(
    values: Float[np.ndarray, " n"],
    noise: Float[np.ndarray, " n"],
    ratio: float,
    spacing: float = 1.0,
    first: float | None = None,
) -> Estimate:
    """The limit of values_i = L + a_1 eps_i^s + a_2 eps_i^(s + q) + ... by Richardson's table, with its half-width.

    s is `first` (the spacing q if it is None). Column k is A_i^(k) = A_{i+1}^(k-1) + (A_{i+1}^(k-1) - A_i^(k-1)) /
    (r^(s + (k-1)q) - 1); its noise is the same combination with absolute values. Needs at least three values.
    """
    if values.size < 3:
        raise RequestError(f"extrapolate: expected at least 3 values, got {values.size}")
    table = _richardson(values.size, ratio, spacing, spacing if first is None else first)
    new = table.new @ values
    change = np.max(np.abs([table.along @ values, table.across @ values, table.onward @ values]), axis=0)
    width = table.noise @ noise + TRUNCATION_SAFETY * change
    best = int(np.argmin(width))
    if not width[best] < np.inf:
        return Estimate(float(values[-1]), float("inf"))
    return Estimate(float(new[best]), float(width[best]))


class _Richardson(NamedTuple):
    """Richardson's table as linear maps of n values: a row for each entry that can be compared with its neighbours.

    new: the entry; along: less the one above it in its column; across: less the one that it was made from, times the
    weight's share; onward: less the one below it, at smaller eps, 0 at the end; noise: what bounds its noise when that
    of the values is put in. Without `onward` an entry at large eps whose error passes through an extremum looks exact.
    """

    new: Float[np.ndarray, "m n"]
    along: Float[np.ndarray, "m n"]
    across: Float[np.ndarray, "m n"]
    onward: Float[np.ndarray, "m n"]
    noise: Float[np.ndarray, "m n"]


@lru_cache(maxsize=1024)
def _richardson(count: int, ratio: float, spacing: float, first: float) -> _Richardson:
    column = column_noise = np.eye(count)
    rows: list[tuple[np.ndarray, ...]] = []
    # The first column is extrapolated once before it can be compared with anything.
    for k in range(1, count - 1):
        weight = ratio ** (first + (k - 1) * spacing) - 1.0
        new = column[1:] + (column[1:] - column[:-1]) / weight
        new_noise = column_noise[1:] * (1 + 1 / weight) + column_noise[:-1] / weight
        onward = np.concatenate([new[2:] - new[1:-1], np.zeros((1, count))])
        rows.append((new[1:], new[1:] - new[:-1], (new[1:] - column[2:]) / (weight + 1), onward, new_noise[1:]))
        column, column_noise = new, new_noise
    return _Richardson(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))


def asymptotic_range(y: Float[np.ndarray, " n"], floor: Float[np.ndarray, " n"]) -> slice:
    """The longest run of points of one sign and well above the floor; of equal runs the one at smaller eps."""
    usable = np.isfinite(y) & np.isfinite(floor) & (np.abs(y) > SIGNAL_TO_FLOOR * floor)
    if not usable.any():
        return slice(0, 0)
    state = np.where(usable, np.sign(y), 0)
    edges = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), y.size]
    runs = [slice(a, b) for a, b in pairwise(edges) if state[a] != 0]
    return max(runs, key=lambda run: (run.stop - run.start, run.stop))


def estimate_order(
    eps: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    floor: Float[np.ndarray, " n"],
    spacing: float = 1.0,
    first: float | None = None,
    resolution: float = ORDER_RESOLUTION,
) -> OrderEstimate:
    """The order p of y ~ C eps^p, from local orders above the round-off floor.

    first: the step from p to the next exponent (the spacing if None), the others follow at the spacing.
    """
    ratio = geometric_ratio(eps)
    window = asymptotic_range(y, floor)
    count = window.stop - window.start
    if count == 0:
        return OrderEstimate("below floor", "no point stands above its round-off floor", None, eps[0], eps[-1])
    inside, size, noise = eps[window], np.abs(y[window]), floor[window]
    if count < SHORTEST_RANGE:
        above = int(np.sum(np.abs(y) > SIGNAL_TO_FLOOR * floor))
        reason = f"{count} points above the floor, {SHORTEST_RANGE} are needed"
        if above >= SHORTEST_RANGE:
            reason = f"the sign changes: of {above} points above the floor no {SHORTEST_RANGE} in a row have one sign"
        return OrderEstimate("inconclusive", reason, None, inside[0], inside[-1])
    local = np.log(size[:-1] / size[1:]) / np.log(ratio)
    relative = noise / size
    # -log(1 - t) bounds the change of log y under a relative change t < 1 / SIGNAL_TO_FLOOR.
    local_noise = -(np.log1p(-relative[:-1]) + np.log1p(-relative[1:])) / np.log(ratio)
    order = extrapolate(local, local_noise, ratio, spacing, first)
    if drifts(local, local_noise, ratio, spacing):
        p, q = logarithm(inside, size)
        drift = f"local orders drift from {local[0]:.3f} to {local[-1]:.3f}"
        reason = f"{drift}, as those of eps^{p:.2f} log(1/eps)^{q:.2f} do: no power of eps alone is seen"
        grows = local.size >= GROWTH and bool(np.all(local[-GROWTH:] < -local_noise[-GROWTH:]))
        return OrderEstimate("inconclusive", reason, order, inside[0], inside[-1], drifts=True, grows=grows)
    if not order.half_width <= resolution:
        reason = f"order known to +-{order.half_width:.2g} only, {resolution:g} is needed"
        return OrderEstimate("inconclusive", reason, order, inside[0], inside[-1])
    return OrderEstimate("conclusive", "", order, inside[0], inside[-1])


def drifts(local: Float[np.ndarray, " n"], noise: Float[np.ndarray, " n"], ratio: float, spacing: float = 1.0) -> bool:
    """Whether local orders are still on their way, by steps that do not shrink like eps^spacing.

    Behind a power of eps each step is r^-q times the one before; behind a logarithm they shrink like 1 / i^2 only. The
    last three steps in a row that stand out of their noise decide (before them noise may be larger: errors are not
    always largest at the end); a factor r^(-q/2) lies between.
    """
    steps = np.diff(local)
    seen = np.abs(steps) > SIGNAL_TO_FLOOR / 3 * (noise[:-1] + noise[1:])
    last = int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0
    tail = steps[max(last - 3, 0) : last]
    if (
        tail.size < 3
        or not seen[last - 3 : last].all()
        or np.abs(tail[-1]) < DRIFT
        or np.abs(np.sum(np.sign(tail))) < 3
    ):
        return False
    return bool(np.all(np.abs(tail[1:]) > ratio ** (-spacing / 2) * np.abs(tail[:-1])))


def logarithm(eps: Float[np.ndarray, " n"], size: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """p and q of size ~ C eps^p log(1/eps)^q, by least squares over the smaller half of eps < 1; nan if none."""
    inside = np.flatnonzero(eps < 0.5)[-max(4, eps.size // 2) :]
    if inside.size < 3:
        return float("nan"), float("nan")
    log = np.log(1 / eps[inside])
    columns = np.stack([np.ones_like(log), -log, np.log(log)], axis=1)
    _, p, q = np.linalg.lstsq(columns, np.log(size[inside]), rcond=None)[0]
    return float(p), float(q)


def without_logarithm(
    eps: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], floor: Float[np.ndarray, " n"], order: float, power: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """eps, y and floor with log(1/eps)^power divided out of the leading term, at `power` fewer points.

    On a geometric grid log(1/eps) is an arithmetic progression, so that the power-th difference of y / eps^order is
    C power! (log r)^power + O(eps^spacing), whatever the coefficients of lower powers of the logarithm are.
    """
    step = np.log(geometric_ratio(eps))
    for k in range(1, power + 1):
        scaled, noise = y / eps**order, floor / eps**order
        eps = eps[1:]
        y = np.diff(scaled) / (k * step) * eps**order
        floor = (noise[1:] + noise[:-1]) / (k * step) * eps**order
    return eps, y, floor


def estimate_constant(
    eps: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    floor: Float[np.ndarray, " n"],
    order: float,
    spacing: float = 1.0,
    first: float | None = None,
) -> Estimate | None:
    """The constant C of y = C eps^order (1 + c_1 eps^s + ...), or None if fewer than three points are usable.

    s is the first further exponent (the spacing if None), the others follow at the spacing.

    Points below the floor are kept: their noise bound already says what they are worth.
    """
    usable = np.isfinite(y) & np.isfinite(floor)
    start = int(np.argmax(usable))
    stop = start + int(np.argmin(np.append(usable[start:], False)))
    if stop - start < 3:
        return None
    scale = eps[start:stop] ** order
    return extrapolate(y[start:stop] / scale, floor[start:stop] / scale, geometric_ratio(eps), spacing, first)
