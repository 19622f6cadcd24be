"""Order, constant and limit of a sequence of means, by weighted least squares with the covariance of the means.

Notation: m_i = mean of n repetitions at h_i (descending, h_1 > h_2 > ...), S = covariance of (m_1, ..., m_e); under
common random numbers S is far from diagonal, and a fit that knows it is sharper by orders of magnitude. The model is
    m(h) - limit = C h^p L^l + (terms in falling order of size) + noise,   L = log(1/h), noise ~ N(0, S),
with the terms h^p L^(l-1), ..., h^p and then h^(p + j q) L^l, j = 1, 2, ... (q the spacing).

A candidate leaves out the first points (a window) and takes J terms after the leading one. Its estimate is that of
J + 1 terms; its half-width is t se + `TRUNCATION` abs(C_J - C_(J+1)): noise, and what one more term changes. The
narrowest candidate whose chi-square of what remains is not extreme is reported. t belongs to the false-alarm rate
divided by the number of candidates, so that choosing among them costs nothing. An order is fitted alike, by
Gauss-Newton on p: d/dp h^p = h^p log h.

Source: Aitken (1936), generalised least squares; Rao (1967) for the factor that an estimated covariance costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from .order import Estimate

TRUNCATION = 2.0
"""What one more term changes bounds what all further terms would change; twice, since it does so asymptotically."""

LEAST_FIT = 0.01
"""A candidate whose chi-square is exceeded with less than this probability does not describe its points."""

MOST_TERMS = 4
"""Terms after the leading one: more cannot be told apart on three decades."""

SIGNIFICANT = 3.0
"""Standard errors from zero that a mean needs to enter the first guess of an order."""

NEWTON_STEPS = 30

ROUND_OFF = 8 * float(np.finfo(float).eps)
"""Of a mean of order one: what S lacks if a measurement has no noise."""


@dataclass(frozen=True)
class Means:
    """Means m_i at h_i and their covariance S, from `count` repetitions (infinite if S is known)."""

    h: Float[np.ndarray, " e"]
    mean: Float[np.ndarray, " e"]
    covariance: Float[np.ndarray, "e e"]
    count: float = np.inf

    @property
    def error(self) -> Float[np.ndarray, " e"]:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def whitening(self) -> tuple[np.ndarray, np.ndarray]:
        """Cholesky factor of the correlations and the scales: what all fits to these means share."""
        scale = np.sqrt(np.diag(self.covariance) + (ROUND_OFF * np.abs(self.mean)) ** 2)
        scale = np.maximum(scale, np.finfo(float).tiny)
        correlation = self.covariance / np.outer(scale, scale)
        np.fill_diagonal(correlation, 1.0)
        return np.linalg.cholesky(correlation + 1e-12 * np.eye(len(scale))), scale

    def less(self, prediction: Float[np.ndarray, " e"] | float) -> Means:
        """The means less a prediction."""
        return replace(self, mean=self.mean - prediction)


@dataclass(frozen=True)
class Shape:
    """What the expansion looks like: order p, spacing q, power l of the logarithm."""

    order: float
    spacing: float = 1.0
    log_power: int = 0

    def term(self, h: Float[np.ndarray, " e"], j: int) -> Float[np.ndarray, " e"]:
        """Term j of the expansion: 0 is the leading one."""
        log = np.log(1 / h)
        if j <= self.log_power:
            return h**self.order * log ** (self.log_power - j)
        return h ** (self.order + (j - self.log_power) * self.spacing) * log**self.log_power


@dataclass(frozen=True)
class Fit:
    """One least-squares fit: coefficients, their covariance, chi-square and its degrees of freedom."""

    coefficients: np.ndarray
    covariance: np.ndarray
    chi_square: float
    freedom: int

    def error(self, k: int = 0) -> float:
        """Standard error of coefficient k."""
        return float(np.sqrt(self.covariance[k, k]))

    @property
    def probability(self) -> float:
        """The probability of a chi-square at least as large."""
        from scipy.special import chdtrc

        return float(chdtrc(self.freedom, self.chi_square)) if self.freedom else 1.0


@dataclass(frozen=True)
class Candidate:
    """A window and a number of terms, with the fits of J and of J + 1 terms."""

    start: int
    terms: int
    fewer: Fit
    fit: Fit

    def width(self, quantile: float, k: int = 0, noise: float = 1.0) -> float:
        """Half-width of coefficient k; `noise` scales the standard errors."""
        change = abs(self.fewer.coefficients[k] - self.fit.coefficients[k])
        return quantile * noise * self.fit.error(k) + TRUNCATION * change


@dataclass(frozen=True)
class Weighting:
    """Least-squares fits of one set of columns to means with one covariance, ready for any values."""

    lower: Float[np.ndarray, "e e"]
    scale: Float[np.ndarray, " e"]
    q: Float[np.ndarray, "e k"]
    inverse: Float[np.ndarray, "k k"]

    def fitted(self, values: Float[np.ndarray, "e n"]) -> tuple[Float[np.ndarray, "k n"], Float[np.ndarray, " n"]]:
        """Coefficients and chi-squares of n sequences of means, as if their covariance were known."""
        target = np.linalg.solve(self.lower, values / self.scale[:, None])
        rest = target - self.q @ (self.q.T @ target)
        return self.inverse @ (self.q.T @ target), np.sum(rest**2, axis=0)

    @property
    def covariance(self) -> Float[np.ndarray, "k k"]:
        """The covariance of the coefficients."""
        return self.inverse @ self.inverse.T


def weighting(means: Means, columns: Float[np.ndarray, "e k"]) -> Weighting:
    """Columns whitened by the covariance of the means."""
    lower, scale = means.whitening
    size = np.max(np.abs(columns), axis=0)
    q, r = np.linalg.qr(np.linalg.solve(lower, columns / size / scale[:, None]))
    return Weighting(lower, scale, q, np.linalg.inv(r) / size[:, None])


def least_squares(means: Means, columns: Float[np.ndarray, "e k"]) -> Fit:
    """Coefficients of the columns, with the covariance of the means as weight."""
    weighted = weighting(means, columns)
    coefficients, chi_square = weighted.fitted(means.mean[:, None])
    freedom = len(means.h) - columns.shape[1]
    # An estimated covariance costs this factor (Rao 1967).
    cost = 1.0 if np.isinf(means.count) else (means.count - 1) / max(means.count - 1 - freedom, 1)
    return Fit(coefficients[:, 0], cost * weighted.covariance, float(chi_square[0]) / cost, freedom)


def windows(
    means: Means, shape: Shape, extra: Float[np.ndarray, "e k"] | None = None
) -> Iterator[tuple[int, Means, list[Float[np.ndarray, "w k"]]]]:
    """Each window: its first point, its means, and its columns for 0, 1, ... further terms.

    `extra` columns stand after the leading one in every fit.
    """
    extra = np.empty((len(means.h), 0)) if extra is None else extra
    for start in range(len(means.h) - 2 - extra.shape[1]):
        window = Means(means.h[start:], means.mean[start:], means.covariance[start:, start:], means.count)
        columns = [shape.term(window.h, j) for j in range(MOST_TERMS + shape.log_power + 1)]
        columns[1:1] = list(extra[start:].T)
        first, stop = 1 + extra.shape[1], min(len(columns), len(window.h))
        yield start, window, [np.stack(columns[:k], axis=1) for k in range(first, stop + 1)]


def candidates(means: Means, shape: Shape, extra: Float[np.ndarray, "e k"] | None = None) -> list[Candidate]:
    """All windows and numbers of terms, with `extra` columns in every fit."""
    found = []
    for start, window, columns in windows(means, shape, extra):
        fits = [least_squares(window, one) for one in columns]
        found += [Candidate(start, j, *fits[j : j + 2]) for j in range(len(fits) - 1)]
    return found


def quantile(false_alarm: float, trials: int, count: float = np.inf) -> float:
    """The number of standard errors exceeded in `trials` estimates together with probability `false_alarm`."""
    from scipy.special import ndtri, stdtrit

    tail = 1 - false_alarm / (2 * max(trials, 1))
    return float(ndtri(tail)) if np.isinf(count) else float(stdtrit(max(count - 1, 1), tail))


def best(found: list[Candidate], t: float, k: int = 0) -> Candidate | None:
    """The narrowest candidate that describes its points."""
    fitting = [one for one in found if one.fit.probability >= LEAST_FIT]
    return min(fitting, key=lambda one: one.width(t, k), default=None)


def mean_constant(means: Means, shape: Shape, false_alarm: float) -> tuple[Estimate, Candidate] | None:
    """C with its interval, and the fit that gave it; None if no window fits the expansion."""
    found = candidates(means, shape)
    t = quantile(false_alarm, len(found), means.count)
    chosen = best(found, t)
    if chosen is None:
        return None
    return Estimate(float(chosen.fit.coefficients[0]), chosen.width(t)), chosen


def mean_limit(means: Means, shape: Shape, false_alarm: float) -> tuple[Estimate, Candidate] | None:
    """How far the limit is from the one that was subtracted, C being free."""
    found = candidates(means, shape, np.ones((len(means.h), 1)))
    t = quantile(false_alarm, len(found), means.count)
    chosen = best(found, t, 1)
    if chosen is None:
        return None
    return Estimate(float(chosen.fit.coefficients[1]), chosen.width(t, 1)), chosen


def mean_order(means: Means, shape: Shape, false_alarm: float) -> tuple[Estimate, Candidate] | None:
    """p with its interval, C being free; None if the means do not stand out of their noise or nothing fits."""
    guess = _first_order(means, shape)
    if guess is None:
        return None
    found = [
        (p, one) for p, one in _free_orders(means, replace(shape, order=guess)) if one.fit.probability >= LEAST_FIT
    ]
    if not found:
        return None
    t = quantile(false_alarm, (len(means.h) - 2) * MOST_TERMS, means.count)
    widths = [t * one.fit.error(1) / abs(one.fit.coefficients[0]) + TRUNCATION * abs(q - p) for (p, q), one in found]
    i = int(np.argmin(widths))
    return Estimate(found[i][0][1], float(widths[i])), found[i][1]


def _free_orders(means: Means, shape: Shape) -> Iterator[tuple[tuple[float, float], Candidate]]:
    """For each window and number of terms: the orders of J and of J + 1 terms, and the candidate."""
    for start in range(len(means.h) - 3):
        window = Means(means.h[start:], means.mean[start:], means.covariance[start:, start:], means.count)
        most = min(MOST_TERMS + shape.log_power, len(window.h) - 2)
        fits: list[tuple[float, Fit] | None] = []
        for terms in range(most + 1):
            fits.append(_newton(window, shape, terms))
        for j in range(most):
            fewer, more = fits[j], fits[j + 1]
            if fewer is not None and more is not None:
                yield (fewer[0], more[0]), Candidate(start, j, fewer[1], more[1])


def _newton(means: Means, shape: Shape, terms: int) -> tuple[float, Fit] | None:
    """The order at which the column h^p log h is not needed, and the fit there; None if it is not found."""
    p = shape.order
    for _ in range(NEWTON_STEPS):
        at = replace(shape, order=p)
        lead = at.term(means.h, 0)
        columns = [lead, lead * np.log(means.h), *(at.term(means.h, j) for j in range(1, terms + 1))]
        fit = least_squares(means, np.stack(columns, axis=1))
        step = fit.coefficients[1] / fit.coefficients[0] if fit.coefficients[0] else np.inf
        if not np.isfinite(step) or abs(p) > 20:
            return None
        if abs(step) < 1e-6 + 1e-3 * fit.error(1) / abs(fit.coefficients[0]):
            return float(p + step), fit
        p += float(np.clip(step, -0.3, 0.3))
    return None


def _first_order(means: Means, shape: Shape) -> float | None:
    """The slope of log abs(m) over log h, weighted, of the means that stand out of their noise."""
    seen = np.abs(means.mean) > SIGNIFICANT * means.error
    if seen.sum() < 3:
        return None
    h, size = means.h[seen], np.abs(means.mean[seen]) / np.log(1 / means.h[seen]) ** shape.log_power
    weight = np.minimum(np.abs(means.mean[seen]) / np.maximum(means.error[seen], 1e-300), 100.0)
    return float(np.polyfit(np.log(h), np.log(size), 1, w=weight)[0])
