"""One kink: f(z) = A z for z > 0 and B z for z < 0, prior N(p, 1), data x = A r with r >= 0: the gap at any noise.

Written from the kink, towards the preimage: A is the slope of its piece, B that of the other. `gap` uses the moments of
truncated normals in closed form; `profile` is the problem with a flat prior at noise 1, its expectations by
Gauss-Legendre quadrature on either side of the kink. With one piece only the gap is 0: everything measured here is the
kink's. `Pieces` and `beyond` are arithmetic alone, so that a gap of size exp(-A^2 r^2 / (2 eps)) can be had from them
at as many digits as it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr

from .one_latent import HALF_LOG_2PIE, Objective, maximise

Grid = Float[np.ndarray, "*#shape"]
_LEGENDRE, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(40)
_REACH = 10.0


class Kink(NamedTuple):
    """A, B and p of the module's docstring, arrays of one shape."""

    near: np.ndarray
    far: np.ndarray
    prior_mean: np.ndarray

    def mirrored(self) -> Kink:
        """The same kink seen from its other side."""
        return Kink(self.far, self.near, -self.prior_mean)

    def spread(self, ndim: int) -> Kink:
        """With `ndim` axes of length one appended."""
        return Kink(*(value.reshape(value.shape + (1,) * ndim) for value in self))

    def density(self, r: np.ndarray | float) -> np.ndarray:
        """The prior density at distance r from the kink."""
        return np.exp(-0.5 * (r - self.prior_mean) ** 2) / np.sqrt(2 * np.pi)


def gap(r: Grid, eps: Grid, kink: Kink) -> Grid:
    """log p_eps(x) - ELBO* at x = A r, all of one shape; the better of two starts, one on either piece."""
    r, eps, A, B, p = np.broadcast_arrays(r, eps, *kink)
    near = _log_piece(A, A * r, eps, p, 1.0)
    far = _log_piece(B, A * r, eps, p, -1.0)
    evidence = np.logaddexp(near, far)

    def derivatives(m: np.ndarray, tau: np.ndarray) -> Objective:
        return _objective(m, tau, r, eps, Kink(A, B, p))

    scale = np.sqrt(eps)
    found = [
        maximise(derivatives, *start)[0] for start in ((r, np.log(scale / A)), (-0.5 * scale / B, np.log(scale / B)))
    ]
    return evidence - np.fmax(*found) - HALF_LOG_2PIE


def _log_piece(C: Grid, x: Grid, eps: Grid, p: Grid, sign: float) -> Grid:
    """log int exp( -(C z - x)^2 / (2 eps) - (z - p)^2 / 2 ) dz over z of one sign."""
    precision = C**2 / eps + 1
    mean = (C * x / eps + p) / precision
    peak = -0.5 * (x - C * p) ** 2 / (eps + C**2)
    return peak + 0.5 * np.log(2 * np.pi / precision) + log_ndtr(sign * mean * np.sqrt(precision))


class Pieces(NamedTuple):
    """The exponent at A r: that of the preimage's piece everywhere, and what the other piece adds on its side.

    -precision z^2 / 2 + pull z - level, and for z < 0 also  first z + second z^2: numbers of any kind.
    """

    precision: Any
    pull: Any
    level: Any
    first: Any
    second: Any

    @staticmethod
    def at(r: Any, eps: Any, A: Any, B: Any, p: Any) -> Pieces:
        """The coefficients for data x = A r."""
        return Pieces(
            precision=A**2 / eps + 1,
            pull=A**2 * r / eps + p,
            level=(A**2 * r**2 / eps + p**2) / 2,
            first=-A * r * (A - B) / eps,
            second=-(B**2 - A**2) / 2 / eps,
        )

    def elbo(self, m: Any, s: Any, log_s: Any, moments: tuple[Any, Any]) -> Any:
        """F of q = N(m, s^2), `moments` its first two beyond the kink."""
        line = -self.precision * (m**2 + s**2) / 2 + self.pull * m - self.level + log_s
        return line + self.first * moments[0] + self.second * moments[1]


def beyond(m: Any, s: Any, tail: Any, bell: Any) -> tuple[Any, Any]:
    """E_q[z], E_q[z^2] over z < 0; tail = P(xi > m/s) and bell = the density at m/s, for a standard normal xi."""
    v = m / s
    return s * (v * tail - bell), s**2 * ((v**2 + 1) * tail - v * bell)


