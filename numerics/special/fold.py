"""One fold, f(z) = a z^2 + b z^4 with prior N(0, 1): the gap at any noise, its flat-prior profile, and expectations.

Near the fold everything lives on the scale z = w y, w = (eps / a^2)^(1/4), x = f(u), u = w rho. With a flat prior and
b = 0 the encoder's optimum is a closed form: mean 0 with 6 s^4 - 2 xi s^2 = 1 (xi = rho^2), or on one branch
s^2 = (xi - sqrt(xi^2 - 3)) / 6, mu^2 = xi - 3 s^2, better from xi* > sqrt 3 on. These serve as the profile Gamma (a
prediction) and as starts of the search at finite noise, which knows nothing else of them. Claim `folds`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.integrate import quad
from scipy.optimize import brentq

from .one_latent import HALF_LOG_2PIE, Objective, expected, maximise

_NODES = 6  # E_q of a polynomial of degree 8 is exact
_LEGENDRE, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(10)
_EVIDENCE = np.linspace(-1.0, 1.0, 241)


def zero_mean_scale(xi: np.ndarray | float) -> np.ndarray:
    """s of the best q with mean 0."""
    xi = np.asarray(xi, dtype=float)
    return np.asarray(np.sqrt((xi + np.sqrt(xi**2 + 6)) / 6))


def branch_optimum(xi: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """mu and s of the best q on one branch, xi >= sqrt 3."""
    root = np.sqrt(np.maximum(np.asarray(xi, dtype=float) ** 2 - 3, 0.0))
    variance = 0.5 / np.maximum(xi + root, 1.0)
    return np.asarray(np.sqrt(0.5 * np.maximum(xi + root, 1.0))), np.asarray(np.sqrt(variance))


def flat_objective(xi: float, mu: float, s: float) -> float:
    """E_q[-1/2 (y^2 - xi)^2] + log s."""
    mean_square = 4 * mu**2 * s**2 + 2 * s**4 + (mu**2 + s**2 - xi) ** 2
    return float(-0.5 * mean_square + np.log(s))


def _branch_advantage(xi: float) -> float:
    return flat_objective(xi, *map(float, branch_optimum(xi))) - flat_objective(xi, 0.0, float(zero_mean_scale(xi)))


SWITCH = float(brentq(_branch_advantage, np.sqrt(3.0), 6.0))
"""xi*: where one branch becomes better than mean zero."""


def profile(rho: float) -> float:
    """Gamma(rho): the gap at x = rho^2 with a flat prior, at noise 1."""
    xi = rho**2
    width = 1 / np.sqrt(1 + 4 * xi)
    half_line = quad(lambda y: np.exp(-0.5 * (y**2 - xi) ** 2), max(0.0, rho - 12 * width), rho + 12 * width, limit=200)
    mu, s = branch_optimum(xi) if xi > SWITCH else (0.0, zero_mean_scale(xi))
    return float(np.log(2 * half_line[0])) - flat_objective(xi, float(mu), float(s)) - HALF_LOG_2PIE


def profile_excess() -> float:
    """int over the whole line of Gamma(rho) - log 2; the tail is integrated in 1/rho, where it is smooth."""
    switch = np.sqrt(SWITCH)
    pieces = [(0.0, switch), (switch, 3.0), (3.0, 6.0)]
    inner = sum(quad(lambda r: profile(r) - np.log(2), a, b, epsabs=1e-10)[0] for a, b in pieces)
    tail = quad(lambda v: (profile(1 / v) - np.log(2)) / v**2, 1 / 60, 1 / 6, epsabs=1e-10)[0]
    # Beyond, Gamma - log 2 = C rho^-4 (1 + O(rho^-4)).
    tail += (profile(60.0) - np.log(2)) * 60.0 / 3
    return 2 * (inner + tail)


Grid = Float[np.ndarray, "*#shape"]


def gap(u: Grid, eps: Grid, a: Grid, b: Grid, branch: Bool[np.ndarray, "*#shape"]) -> Grid:
    """log p_eps(x) - ELBO at x = f(u), u >= 0, the encoder on one branch or of mean zero; all of one shape."""
    x, width = u**2 * (a + b * u**2), np.sqrt(eps)
    local = width / np.sqrt((2 * a * u + 4 * b * u**3) ** 2 + a * width)
    # Far from the fold one half of the even integrand, else the whole line.
    one_sided = u > 12 * local
    centre, half = np.where(one_sided, u, 0.0), np.where(one_sided, 12 * local, u + 12 * local)
    z = centre[..., None] + half[..., None] * _EVIDENCE
    exponent = _exponent(z, *(value[..., None] for value in (u, x, eps, a, b)))[0]
    evidence = np.log(np.sum(np.exp(exponent), axis=-1) * half * (_EVIDENCE[1] - _EVIDENCE[0]))
    evidence = evidence + np.where(one_sided, np.log(2.0), 0.0)
    scale = np.sqrt(width / a)
    xi = (u / scale) ** 2
    on_branch = branch_optimum(xi)
    mu, s = np.where(branch, on_branch[0], 0.0), np.where(branch, on_branch[1], zero_mean_scale(xi))

    def derivatives(mu: np.ndarray, tau: np.ndarray) -> Objective:
        columns = [value[..., None] for value in (u, x, eps, a, b)]
        return expected(mu, tau, lambda z: _exponent(z, *columns), _NODES).with_entropy(tau)

    best, _, _ = maximise(derivatives, mu * scale, np.log(s * scale))
    return evidence - best - HALF_LOG_2PIE


def _exponent(z: np.ndarray, u: np.ndarray, x: np.ndarray, eps: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple:
    """e = -(f(z) - x)^2 / (2 eps) - z^2/2 + u^2/2 and its first two derivatives; f(z) - f(u) without cancellation."""
    residual = (z - u) * (z + u) * (a + b * (z**2 + u**2))
    slope, curvature = 2 * a * z + 4 * b * z**3, 2 * a + 12 * b * z**2
    value = -(residual**2) / (2 * eps) - 0.5 * (z - u) * (z + u)
    return value, -residual * slope / eps - z, -(slope**2 + residual * curvature) / eps - 1


def expected_gap(eps: Float[np.ndarray, " e"], a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> np.ndarray:
    """E[gap] over x = f(z), z ~ N(0, 1), shape (n, e): Gauss-Legendre panels that grow from the switch on."""
    shape = (len(a), len(eps))
    noise, quadratic, quartic = (np.broadcast_to(value, shape) for value in (eps, a[:, None], b[:, None]))
    switch = _switch(noise, quadratic, quartic)
    ratios = np.concatenate([np.linspace(0.0, 1.0, 4), 1.5 ** np.arange(1, 40)])
    total = np.zeros(shape)
    for low, high in pairwise(ratios):
        left, right = (np.minimum(switch * ratio, 9.0) for ratio in (low, high))
        if not np.any(right > left):
            break
        u = left[..., None] + 0.5 * (right - left)[..., None] * (1 + _LEGENDRE)
        n, q, r = (np.broadcast_to(value[..., None], u.shape) for value in (noise, quadratic, quartic))
        values = gap(u, n, q, r, np.full(u.shape, low >= 1.0))
        density = np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
        total += (right - left) * ((values * density) @ _LEGENDRE_WEIGHTS)
    return total


def _switch(eps: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """u* where both encoders are equally good, by bisection around the flat-prior one."""
    start = np.sqrt(SWITCH * np.sqrt(eps) / a)
    low, high = 0.95 * start, 1.3 * start
    for _ in range(16):
        middle = 0.5 * (low + high)
        mean_zero, branch = (gap(middle, eps, a, b, np.full(eps.shape, flag)) for flag in (False, True))
        better = branch < mean_zero
        low, high = np.where(better, low, middle), np.where(better, middle, high)
    return 0.5 * (low + high)
