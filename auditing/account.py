"""The account of the ELBO gap at points x, and its mean with intervals.

    log p_eps(x) - ELBO(encoder) = amortisation gap + contrast + a1 eps + remainder

- amortisation gap = ELBO* - ELBO(encoder), measured; left out without an encoder;
- contrast = 1/2 [ sum_k log M_kk - log det M ], M the Hessian of V at the preimage g of x (J'J on the manifold), and
  a1 eps with a1 from the expansion at g: the claim `general-limit`;
- remainder = measured log p - ELBO*, less contrast and a1 eps: what the expansion does not explain.

How the parts are found at a point, and where a1 is left out, is in `entries`. The remainder closes the account by
definition. What can fail is the second route: log p - ELBO(encoder) is measured again by importance sampling with other
samples, and must agree with the sum of the parts within the stated errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from ..numerics.precision import STANDARD_ERRORS

PARTS = ("amortisation", "contrast", "slope", "remainder")
"""The parts, in the order in which they are added; `slope` is a1 eps."""
LEFT_OUT = {
    "dimension": "d > 16: its fourth derivatives cost too much",
    "kinks": "the decoder has kinks: the gap goes to its limit at the rate 1/gamma, and there is no expansion in eps",
    "order": "the decoder's third derivatives are not right by any route",
    "wide": "the posterior is not narrow (variance above 0.1 of the prior's in some direction, or no preimage), so "
    "that no expansion in eps applies; the finite-noise contrast stands there for the contrast",
    "large": "a1 eps is larger than the gap itself, so that the expansion in eps does not apply",
}
"""Why a1 is left out at a point."""


class Weights(NamedTuple):
    """Importance weights of the best and of the given encoder (nan without one) at a point: see `inference`.

    Shape k of the fitted Pareto tail with its limit for the best encoder, and effective share of the draws.
    """

    best_shape: float
    limit: float
    best_share: float
    given_shape: float
    given_share: float


class Entry(NamedTuple):
    """The account at one point; a1 is nan where it is left out, amortisation nan without an encoder.

    total is log p - ELBO(encoder) (ELBO* without one) by the second route; errors are meant as bounds. preimage,
    mean, std, formula_std, encoder_mean, encoder_std (d,): g, the best encoder, sqrt(eps s_k), and the given one.
    slope: a1 eps in nats, a part of the account.
    left_out: why there is no a1, a key of `LEFT_OUT`; sampled: whether the gap was sampled for want of a smooth mode.
    """

    point: int
    log_likelihood: float
    amortisation: float
    contrast: float
    a1: float
    slope: float
    remainder: float
    gap: float
    error: float
    total: float
    total_error: float
    finite_noise: bool
    multimodal: bool
    left_out: str | None
    sampled: bool
    preimage: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    formula_std: np.ndarray
    encoder_mean: np.ndarray | None
    encoder_std: np.ndarray | None
    weights: Weights | None = None

    @property
    def sum(self) -> float:
        """The parts added up."""
        return float(np.nansum([self.amortisation, self.contrast, self.slope, self.remainder]))

    @property
    def closes(self) -> bool:
        """Whether the parts add up to the gap measured by the second route, within the stated errors."""
        return abs(self.sum - self.total) <= self.error + self.total_error


class Interval(NamedTuple):
    """A mean over the points and its 95 % interval (Student t over points, measurement errors included)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Account:
    """The entries, and how many points failed, because no mode or best encoder was found."""

    entries: tuple[Entry, ...]
    failed: int

    def interval(self, part: str) -> Interval | None:
        """Mean and interval of a part, of "gap", "total" or "sum"; None where it was left out everywhere.

        What cannot be negative has no interval that is: its lower end is at least 0.
        """
        values = np.array([getattr(entry, part) for entry in self.entries])
        kept = np.isfinite(values)
        errors = np.array([entry.total_error if part == "total" else entry.error for entry in self.entries])
        stated = mean_interval(values[kept], np.zeros(kept.sum()) if part in ("contrast", "slope") else errors[kept])
        if stated is None or part in ("slope", "remainder", "log_likelihood"):
            return stated
        return stated._replace(low=min(stated.mean, max(0.0, stated.low)))

    @property
    def without_error(self) -> int:
        """At how many points no error of the parts can be stated: the importance weights drawn there have no mean."""
        return sum(not np.isfinite(entry.error) for entry in self.entries)

    @property
    def closes(self) -> bool:
        """Whether the mean of the parts adds up to the mean of the second route, within the combined errors."""
        if not self.entries:
            return False
        difference = np.mean([entry.sum - entry.total for entry in self.entries])
        errors = np.array([entry.error + entry.total_error for entry in self.entries])
        # Errors by quadrature may be systematic and add up; those by sampling are independent: the larger bound.
        return bool(abs(difference) <= np.mean(errors))


def mean_interval(values: np.ndarray, errors: np.ndarray) -> Interval | None:
    """Mean with a 95 % interval; errors (four standard errors) of the values are added in quadrature."""
    count = len(values)
    if count == 0:
        return None
    mean = float(np.mean(values))
    spread = np.std(values, ddof=1) / np.sqrt(count) if count > 1 else np.inf
    measured = np.sqrt(np.sum((errors / STANDARD_ERRORS) ** 2)) / count
    half = float(stdtrit(max(1, count - 1), 0.975) * np.hypot(spread, measured))
    return Interval(mean, mean - half, mean + half)
