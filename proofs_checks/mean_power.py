"""How many repetitions would decide: the first time at which the constant of a sequence of means is known well enough.

Notation as in `mean_fit`: n repetitions gave means m with covariance S; f n repetitions would give
    m(f) = (m + (f - 1) truth + noise) / f,   noise ~ N(0, (f - 1) S),
a random walk in f that starts at what was measured. The truth is drawn from the fit that describes the means best:
coefficients with their covariance. On each of `DRAWS` walks the rule of `mean_fit.mean_constant` (the narrowest
candidate that describes its points) is followed until its half-width is reached; the median of the numbers is told.
Half of all experiments need fewer, half need more: near the target the half-width itself is random, since what one more
term changes is.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .mean_fit import LEAST_FIT, TRUNCATION, Means, Shape, best, candidates, quantile, weighting, windows

DRAWS = 64
"""Walks: their median is known to some 10 %, less than the factor 2 by which experiments differ."""

FACTORS = np.geomspace(1.0, 1e6, 193)
"""Numbers of repetitions looked at, as multiples of what was made: steps of 7.5 %."""

SEED = 20220602
"""The walks are the same for the same means."""


def repetitions_needed(means: Means, shape: Shape, false_alarm: float, half_width: float) -> float:
    """The number of repetitions at which the half-width of C falls to `half_width`, in the median; inf if never."""
    found = candidates(means, shape)
    chosen = best(found, quantile(false_alarm, len(found), means.count))
    if chosen is None or np.isinf(means.count):
        return np.inf
    rng = np.random.default_rng(SEED)
    fit = chosen.fit
    columns = np.stack([shape.term(means.h, j) for j in range(len(fit.coefficients))], axis=1)
    drawn = fit.coefficients[:, None] + _root(fit.covariance) @ rng.standard_normal((len(fit.coefficients), DRAWS))
    walks = _walks(means, columns @ drawn, rng)
    known = _half_widths(means, walks, shape, quantile(false_alarm, len(found))) <= half_width
    first = np.where(known.any(axis=0), FACTORS[np.argmax(known, axis=0)], np.inf)
    return float(np.quantile(first, 0.5, method="higher") * means.count)


def _walks(means: Means, truth: Float[np.ndarray, "e n"], rng: np.random.Generator) -> Float[np.ndarray, "f e n"]:
    """The means at each of `FACTORS` times the repetitions, n walks."""
    steps = np.sqrt(np.diff(FACTORS, prepend=1.0))[:, None, None] * rng.standard_normal((FACTORS.size, *truth.shape))
    noise = _root(means.covariance) @ np.cumsum(steps, axis=0)
    factors = FACTORS[:, None, None]
    return (means.mean[:, None] + (factors - 1) * truth + noise) / factors


def _half_widths(means: Means, walks: Float[np.ndarray, "f e n"], shape: Shape, t: float) -> Float[np.ndarray, "f n"]:
    """The half-width of the narrowest candidate that describes its points, along each walk."""
    from scipy.special import chdtri

    narrowest = np.full((walks.shape[0], walks.shape[2]), np.inf)
    for start, window, columns in windows(means, shape):
        weighted = [weighting(window, one) for one in columns]
        values = np.moveaxis(walks[:, start:], 1, 0).reshape(len(window.h), -1)
        fits = [one.fitted(values) for one in weighted]
        for j in range(1, len(fits)):
            change = np.abs(fits[j][0][0] - fits[j - 1][0][0]).reshape(narrowest.shape)
            noise = t * np.sqrt(weighted[j].covariance[0, 0] / FACTORS)[:, None]
            freedom = len(window.h) - columns[j].shape[1]
            chi_square = FACTORS[:, None] * fits[j][1].reshape(narrowest.shape)
            describes = chi_square <= chdtri(freedom, LEAST_FIT) if freedom else True
            width = np.where(describes, noise + TRUNCATION * change, np.inf)
            narrowest = np.minimum(narrowest, width)
    return narrowest


def _root(covariance: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """A root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
