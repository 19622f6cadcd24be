"""Polynomial shears of the plane, many at once, in NumPy: derivatives, and the gap by a reduction to one dimension.

f(z) = M (z_1 + p(z_2), z_2), p(t) = q t^2 + r t^3, prior N(0, I). With G = M'M, y = M^-1 x, kappa = det(M)^2 / G_11
and c(t) = y_1 - p(t) + (G_12/G_11)(y_2 - t) the noise's exponent is G_11 (z_1 - c(z_2))^2 + kappa (z_2 - y_2)^2, so
that z_1 can be integrated, and the encoder of z_1 maximised, exactly: what is left is an integral over z_2 and a
maximum over the mean and variance of z_2. What is singular in eps cancels in the gap. No asymptotics.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..families.draws import entangling, signed
from .one_latent import HALF_LOG_2PIE, Objective, expected, maximise

Grid = Float[np.ndarray, "*#shape"]
_MOMENT_NODES = 5  # squares of cubics: degree 6, their second derivatives with weights included
_STEP = 0.3
_EVIDENCE = np.arange(-9.0, 9.01, _STEP)


class Shears(NamedTuple):
    """n shears: M (n, 2, 2), quadratic and cubic coefficients (n,)."""

    matrix: Float[np.ndarray, "n 2 2"]
    quadratic: Float[np.ndarray, " n"]
    cubic: Float[np.ndarray, " n"]

    @property
    def metric(self) -> Float[np.ndarray, "n 2 2"]:
        """G = M'M."""
        return np.swapaxes(self.matrix, 1, 2) @ self.matrix

    def bend(self, t: Grid, order: int = 0) -> Grid:
        """The derivative of this order of p at t (n, ...)."""
        q, r = (value.reshape(-1, *[1] * (t.ndim - 1)) for value in (self.quadratic, self.cubic))
        return (q * t**2 + r * t**3, 2 * q * t + 3 * r * t**2, 2 * q + 6 * r * t, 6 * r + 0 * t)[order]

    def derivatives(self, z: Float[np.ndarray, "n k 2"]) -> dict[str, Any]:
        """J, H, T of f and l1, l2 of the normal prior at k points of each shear, stacked to (n k, ...)."""
        n, k, _ = z.shape
        t = z[..., 1]
        J, H, T = (np.zeros((n, k, 2, *[2] * order)) for order in (1, 2, 3))
        J[...] = self.matrix[:, None]
        J[..., 1] += self.matrix[:, None, :, 0] * self.bend(t, 1)[..., None]
        H[..., 1, 1] = self.matrix[:, None, :, 0] * self.bend(t, 2)[..., None]
        T[..., 1, 1, 1] = self.matrix[:, None, :, 0] * self.bend(t, 3)[..., None]
        l2 = np.broadcast_to(-np.eye(2), (n, k, 2, 2))
        arrays = {"J": J, "H": H, "T": T, "l1": -z, "l2": l2}
        return {name: value.reshape(n * k, *value.shape[2:]) for name, value in arrays.items()}

    def unmixed(self, z: Float[np.ndarray, "n k 2"]) -> Float[np.ndarray, "n k 2"]:
        """y = M^-1 f(z)."""
        return np.stack([z[..., 0] + self.bend(z[..., 1]), z[..., 1]], axis=-1)


def draw(rng: np.random.Generator, count: int) -> Shears:
    """Entangling matrices with singular values in [0.7, 1.4], gentle profiles."""
    matrices = np.stack([entangling(rng, 2, low=0.7, high=1.4) for _ in range(count)])
    return Shears(matrices, signed(rng, 0.1, 0.25, count), signed(rng, 0.02, 0.05, count))


class Reduced(NamedTuple):
    """The gap, log p_eps(x), and the best encoder of z_2 (mean, standard deviation), arrays of one shape."""

    gap: np.ndarray
    log_likelihood: np.ndarray
    mean: np.ndarray
    std: np.ndarray


