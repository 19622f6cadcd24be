"""entropy-sums: where the average ELBO is stationary in the noise and in the latents' scales, it is a sum of entropies.

Three models, no closed form entering a search. Curves f(z) = K (1, z, z^2) through points of the plane, each point
with an encoder N(m, s^2) of its own; E_q is Gauss-Hermite quadrature, exact here. Linear VAEs at a saddle: the second
axis in place of the first. Linear VAEs with given directions, not orthogonal, W = G diag(scales), on data G G' +
tau I: as tau -> 0 the average log-likelihood exceeds the sum of entropies by the contrast of G.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import minimize, root

from ...numerics.families.draws import orthogonal
from ..along import ladder
from ..cases import instances
from ..claim import Claim
from ..statements import Converges, Equal, Fact

POINTS, DATA_DIM, BASIS = 7, 2, 3
FOUND = 1e-9
"""Gradients are zero to 1e-12 at the roots; the sums differ from the ELBO by gradients alone."""

ROUND_OFF = 4 * float(np.finfo(float).eps)
"""Of four squared errors, relative to the data's."""

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
CURVE = DATA_DIM * BASIS
ENTROPY = 1 + np.log(2 * np.pi)


def curve_elbo(p: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The average ELBO of f(z) = K (1, z, z^2) and its gradient in (K, log eps, m, log s), flattened."""
    K, eps = p[:CURVE].reshape(DATA_DIM, BASIS), np.exp(p[CURVE])
    m, s = p[CURVE + 1 : CURVE + 1 + POINTS], np.exp(p[CURVE + 1 + POINTS :])
    z = m[:, None] + s[:, None] * NODES
    basis = np.stack([np.ones_like(z), z, z**2], axis=-1)
    weights = WEIGHTS / WEIGHTS.sum() / POINTS
    error = basis @ K.T - x[:, None]
    squares = np.sum(error**2, axis=2) @ weights
    value = -DATA_DIM / 2 * np.log(2 * np.pi * eps) - np.sum(squares) / (2 * eps)
    value -= np.mean(m**2 + s**2 - 1 - 2 * np.log(s)) / 2
    slope = np.stack([np.zeros_like(z), np.ones_like(z), 2 * z], axis=-1) @ K.T
    force = np.sum(error * slope, axis=2)
    by_K = -np.einsum("nqi,nqb,q->ib", error, basis, weights) / eps
    by_eps = -DATA_DIM / 2 + np.sum(squares) / (2 * eps)
    by_m = -(force @ weights) / eps - m / POINTS
    by_s = -((force * NODES) @ weights) * s / eps - (s**2 - 1) / POINTS
    return float(value), np.concatenate([by_K.ravel(), [by_eps], by_m, by_s])


def _data(seed: int) -> np.ndarray:
    """Points near a bent curve."""
    rng = np.random.default_rng(seed)
    t = np.linspace(-1.3, 1.3, POINTS)
    return np.stack([t, 0.5 * t**2], axis=1) @ orthogonal(rng, 2) + 0.15 * rng.standard_normal((POINTS, 2))


@cache
def _curve(seed: int, fixed: str = "") -> tuple[np.ndarray, float]:
    """A maximum over everything, or over everything but the noise ("noise") or the decoder's shape ("scale")."""
    x, rng = _data(seed), np.random.default_rng(seed + 1)
    free = np.ones(CURVE + 1 + 2 * POINTS, bool)
    places: dict[str, list[int]] = {"": [], "noise": [CURVE], "scale": [1, 2, 4, 5]}
    free[places[fixed]] = False
    start = np.concatenate([0.5 * rng.standard_normal(CURVE), [-2.0], np.linspace(-1, 1, POINTS), -np.ones(POINTS)])

    def negative(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = curve_elbo(_put(start, free, values), x)
        return -value, -gradient[free]

    found = minimize(negative, start[free], jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}).x
    found = _put(start, free, root(lambda values: negative(values)[1], found, tol=1e-14).x)
    return found, curve_elbo(found, x)[0]


def _put(full: np.ndarray, free: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = full.copy()
    out[free] = values
    return out


def _sum_of(found: np.ndarray) -> float:
    return float(-DATA_DIM / 2 * (ENTROPY + found[CURVE]) + np.mean(found[CURVE + 1 + POINTS :]))


def elbo_of_curve(seed, **_):
    """The ELBO at a maximum."""
    return _curve(seed)[1]


def entropies_of_curve(seed, **_):
    """-D/2 log(2 pi e eps) + 1/2 sum_k mean log sigma_k^2."""
    return _sum_of(_curve(seed)[0])


def moment_of_curve(seed, **_):
    """mean(mu^2 + sigma^2)."""
    found = _curve(seed)[0]
    return float(np.mean(found[CURVE + 1 : CURVE + 1 + POINTS] ** 2 + np.exp(2 * found[CURVE + 1 + POINTS :])))


def mean_square_of_curve(seed, **_):
    """mean(mu^2) alone."""
    return float(np.mean(_curve(seed)[0][CURVE + 1 : CURVE + 1 + POINTS] ** 2))


def linear_elbo(W: np.ndarray, eps: float, S: np.ndarray) -> float:
    """The average ELBO of a linear VAE with its best encoder N(Vx, diag v), term by term."""
    D, d = W.shape
    A = W.T @ W
    V, v = np.linalg.solve(A + eps * np.eye(d), W.T), eps / (eps + A.diagonal())
    squares = np.trace((np.eye(D) - W @ V) @ S @ (np.eye(D) - W @ V).T) + A.diagonal() @ v
    divergence = (np.sum((V @ S @ V.T).diagonal() + v - 1 - np.log(v))) / 2
    return float(-D / 2 * np.log(2 * np.pi * eps) - squares / (2 * eps) - divergence)


def _slopes(log_scales: np.ndarray, G: np.ndarray, S: np.ndarray) -> np.ndarray:
    """The gradient of `linear_elbo` of W = G diag(scales) in (log scales, log eps); the encoder stays at its best."""
    scales, eps = np.exp(log_scales[:-1]), np.exp(log_scales[-1])
    W = G * scales
    A = W.T @ W
    V, v = np.linalg.solve(A + eps * np.eye(len(A)), W.T), eps / (eps + A.diagonal())
    by_W = (S @ V.T - W @ (V @ S @ V.T) - W * v) / eps
    squares = np.trace(S) - 2 * np.trace(W @ V @ S) + np.sum(A * (V @ S @ V.T)) + A.diagonal() @ v
    return np.append(np.sum(by_W * W, axis=0), -len(S) / 2 + squares / (2 * eps))


@cache
def _given(seed: int, tau: float) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Directions G, the best W = G diag(scales) and eps on data G G' + tau I, and that covariance."""
    G = np.random.default_rng(seed).standard_normal((4, 2))
    S = G @ G.T + tau * np.eye(4)
    found = root(_slopes, np.array([0.0, 0.0, np.log(tau)]), args=(G, S), tol=1e-14).x
    return G, G * np.exp(found[:-1]), float(np.exp(found[-1])), S


def _linear_sum(W: np.ndarray, eps: float) -> float:
    lengths = np.sum(W**2, axis=0)
    return float(-len(W) / 2 * (ENTROPY + np.log(eps)) + np.sum(np.log(eps / (eps + lengths))) / 2)


def excess(tau, seed, **_):
    """The average log-likelihood less the sum of entropies; both divide sums of the size of S by the noise."""
    W, eps, S = _given(seed, tau)[1:]
    C = W @ W.T + eps * np.eye(4)
    likelihood = -(4 * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S))) / 2
    return likelihood - _linear_sum(W, eps), ROUND_OFF * np.trace(S) / eps


