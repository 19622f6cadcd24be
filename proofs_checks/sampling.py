"""Means of what a user's function draws: repetitions grow until a fit is sharp enough, or a budget ends.

function(x, rng, repetitions, **instance) -> (repetitions, points): x is the whole grid, a row is one repetition at
every point of it. Rows are independent of each other; columns may share their random numbers, and should. Only the
count, the mean and the covariance of the rows are kept (Chan, Golub and LeVeque 1979), in chunks whose size the memory
allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .along import Along
from .mean_fit import Means
from .values import MeasuringError, called, name_of

FIRST = 1000
"""Repetitions before the first look: a covariance of a dozen means needs hundreds."""

AT_ONCE = 1000
"""Repetitions in one call of the user's function."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and summed squares of independent rows, and the largest squared distance from the first mean."""

    count: int
    mean: Float[np.ndarray, " e"]
    squares: Float[np.ndarray, "e e"]
    largest: Float[np.ndarray, " e"]
    centre: Float[np.ndarray, " e"]

    @staticmethod
    def of(rows: Float[np.ndarray, "n e"], centre: Float[np.ndarray, " e"] | None = None) -> Moments:
        """The moments of these rows; distances are taken from `centre`, their mean if it is None."""
        mean = rows.mean(axis=0)
        centre = mean if centre is None else centre
        away = rows - mean
        return Moments(len(rows), mean, away.T @ away, np.max((rows - centre) ** 2, axis=0), centre)

    def with_(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        count = self.count + other.count
        step = other.mean - self.mean
        squares = self.squares + other.squares + np.outer(step, step) * self.count * other.count / count
        mean = self.mean + step * other.count / count
        return Moments(count, mean, squares, np.maximum(self.largest, other.largest), self.centre)

    def means(self, eps: Float[np.ndarray, " e"]) -> Means:
        """The means with their covariance."""
        return Means(eps, self.mean, self.squares / (self.count - 1) / self.count, float(self.count))

    @property
    def share(self) -> float:
        """The largest part of a variance that one repetition carries."""
        total = np.diag(self.squares)
        return float(np.max(np.where(total > 0, self.largest / np.where(total > 0, total, 1.0), 0.0)))


def sample(
    function: Callable[..., Any],
    along: Along,
    row: dict[str, Any],
    rng: Callable[[int], np.random.Generator],
    enough: Callable[[Means], bool],
    most: int,
) -> Moments:
    """The moments of at most `most` repetitions, doubled until `enough`; rng(k) is the generator of chunk k."""
    found: Moments | None = None
    chunk, wanted = 0, min(FIRST, most)
    while True:
        while found is None or found.count < wanted:
            size = min(AT_ONCE, wanted - (found.count if found else 0))
            values = _checked(called(function, along.values, rng(chunk), size, **row), function, size, along)
            part = Moments.of(values, found.centre if found else None)
            found = part if found is None else found.with_(part)
            chunk += 1
        if found.count >= most or not np.all(np.isfinite(found.mean)) or enough(found.means(along.eps)):
            return found
        wanted = min(2 * found.count, most)


def _checked(values: Any, function: Callable[..., Any], size: int, along: Along) -> Float[np.ndarray, "n e"]:
    array = np.asarray(values, dtype=float)
    if array.shape != (size, len(along.values)):
        expected = f"(repetitions, points) = ({size}, {len(along.values)})"
        raise MeasuringError(f"{name_of(function)}: expected an array of shape {expected}, got {array.shape}")
    return array
