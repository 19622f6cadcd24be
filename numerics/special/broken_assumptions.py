"""One latent variable, one assumption of the main theorem broken at a time: what is measured.

A case gives decoder and log-prior of one latent as NumPy functions, the preimage g of x, and what the main theorem's
formulas take at g (J, H, T, l0, l1, l2 of the piece that they would see). The joint density relative to its value at g
is e(z) = -(f(z) - f(g))^2 / (2 eps) + ell(z) - ell(g). Evidence: Gauss-Legendre on panels that end at z = 0, where the
kinks of all cases lie. Encoder: `one_latent.maximise`, with derivatives in (mu, tau) by Stein's identity, which asks
nothing of e. In one latent every contrast is 0: a gap that does not close is what the broken assumption does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..ladders import SMALL
from .one_latent import HALF_LOG_2PIE, Objective, maximise

QUADRATURE_ERROR = 2e-12
"""Panels of 60 Legendre nodes on functions analytic within them, and a search settled to 1e-12 in value."""

_LEGENDRE, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_REACH = 9.0
_PANELS = 24


@dataclass(frozen=True)
class Case:
    """A decoder and a prior of one latent.

    width(eps): the posterior's, about; outside eighteen of them around a preimage the joint density is nothing.
    others: further preimages of x. inverted: the tails |z| > 1 are added in the variable 1/z (decoders that come back
    to x at infinity).
    """

    name: str
    decoder: Callable[[np.ndarray], np.ndarray]
    log_prior: Callable[[np.ndarray], np.ndarray]
    preimage: float
    derivatives: dict[str, float]
    width: Callable[[float], float]
    others: tuple[float, ...] = ()
    inverted: bool = False


@dataclass(frozen=True)
class Measured:
    """Encoder mean minus g, variance, log-likelihood and gap of one case along the ladder, arrays (e,)."""

    shift: np.ndarray
    variance: np.ndarray
    log_likelihood: np.ndarray
    gap: np.ndarray


def measure(case: Case) -> Measured:
    """Evidence and best encoder at every noise variance."""
    found = np.array([_at(case, eps) for eps in SMALL])
    return Measured(*found.T)


def _exponent(case: Case, eps: float) -> Callable[[np.ndarray], np.ndarray]:
    g = np.array(case.preimage)
    x, level = case.decoder(g), case.log_prior(g)
    return lambda z: -0.5 * (case.decoder(z) - x) ** 2 / eps + case.log_prior(z) - level


def _at(case: Case, eps: float) -> tuple[float, float, float, float]:
    exponent, g, width = _exponent(case, eps), case.preimage, case.width(eps)
    integral = _evidence(case, exponent, width)
    starts = np.array([g, g + 0.3 * width, g - 0.3 * width])
    values, means, log_stds = maximise(_derivatives(exponent), starts, np.full(3, np.log(0.5 * width)))
    best = int(np.argmax(np.where(np.isnan(values), -np.inf, values)))
    normaliser = float(case.log_prior(np.array(g))) - 0.5 * np.log(2 * np.pi * eps)
    gap = np.log(integral) - values[best] - HALF_LOG_2PIE
    return means[best] - g, float(np.exp(2 * log_stds[best])), np.log(integral) + normaliser, gap


def _panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre on each of the intervals between `edges`."""
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * _LEGENDRE).ravel(), (half[:, None] * _WEIGHTS).ravel()


def _evidence(case: Case, exponent: Callable[[np.ndarray], np.ndarray], width: float) -> float:
    """int exp(e) dz: around g and the other preimages, and the tails in 1/z where the case asks for them."""
    total = 0.0
    for centre in (case.preimage, *case.others):
        low, high = centre - 2 * _REACH * width, centre + 2 * _REACH * width
        edges = np.linspace(low, high, _PANELS + 1)
        edges = np.unique(np.concatenate([edges, [0.0]])) if low < 0 < high else edges
        nodes, weights = _panels(edges)
        total += float(weights @ np.exp(exponent(nodes)))
    if case.inverted:
        # |z| > 1 as w = 1/z; the density there lives on w of the size of sqrt(eps).
        nodes, weights = _panels(np.concatenate([np.linspace(0, 2 * _REACH * width, _PANELS + 1)]))
        total += float(weights @ sum(np.exp(exponent(sign / nodes)) / nodes**2 for sign in (-1.0, 1.0)))
    return total


def _derivatives(exponent: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, np.ndarray], Objective]:
    def derivatives(mu: np.ndarray, tau: np.ndarray) -> Objective:
        scale = np.exp(tau)
        kink = np.clip(-mu / scale, -_REACH, _REACH)
        # Two panels, from -9 to the kink and from it to 9 standard deviations, shape (n, 120).
        parts = []
        for low, high in ((-_REACH * np.ones_like(kink), kink), (kink, _REACH * np.ones_like(kink))):
            half = 0.5 * (high - low)[..., None]
            parts.append((0.5 * (high + low)[..., None] + half * _LEGENDRE, half * _WEIGHTS))
        xi = np.concatenate([nodes for nodes, _ in parts], axis=-1)
        weights = np.concatenate([part for _, part in parts], axis=-1) * np.exp(-0.5 * xi**2) / np.sqrt(2 * np.pi)
        e = exponent(mu[..., None] + scale[..., None] * xi) * weights
        moments = [np.sum(e * xi**power, axis=-1) for power in range(5)]
        second = moments[2] - moments[0]
        return Objective(
            value=moments[0],
            by_mu=moments[1] / scale,
            by_tau=second,
            by_mu_mu=second / scale**2,
            by_mu_tau=(moments[3] - 3 * moments[1]) / scale,
            by_tau_tau=moments[4] - 4 * moments[2] + moments[0],
        ).with_entropy(tau)

    return derivatives