def contrast_of_directions(seed, **_):
    """c(G)."""
    A = _metric(seed)
    return float(np.sum(np.log(A.diagonal())) - np.linalg.slogdet(A)[1]) / 2


def slope_of_gap(seed, **_):
    """a1 = 1/2 [sum 1/A_kk - tr A^-1]; the best eps is tau + O(tau^2)."""
    A = _metric(seed)
    return float(np.sum(1 / A.diagonal()) - np.trace(np.linalg.inv(A))) / 2


def _metric(seed: int) -> np.ndarray:
    G = np.random.default_rng(seed).standard_normal((4, 2))
    return G.T @ G


@cache
def _saddle(seed: int) -> tuple[np.ndarray, float, np.ndarray, float]:
    """The stationary point along the second of three axes, its W and eps, the covariance, and the largest ELBO."""
    rng = np.random.default_rng(seed)
    L, axes = np.array([1.0 + 0.2 * rng.random(), 0.9, 0.2 * rng.random() + 0.1]), orthogonal(rng, 3)
    S = (axes * L) @ axes.T
    points = []
    for k in (1, 0):
        scale, noise = np.exp(root(_slopes, np.array([-0.5, -0.5]), args=(axes[:, [k]], S), tol=1e-14).x)
        points.append((axes[:, [k]] * scale, float(noise)))
    return *points[0], S, linear_elbo(*points[1], S)


