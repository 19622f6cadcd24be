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
_EVIDENCE = np.arange(-9.0, 9.01, 0.3)


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


def reduced(shears: Shears, y: Float[np.ndarray, "n *points 2"], eps: Float[np.ndarray, "*noises"]) -> Reduced:
    """Gap and log-likelihood at x = M y; eps broadcasts against y's shape without its last axis."""
    shape = np.broadcast_shapes(y.shape[:-1], eps.shape)
    ones = (-1, *[1] * (len(shape) - 1))
    G = shears.metric
    g11, ratio = G[:, 0, 0].reshape(ones), (G[:, 0, 1] / G[:, 0, 0]).reshape(ones)
    kappa = (np.linalg.det(shears.matrix) ** 2 / G[:, 0, 0]).reshape(ones)
    y1, y2, eps = np.broadcast_to(y[..., 0], shape), np.broadcast_to(y[..., 1], shape), np.broadcast_to(eps, shape)
    rho = 1 / (1 + eps / g11)

    def fibre(t: np.ndarray, order: int) -> np.ndarray:
        """c(t) or a derivative; t has one axis more than y."""
        value = -shears.bend(t, order)
        if order == 0:
            return value + (y1 + ratio * y2)[..., None] - ratio[..., None] * t
        return value - ratio[..., None] if order == 1 else value

    slope = np.abs(fibre(y2[..., None], 1)[..., 0])
    width = 1 / np.sqrt(kappa / eps + 1 + slope**2)
    t = y2[..., None] + width[..., None] * _EVIDENCE
    exponent = -0.5 * ((kappa / eps)[..., None] * (t - y2[..., None]) ** 2 + t**2 + rho[..., None] * fibre(t, 0) ** 2)
    top = np.max(exponent, axis=-1)
    log_integral = top + np.log(np.sum(np.exp(exponent - top[..., None]), axis=-1) * width * 0.3)

    def derivatives(mu: np.ndarray, tau: np.ndarray) -> Objective:
        centre = fibre(mu[..., None], 0)

        def first(z: np.ndarray) -> tuple:
            return fibre(z, 0) - centre, fibre(z, 1), fibre(z, 2)

        def second(z: np.ndarray) -> tuple:
            value, first_slope, curvature = first(z)
            return value**2, 2 * value * first_slope, 2 * (first_slope**2 + value * curvature)

        def gaussian(z: np.ndarray) -> tuple:
            k = (kappa / eps)[..., None]
            return -0.5 * (k * (z - y2[..., None]) ** 2 + z**2), -k * (z - y2[..., None]) - z, -k - 1 + 0 * z

        base = expected(mu, tau, gaussian, _MOMENT_NODES).with_entropy(tau)
        mean, squares = (expected(mu, tau, part, _MOMENT_NODES) for part in (first, second))
        m, m_mu, m_tau = mean.value, mean.by_mu, mean.by_tau
        total, w = m + centre[..., 0], g11 / (2 * eps)
        pairs = (
            (m_mu, m_mu, mean.by_mu_mu, squares.by_mu_mu),
            (m_mu, m_tau, mean.by_mu_tau, squares.by_mu_tau),
            (m_tau, m_tau, mean.by_tau_tau, squares.by_tau_tau),
        )
        # -rho/2 mean^2 - w (square - m^2), by the product rule.
        seconds = [-rho * (a * b + total * ab) - w * (s - 2 * a * b - 2 * m * ab) for a, b, ab, s in pairs]
        return Objective(
            base.value - 0.5 * rho * total**2 - w * (squares.value - m**2),
            base.by_mu - rho * total * m_mu - w * (squares.by_mu - 2 * m * m_mu),
            base.by_tau - rho * total * m_tau - w * (squares.by_tau - 2 * m * m_tau),
            base.by_mu_mu + seconds[0],
            base.by_mu_tau + seconds[1],
            base.by_tau_tau + seconds[2],
        )

    spread = 1 / np.sqrt((kappa + g11 * slope**2) / eps + 1)
    best, mu, tau = maximise(derivatives, y2, np.log(spread))
    log_likelihood = log_integral - np.log(2 * np.pi * eps) - 0.5 * np.log(2 * np.pi * (1 + g11 / eps))
    return Reduced(log_integral - best - HALF_LOG_2PIE, log_likelihood, mu, np.exp(tau))