def _objective(m: Grid, tau: Grid, r: Grid, eps: Grid, kink: Kink) -> Objective:
    """The linear piece's ELBO, corrected by the first two moments of q on the other side of the kink."""
    pieces = Pieces.at(r, eps, *kink)
    precision, pull, _, first, second = pieces
    s = np.exp(tau)
    v = m / s
    tail, bell = ndtr(-v), np.exp(-0.5 * v**2) / np.sqrt(2 * np.pi)
    moments = beyond(m, s, tail, bell)
    return Objective(
        value=pieces.elbo(m, s, tau, moments),
        by_mu=pull - precision * m + first * tail + 2 * second * moments[0],
        by_tau=1 - precision * s**2 - first * s * bell + 2 * second * s**2 * tail,
        by_mu_mu=-precision - first * bell / s + 2 * second * tail,
        by_mu_tau=first * v * bell - 2 * second * s * bell,
        by_tau_tau=-2 * precision * s**2
        - first * s * bell * (1 + v**2)
        + second * (4 * s**2 * tail + 2 * s**2 * v * bell),
    )


def profile(rho: Grid, kink: Kink) -> tuple[Grid, Grid]:
    """Gamma(rho), the gap at x = A rho with a flat prior and noise 1, and the posterior's mean minus the encoder's."""
    rho, A, B, _ = np.broadcast_arrays(rho, *kink)
    x = A * rho
    near, far = ndtr(x) / A, ndtr(-x) / B
    bell = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    posterior_mean = (x * near / A + bell / A**2 + x * far / B - bell / B**2) / (near + far)

    def derivatives(m: np.ndarray, tau: np.ndarray) -> Objective:
        return _flat_objective(m, tau, x, A, B)

    starts = ((rho, -np.log(A)), (-0.5 / B, -np.log(B)))
    values, means, _ = (np.stack(part) for part in zip(*(maximise(derivatives, *s) for s in starts), strict=True))
    best = np.nanargmax(values, axis=0)[None]
    value, mean = (np.take_along_axis(part, best, axis=0)[0] for part in (values, means))
    return np.log(np.sqrt(2 * np.pi) * (near + far)) - value - HALF_LOG_2PIE, posterior_mean - mean


def _flat_objective(m: Grid, tau: Grid, x: Grid, A: Grid, B: Grid) -> Objective:
    """F and its derivatives from E_q[e h(xi)], h Hermite polynomials: e itself is only continuous."""
    s = np.exp(tau)
    edge = np.clip(-m / s, -_REACH, _REACH)[..., None]
    totals = [0.0] * 6
    for low, high, slope in ((-_REACH, edge, B), (edge, _REACH, A)):
        xi = low + 0.5 * (high - low) * (1 + _LEGENDRE)
        weight = 0.5 * (high - low) * _LEGENDRE_WEIGHTS * np.exp(-0.5 * xi**2) / np.sqrt(2 * np.pi)
        e = -0.5 * (slope[..., None] * (m[..., None] + s[..., None] * xi) - x[..., None]) ** 2
        polynomials = (1.0, xi, xi**2 - 1, xi**3 - 3 * xi, xi**4 - 4 * xi**2 + 1)
        moments = [np.sum(weight * e * h, axis=-1) for h in polynomials]
        parts = (moments[0], moments[1] / s, moments[2], moments[2] / s**2, moments[3] / s, moments[4])
        totals = [total + part for total, part in zip(totals, parts, strict=True)]
    return Objective(*map(np.asarray, totals)).with_entropy(tau)


def expected_gap(eps: Float[np.ndarray, " e"], kink: Kink) -> Float[np.ndarray, "n e"]:
    """E[gap] over x = f(z), z from the prior: both sides, on the kink's own scale."""
    return _both_sides(lambda r, side: gap(r, eps[:, None], side) * side.density(r), np.sqrt(eps), kink)


def profile_integral(kink: Kink) -> Float[np.ndarray, " n"]:
    """The integral of Gamma over the whole line."""
    return _both_sides(lambda r, side: profile(r, side)[0], np.ones(1), kink)[:, 0]


def _both_sides(
    integrand: Callable[[np.ndarray, Kink], np.ndarray], scale: Float[np.ndarray, " e"], kink: Kink
) -> Float[np.ndarray, "n e"]:
    """Integral over r > 0 of the integrand seen from either side; r = scale t / A, t up to where it is below 1e-18."""
    result = np.zeros((len(kink.near), len(scale)))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    for side in (kink, kink.mirrored()):
        spread = side.spread(2)
        for low in np.arange(0.0, 9.0, 1.0):
            r = scale[:, None] / spread.near * (low + 0.5 * (1 + nodes))
            result += 0.5 * (integrand(r, spread) @ weights) * (scale / side.near[:, None])
    return result
