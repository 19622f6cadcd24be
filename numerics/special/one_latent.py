"""The best Gaussian encoder of one latent variable, for many data points at once, in NumPy.

F(mu, tau) = E_q[e(z)] + tau, q = N(mu, exp(2 tau)), e the log joint density of z and x; the ELBO is
F + 1/2 log(2 pi e). Newton in both parameters with the Hessian's eigenvalues replaced by minus their moduli and steps
halved until F does not fall: from a start in a basin it ends at that basin's maximum. No asymptotics enter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..quadrature import hermite

HALF_LOG_2PIE = 0.5 * (1.0 + float(np.log(2 * np.pi)))
_STEPS, _HALVINGS = 60, 20

# A step of 1e-8 standard deviations leaves 1e-16 in the value, one of 1e-6 leaves 1e-12.
_STOP, _SETTLED = 1e-8, 1e-6

# F is known to its round-off only: smaller falls do not count as falls.
_SLACK = 1e-10


class Objective(NamedTuple):
    """F and its derivatives in (mu, tau), arrays of one shape."""

    value: np.ndarray
    by_mu: np.ndarray
    by_tau: np.ndarray
    by_mu_mu: np.ndarray
    by_mu_tau: np.ndarray
    by_tau_tau: np.ndarray

    def with_entropy(self, tau: np.ndarray) -> Objective:
        """E_q[e] + tau, from E_q[e]."""
        return self._replace(value=self.value + tau, by_tau=self.by_tau + 1)


Derivatives = Callable[[np.ndarray, np.ndarray], Objective]


def expected(mu: np.ndarray, tau: np.ndarray, exponent: Callable[[np.ndarray], tuple], nodes: int) -> Objective:
    """E_q[e] by Gauss-Hermite; `exponent(z)` returns e, e', e'' with a last axis of nodes.

    Exact for polynomial e of degree 2 nodes - 1.
    """
    xi, weights = hermite(nodes)
    offset = np.exp(tau)[..., None] * xi
    e, slope, curvature = exponent(mu[..., None] + offset)
    return Objective(
        value=e @ weights,
        by_mu=slope @ weights,
        by_tau=(slope * offset) @ weights,
        by_mu_mu=curvature @ weights,
        by_mu_tau=(curvature * offset) @ weights,
        by_tau_tau=(curvature * offset**2 + slope * offset) @ weights,
    )


def maximise(derivatives: Derivatives, mu: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maximum of F reached from (mu, tau): its value, mu and tau; nan where the search did not settle."""
    old = derivatives(mu, tau)
    for _ in range(_STEPS):
        by_mu, by_tau = _ascent(old, np.exp(tau))
        # Steps are measured in standard deviations of q.
        if np.all(np.hypot(by_mu * np.exp(-tau), by_tau) < _STOP):
            break
        length = np.ones(mu.shape)
        for _ in range(_HALVINGS):
            trial = derivatives(mu + length * by_mu, tau + length * by_tau)
            worse = ~(trial.value >= old.value - _SLACK * (1 + np.abs(old.value)))
            if not np.any(worse):
                break
            length = np.where(worse, 0.5 * length, length)
        mu, tau, old = mu + length * by_mu, tau + length * by_tau, trial
    by_mu, by_tau = _ascent(old, np.exp(tau))
    settled = np.hypot(by_mu * np.exp(-tau), by_tau) < _SETTLED
    return np.where(settled, old.value, np.nan), mu, tau


def _ascent(at: Objective, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|H|^-1 times the gradient, in the scaled variables (mu / scale, tau), with steps in tau of at most 1."""
    a, b, c = at.by_mu_mu * scale**2, at.by_mu_tau * scale, at.by_tau_tau
    half_trace, root = 0.5 * (a + c), np.hypot(0.5 * (a - c), b)
    values = np.stack([half_trace - root, half_trace + root])
    angle = 0.5 * np.arctan2(2 * b, a - c)
    major, minor = np.stack([np.cos(angle), np.sin(angle)]), np.stack([-np.sin(angle), np.cos(angle)])
    gradient = np.stack([at.by_mu * scale, at.by_tau])
    step = sum(
        (
            vector * (np.sum(vector * gradient, axis=0) / np.maximum(np.abs(value), 1e-12))
            for vector, value in ((minor, values[0]), (major, values[1]))
        ),
        start=np.zeros(gradient.shape),
    )
    step = step / np.maximum(1.0, np.abs(step[1]))
    return step[0] * scale, step[1]