def elbo_at_saddle(seed, **_):
    """The ELBO of the second axis."""
    return linear_elbo(*_saddle(seed)[:3])


def entropies_at_saddle(seed, **_):
    """Its sum of entropies."""
    return _linear_sum(*_saddle(seed)[:2])


def below_maximum(seed, **_):
    """Whether that point is no maximum."""
    return bool(elbo_at_saddle(seed) < _saddle(seed)[3] - 1e-3)


@instances(5)
def models(rng):
    """Seeds of a set of points, of directions and of a covariance."""
    return {"seed": int(rng.integers(2**31))}


CLAIM = Claim(
    id="entropy-sums",
    order=26,
    title="at stationary points the ELBO is a sum of entropies",
    statement="Where the average ELBO is stationary in the noise variance and in each latent's scale it is a sum of "
    "entropies, read off the variances of decoder and encoder without data or samples, at saddles too; each latent has "
    "the prior's second moment there.",
    latex=r"\overline{\mathrm{ELBO}} = -\tfrac D2\log(2\pi e\,\varepsilon) + \tfrac12\sum_k\overline{\log\sigma_k^2},"
    r"\quad \overline{\mu_k^2 + \sigma_k^2} = 1,\quad \overline{\log p_\varepsilon} = \overline{\mathrm{ELBO}} + "
    r"\mathbb{E}\,c + O(\varepsilon)",
    source="Damm et al. 2023 (arXiv:2010.14860) and Warnken et al. 2025 (arXiv:2501.09022); what the sum leaves of the "
    "likelihood: new here",
    assumptions=("stationary in eps", "a decoder class closed under z_k -> c z_k", "prior N(0, I)"),
    derivation="entropy-sums",
    over=models,
    law=(
        Equal(elbo_of_curve, entropies_of_curve, tolerance=FOUND, name="ELBO of curves"),
        Equal(moment_of_curve, 1.0, tolerance=FOUND, name="second moment"),
        Equal(elbo_at_saddle, entropies_at_saddle, tolerance=FOUND, name="ELBO at a saddle"),
        Fact(below_maximum, "the point is a maximum", name="it is a saddle"),
        Converges(
            excess,
            along=ladder("tau", 3e-2, 1e-5),
            limit=contrast_of_directions,
            order=1,
            constant=slope_of_gap,
            name="mean log p - sum",
        ),
    ),
)
CLAIM.control(
    "with the noise fixed",
    law=Equal(lambda seed: _curve(seed, "noise")[1], lambda seed: _sum_of(_curve(seed, "noise")[0]), tolerance=FOUND),
)
CLAIM.control(
    "with the decoder's scale fixed",
    law=Equal(lambda seed: _curve(seed, "scale")[1], lambda seed: _sum_of(_curve(seed, "scale")[0]), tolerance=FOUND),
)
CLAIM.control("-d/2 log(2 pi e) added", of="ELBO of curves", right=lambda seed: entropies_of_curve(seed) - ENTROPY / 2)
CLAIM.control(
    "d for D: the noise of one direction",
    of="ELBO at a saddle",
    right=lambda seed: entropies_at_saddle(seed) + ENTROPY + np.log(_saddle(seed)[1]),
)
CLAIM.control("the means alone have variance one", of="second moment", left=mean_square_of_curve)
CLAIM.control("the sum is the likelihood", of="mean log p - sum", limit=0.0)
CLAIM.control("the slope with its sign changed", of="mean log p - sum", constant=lambda seed: -slope_of_gap(seed))
CLAIM.control("rate sqrt(tau)", of="mean log p - sum", order=0.5)
