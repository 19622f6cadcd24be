"""What a rotation of two latents would save, exactly: the lowest mean pair contrast over all angles.

With f o R, R a rotation of latents k and l by theta, the columns become J_k cos + J_l sin and -J_k sin + J_l cos; only
their lengths change, so that the contrast falls by 1/2 log(M_kk M_ll) - 1/2 log(M'_kk M'_ll), M'_kk + M'_ll constant.
With a, b the mean and half the difference of the diagonal and c = M_kl, r = hypot(b, c), phi = atan2(c, b),

    M'_kk M'_ll = a^2 - r^2 cos^2(2 theta - phi) = a^2 (A - B cos s),
    s = 4 theta - 2 phi,   B = r^2 / 2 a^2,   A = 1 - B.

For a prior N(0, I) the rotated model has the same likelihood (claim `spurious-solutions`). The metric is
M = I + A/eps, as in the finite-noise contrast, where a vanishing column does no harm: I is the same in rotated
coordinates.

The mean over points of 1/2 log(A - B cos s) has as many dips as points, each |J_small| / |J_large| wide: it is
minimised by branch and bound. On an interval of half-width w about m it is at least F(m) - |F'(m)| w + 1/2 K w^2,
K <= 0 the mean of the least second derivative of every term there, and at least the mean of the terms' own minima.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

TOLERANCE = 1e-7
"""Nats by which the minimum may be missed."""
_CELLS, _MOST_ROUNDS = 32, 60
_QUARTER = np.pi / 2  # a quarter turn exchanges the two latents


class Rotation(NamedTuple):
    """Latents, the angle in radians that saves most, and the mean saving in nats."""

    latents: tuple[int, int]
    angle: float
    saving: float


class _Terms(NamedTuple):
    """B and 2 phi of every point, and A - B, which must not be formed by subtraction."""

    amplitude: Float[np.ndarray, " n"]
    phase: Float[np.ndarray, " n"]
    floor: Float[np.ndarray, " n"]

    def argument(self, angle: np.ndarray) -> np.ndarray:
        """1 - cos s at each angle and point, as 2 sin^2(s/2)."""
        return 2 * np.sin(2 * angle[:, None] - 0.5 * self.phase) ** 2

    def value(self, angle: np.ndarray) -> np.ndarray:
        """1/2 log(A - B cos s)."""
        return 0.5 * np.log(self.floor + self.amplitude * self.argument(angle))

    def slope(self, angle: np.ndarray) -> np.ndarray:
        """d/d theta = 2 B sin s / (A - B cos s)."""
        sine = np.sin(4 * angle[:, None] - self.phase)
        return 2 * self.amplitude * sine / (self.floor + self.amplitude * self.argument(angle))

    def least_bend(self, middle: np.ndarray, width: float) -> np.ndarray:
        """A lower bound, at most 0, of d^2/d theta^2 = 8 B (A cos s - B) / (A - B cos s)^2 within +-width."""
        away = np.abs((4 * middle[:, None] - self.phase + np.pi) % (2 * np.pi) - np.pi)  # |s|, from 0 to pi
        near, far = np.maximum(away - 4 * width, 0.0), np.minimum(away + 4 * width, np.pi)
        upper = self.floor + self.amplitude  # A
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = (2 * self.amplitude**2 - upper**2) / (upper * self.amplitude)  # cos s of the least value
        bends = []
        for cosine in (np.cos(near), np.cos(far), np.clip(inner, np.cos(far), np.cos(near))):
            lower = self.floor + self.amplitude * (1 - cosine)
            bends.append(8 * self.amplitude * (upper * cosine - self.amplitude) / lower**2)
        return np.minimum(np.nanmin(bends, axis=0), 0.0)

    def least_value(self, middle: np.ndarray, width: float) -> np.ndarray:
        """The least value of every term within +-width."""
        away = np.abs((4 * middle[:, None] - self.phase + np.pi) % (2 * np.pi) - np.pi)
        nearest = np.maximum(away - 4 * width, 0.0)
        return 0.5 * np.log(self.floor + self.amplitude * 2 * np.sin(0.5 * nearest) ** 2)


def best_rotations(
    metric: Float[np.ndarray, "n d d"], notify: Callable[[int, int], None] = lambda done, total: None
) -> list[Rotation]:
    """The best rotation of every pair, the largest saving first; metric: I + A/eps at each point."""
    first, second = np.triu_indices(metric.shape[-1], 1)
    found = []
    for p, (k, other) in enumerate(zip(first, second, strict=True)):
        angle, saving = _best(_terms(metric[:, k, k], metric[:, other, other], metric[:, k, other]))
        found.append(Rotation((int(k), int(other)), angle, saving))
        notify(p + 1, len(first))
    return sorted(found, key=lambda rotation: -rotation.saving)


def _terms(one: np.ndarray, other: np.ndarray, off: np.ndarray) -> _Terms:
    mean, half = 0.5 * (one + other), 0.5 * (one - other)
    amplitude = 0.5 * (half**2 + off**2) / mean**2
    # A - B = (a^2 - r^2) / a^2 = det / a^2, the determinant not formed from a and r, which would cancel.
    return _Terms(amplitude, 2 * np.arctan2(off, half), (one * other - off**2) / mean**2)


def _best(terms: _Terms) -> tuple[float, float]:
    """The angle in (-45, 45] degrees of the lowest mean, and how far that is below the mean at 0."""
    start = float(np.mean(terms.value(np.zeros(1))))
    if start - np.mean(0.5 * np.log(terms.floor)) <= TOLERANCE:
        return 0.0, 0.0
    width = 0.5 * _QUARTER / _CELLS
    middle = (2 * np.arange(_CELLS) + 1) * width
    best, angle = start, 0.0
    for _ in range(_MOST_ROUNDS):
        values, slopes = np.mean(terms.value(middle), axis=1), np.mean(terms.slope(middle), axis=1)
        lowest = int(np.argmin(values))
        if values[lowest] < best:
            best, angle = float(values[lowest]), float(middle[lowest])
        bend = np.mean(terms.least_bend(middle, width), axis=1)
        bound = values - np.abs(slopes) * width + 0.5 * bend * width**2
        bound = np.maximum(bound, np.mean(terms.least_value(middle, width), axis=1))
        middle = middle[bound < best - TOLERANCE]
        if not len(middle):
            break
        width /= 2
        middle = np.concatenate([middle - width, middle + width])
    # A turn by more than 45 degrees is an exchange and a turn the other way.
    angle = (angle + _QUARTER / 2) % _QUARTER - _QUARTER / 2
    return angle, max(0.0, start - best)