class _Fibre(NamedTuple):
    """The problem in z_2 that is left at x = M y, arrays of one shape: y_2, eps, G_11, G_12/G_11 and kappa."""

    shears: Shears
    y1: np.ndarray
    y2: np.ndarray
    eps: np.ndarray
    g11: np.ndarray
    ratio: np.ndarray
    kappa: np.ndarray

    @staticmethod
    def at(shears: Shears, y: Float[np.ndarray, "n *points 2"], eps: Float[np.ndarray, "*noises"]) -> _Fibre:
        """The problem for each of y's points and noises; eps broadcasts against y's shape without its last axis."""
        shape = np.broadcast_shapes(y.shape[:-1], eps.shape)
        ones = (-1, *[1] * (len(shape) - 1))
        G = shears.metric
        return _Fibre(
            shears,
            y1=np.broadcast_to(y[..., 0], shape),
            y2=np.broadcast_to(y[..., 1], shape),
            eps=np.broadcast_to(eps, shape),
            g11=G[:, 0, 0].reshape(ones),
            ratio=(G[:, 0, 1] / G[:, 0, 0]).reshape(ones),
            kappa=(np.linalg.det(shears.matrix) ** 2 / G[:, 0, 0]).reshape(ones),
        )

    @property
    def rho(self) -> np.ndarray:
        """What the prior of z_1 leaves: 1 / (1 + eps/G_11)."""
        return 1 / (1 + self.eps / self.g11)

    def centre(self, t: np.ndarray, order: int) -> np.ndarray:
        """c(t) or a derivative; t has one axis more than y."""
        value = -self.shears.bend(t, order)
        if order == 0:
            return value + (self.y1 + self.ratio * self.y2)[..., None] - self.ratio[..., None] * t
        return value - self.ratio[..., None] if order == 1 else value

    @property
    def slope(self) -> np.ndarray:
        """abs(c'(y_2))."""
        return np.abs(self.centre(self.y2[..., None], 1)[..., 0])

    def log_integral(self) -> np.ndarray:
        """log int exp( -kappa (t - y_2)^2 / (2 eps) - t^2/2 - rho c(t)^2 / 2 ) dt, by the trapezoid rule."""
        kappa, y2 = (self.kappa / self.eps)[..., None], self.y2[..., None]
        width = 1 / np.sqrt(self.kappa / self.eps + 1 + self.slope**2)
        t = y2 + width[..., None] * _EVIDENCE
        exponent = -0.5 * (kappa * (t - y2) ** 2 + t**2 + self.rho[..., None] * self.centre(t, 0) ** 2)
        top = np.max(exponent, axis=-1)
        return top + np.log(np.sum(np.exp(exponent - top[..., None]), axis=-1) * width * _STEP)

    def gaussian(self, z: np.ndarray) -> tuple:
        """-kappa (z - y_2)^2 / (2 eps) - z^2/2 and its first two derivatives."""
        k, y2 = (self.kappa / self.eps)[..., None], self.y2[..., None]
        return -0.5 * (k * (z - y2) ** 2 + z**2), -k * (z - y2) - z, -k - 1 + 0 * z

    def objective(self, mu: np.ndarray, tau: np.ndarray) -> Objective:
        """F of the best encoder of z_1 given q(z_2) = N(mu, exp(2 tau)): -rho/2 E[c]^2 - G_11/(2 eps) Var c added."""
        origin = self.centre(mu[..., None], 0)

        def moved(z: np.ndarray) -> tuple:
            return self.centre(z, 0) - origin, self.centre(z, 1), self.centre(z, 2)

        def squared(z: np.ndarray) -> tuple:
            value, slope, curvature = moved(z)
            return value**2, 2 * value * slope, 2 * (slope**2 + value * curvature)

        base = expected(mu, tau, self.gaussian, _MOMENT_NODES).with_entropy(tau)
        mean, square = (expected(mu, tau, part, _MOMENT_NODES) for part in (moved, squared))
        return _penalised(base, mean, square, mean.value + origin[..., 0], self.rho, self.g11 / (2 * self.eps))


def _penalised(
    base: Objective, mean: Objective, square: Objective, total: np.ndarray, rho: np.ndarray, weight: np.ndarray
) -> Objective:
    """base - rho/2 total^2 - weight (square - mean^2) and its derivatives, those of `total` being those of `mean`."""
    m = mean.value

    def second(first: np.ndarray, other: np.ndarray, of_mean: np.ndarray, of_square: np.ndarray) -> np.ndarray:
        """What a second derivative gets, by the product rule."""
        return -rho * (first * other + total * of_mean) - weight * (of_square - 2 * first * other - 2 * m * of_mean)

    return Objective(
        value=base.value - 0.5 * rho * total**2 - weight * (square.value - m**2),
        by_mu=base.by_mu - rho * total * mean.by_mu - weight * (square.by_mu - 2 * m * mean.by_mu),
        by_tau=base.by_tau - rho * total * mean.by_tau - weight * (square.by_tau - 2 * m * mean.by_tau),
        by_mu_mu=base.by_mu_mu + second(mean.by_mu, mean.by_mu, mean.by_mu_mu, square.by_mu_mu),
        by_mu_tau=base.by_mu_tau + second(mean.by_mu, mean.by_tau, mean.by_mu_tau, square.by_mu_tau),
        by_tau_tau=base.by_tau_tau + second(mean.by_tau, mean.by_tau, mean.by_tau_tau, square.by_tau_tau),
    )


def reduced(shears: Shears, y: Float[np.ndarray, "n *points 2"], eps: Float[np.ndarray, "*noises"]) -> Reduced:
    """Gap and log-likelihood at x = M y; eps broadcasts against y's shape without its last axis."""
    fibre = _Fibre.at(shears, y, eps)
    g11, noise = fibre.g11, fibre.eps
    spread = 1 / np.sqrt((fibre.kappa + g11 * fibre.slope**2) / noise + 1)
    best, mu, tau = maximise(fibre.objective, fibre.y2, np.log(spread))
    log_integral = fibre.log_integral()
    log_likelihood = log_integral - np.log(2 * np.pi * noise) - 0.5 * np.log(2 * np.pi * (1 + g11 / noise))
    return Reduced(log_integral - best - HALF_LOG_2PIE, log_likelihood, mu, np.exp(tau))
