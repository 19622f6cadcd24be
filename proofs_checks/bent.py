"""Decoders bent along one direction, in NumPy: everything by quadrature, without asymptotics and without JAX.

f(g + u) = x + J u + c (alpha t^2/2 + beta t^3/6), t = n.u, prior N(0, I), x = f(g). f is injective if c = J v + a
normal vector with n.v = 0 (d > 1). E_q is Gauss-Hermite quadrature, exact for these polynomials; the posterior is
summed on a grid in the coordinates in which it is nearly standard normal. Means are in units of eps about g,
deviations in units of sqrt(eps), so that round-off stays relative at every noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.optimize import root

from ..numerics.families.draws import orthogonal
from ..numerics.quadrature import gauss_hermite

GRID = np.arange(-9.0, 9.01, 0.3)
"""The trapezoid rule of a standard normal is exact to exp(-2 pi^2 / 0.3^2), its ends to exp(-40)."""


@runtime_checkable
class Local(Protocol):
    """A decoder about a point g, with x = f(g): what `encoder` and `posterior` need to know of it."""

    @property
    def g(self) -> Float[np.ndarray, " d"]:
        """The preimage."""

    @property
    def nodes(self) -> int:
        """Gauss-Hermite nodes a coordinate with which E_q of the squared residual is exact, or to round-off."""

    @property
    def metric(self) -> Float[np.ndarray, "d d"]:
        """A = J'J at g."""

    def residual(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q D"]:
        """f(g + u) - x."""

    def pull(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q d"]:
        """The gradient of |f(g + u) - x|^2 / 2."""


@dataclass(frozen=True, eq=False)
class Bent:
    """A decoder about g. J (D, d), c (D,), n (d,), g (d,)."""

    J: Float[np.ndarray, "D d"]
    c: Float[np.ndarray, " D"]
    n: Float[np.ndarray, " d"]
    alpha: float
    beta: float
    g: Float[np.ndarray, " d"]
    nodes: int = 5

    @property
    def metric(self) -> Float[np.ndarray, "d d"]:
        """A = J'J."""
        return self.J.T @ self.J

    @property
    def derivatives(self) -> dict[str, Any]:
        """J, H, T of the decoder, l1, l2 of the prior at g: the components of theory's formulas."""
        n, d = self.n, len(self.n)
        H = self.alpha * np.einsum("i,a,b->iab", self.c, n, n)
        T = self.beta * np.einsum("i,a,b,c->iabc", self.c, n, n, n)
        return {"J": self.J, "H": H, "T": T, "l1": -self.g, "l2": -np.eye(d)}

    @property
    def potential(self) -> dict[str, Any]:
        """M, V3 to V6 of |f - x|^2 / 2 at g, l1 to l4 of the prior: components of the general limit, to order two."""
        n, w, d, square = self.n, self.J.T @ self.c, len(self.n), self.c @ self.c

        def tensor(order: int, mixed: float, pure: float) -> np.ndarray:
            """The derivatives of mixed (w.u) t^(order-1)/(order-1)! + pure t^order/order!."""
            powers = [_power(n, order - 1, w, place) for place in range(order)]
            return mixed * sum(powers, np.zeros((d,) * order)) + pure * _power(n, order - 1, n, 0)

        return {
            "M": self.metric,
            "V3": tensor(3, self.alpha, 0.0),
            "V4": tensor(4, self.beta, 3 * square * self.alpha**2),
            "V5": tensor(5, 0.0, 10 * square * self.alpha * self.beta),
            "V6": tensor(6, 0.0, 10 * square * self.beta**2),
            "l1": -self.g,
            "l2": -np.eye(d),
            "l3": np.zeros((d,) * 3),
            "l4": np.zeros((d,) * 4),
        }

    def residual(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q D"]:
        """f(g + u) - x."""
        t = u @ self.n
        return u @ self.J.T + np.outer(self.alpha * t**2 / 2 + self.beta * t**3 / 6, self.c)

    def pull(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q d"]:
        """The gradient of |f - x|^2 / 2."""
        t, r = u @ self.n, self.residual(u)
        return r @ self.J + np.outer((self.alpha * t + self.beta * t**2 / 2) * (r @ self.c), self.n)


def force(model: Local, u: Float[np.ndarray, "q d"], eps: float) -> Float[np.ndarray, "q d"]:
    """The gradient of log p(x, z) in z."""
    return -model.pull(u) / eps - (model.g + u)


def log_joint(model: Local, u: Float[np.ndarray, "q d"], eps: float) -> Float[np.ndarray, " q"]:
    """log p(x, z) with its normalisers."""
    r, d = model.residual(u), u.shape[1]
    exponent = np.sum(r**2, axis=1) / (2 * eps) + np.sum((model.g + u) ** 2, axis=1) / 2
    return -exponent - r.shape[1] / 2 * np.log(2 * np.pi * eps) - d / 2 * np.log(2 * np.pi)


def _power(n: np.ndarray, count: int, other: np.ndarray, place: int) -> np.ndarray:
    """n (x) ... (x) other (x) ... (x) n: `count` times n, with another vector at `place`."""
    out = np.ones(())
    for position in range(count + 1):
        out = np.multiply.outer(out, other if position == place else n)
    return out


def draw(rng: np.random.Generator, d: int, D: int, bend: float = 0.6) -> Bent:
    """A random decoder: singular values of J in [0.7, 1.6], bent by at most `bend`, injective."""
    J = orthogonal(rng, D)[:, :d] @ np.diag(rng.uniform(0.7, 1.6, d)) @ orthogonal(rng, d)
    n, v, out = rng.standard_normal(d), rng.standard_normal(d), rng.standard_normal(D)
    n /= np.linalg.norm(n)
    v -= (n @ v) * n
    out -= J @ np.linalg.lstsq(J, out, rcond=None)[0]
    c = (d > 1) * (J @ v) + (d < D) * out
    alpha, beta = bend * rng.uniform(0.5, 1.0, 2) * rng.choice([-1, 1], 2)
    return Bent(J, c, n, float(alpha), float(beta), 0.8 * rng.standard_normal(d))


class Encoder(NamedTuple):
    """The best Gaussian encoder: mean = g + eps m, covariance = eps L L', the ELBO, and E_q|x - f|^2."""

    m: Float[np.ndarray, " d"]
    L: Float[np.ndarray, "d d"]
    elbo: float
    squares: float


@lru_cache(maxsize=4096)
def encoder(model: Local, eps: float, full: bool = False) -> Encoder:
    """The stationary point of the ELBO at x = f(g): mean field, or with a full covariance."""
    d = len(model.g)
    nodes, weights = gauss_hermite(d, model.nodes)
    lower = np.tril_indices(d) if full else np.diag_indices(d)

    def unpack(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        L = np.zeros((d, d))
        L[lower] = values[d:]
        return values[:d], L, eps * values[:d] + np.sqrt(eps) * nodes @ L.T

    def gradient(values: np.ndarray) -> np.ndarray:
        _, L, u = unpack(values)
        pushed = force(model, u, eps) * weights[:, None]
        by_L = np.sqrt(eps) * pushed.T @ nodes + np.diag(1 / np.diagonal(L))
        return np.concatenate([np.sum(pushed, axis=0), by_L[lower]])

    start = np.linalg.cholesky(np.linalg.inv(model.metric)) if full else np.diag(model.metric.diagonal() ** -0.5)
    found = root(gradient, np.concatenate([np.zeros(d), start[lower]]), tol=1e-14).x
    m, L, u = unpack(found)
    entropy = d / 2 * (1 + np.log(2 * np.pi * eps)) + np.sum(np.log(np.abs(L.diagonal())))
    squares = weights @ np.sum(model.residual(u) ** 2, axis=1)
    return Encoder(m, L, float(weights @ log_joint(model, u, eps) + entropy), float(squares))


class Posterior(NamedTuple):
    """log p(x), the posterior's mean as g + eps m, and its covariance as eps C."""

    log_likelihood: float
    m: Float[np.ndarray, " d"]
    C: Float[np.ndarray, "d d"]


@lru_cache(maxsize=4096)
def posterior(model: Local, eps: float) -> Posterior:
    """The exact posterior at x = f(g), summed on the grid."""
    d = len(model.g)
    y = np.stack([axis.ravel() for axis in np.meshgrid(*[GRID] * d, indexing="ij")], axis=1)
    root_of = np.linalg.cholesky(np.linalg.inv(model.metric + eps * np.eye(d)))
    logs = log_joint(model, np.sqrt(eps) * y @ root_of.T, eps)
    top = np.max(logs)
    weights = np.exp(logs - top)
    total = np.sum(weights)
    mean = weights @ y / total
    second = (y - mean).T @ ((y - mean) * weights[:, None]) / total
    volume = d * np.log(GRID[1] - GRID[0]) + d / 2 * np.log(eps) + np.sum(np.log(root_of.diagonal()))
    return Posterior(float(top + np.log(total) + volume), root_of @ mean / np.sqrt(eps), root_of @ second @ root_of.T)
