"""decoder-variance: a learned noise variance is the error of samples over D; that of means goes to zero quadratically.

Bent decoders (`bent`) with D = d = 2 and with D = 3, d = 2 at points of the image. Data with noise eps0: linear VAEs
(D = 4, d = 2, columns not orthogonal), where everything is closed, and parabolas (z, b z^2/2): the average over z and
noise is a product of Gauss-Hermite rules and whose encoder is found by Newton's method at every node; the best eps is
the fixed point of eps = R(eps)/D.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq, newton

from ...theory.formulas import gaussian
from ..along import ladder
from ..bent import Bent, draw, encoder
from ..cases import instances
from ..claim import Claim
from ..statements import Converges, Equal

STEP = 1e-3
DIFFERENCE = 1e-8
"""Relative: a Richardson difference with relative steps of 1e-3 and 2e-3, errors of 1e-12 and 1e-13/1e-3."""

FALLING = ladder("eps", 1e-2, 1e-5)
DATA_NOISE = ladder("eps0", 1e-2, 1e-4)


@instances(4)
def decoders(rng):
    """Seeds of decoders; the bend b of a parabola."""
    return {"seed": int(rng.integers(2**31)), "b": rng.uniform(0.25, 0.4), "at": 10 ** rng.uniform(-2, -0.5)}


@cache
def _square(seed: int) -> Bent:
    return draw(np.random.default_rng(seed), 2, 2)


@cache
def _tall(seed: int) -> Bent:
    return draw(np.random.default_rng(seed), 2, 3)


def elbo_slope(seed, at, **_):
    """d ELBO*/d eps at eps = `at`, by differences."""
    one, two = (
        (encoder(_tall(seed), at * (1 + h)).elbo - encoder(_tall(seed), at * (1 - h)).elbo) / (2 * h * at)
        for h in (STEP, 2 * STEP)
    )
    value = (4 * one - two) / 3
    return value, DIFFERENCE * (abs(value) + 1 / at)


def _stationary(seed, at, *, dimension=3, means=False, **_):
    model = _tall(seed)
    found = encoder(model, at)
    squares = np.sum(model.residual(at * found.m[None]) ** 2) if means else found.squares
    return (squares - dimension * at) / (2 * at**2)


def error_of_means(eps, seed, **_):
    """|x - f(mu*)|^2 / D, the estimate of the noise from means, D = d = 2."""
    model = _square(seed)
    return float(np.sum(model.residual(eps * encoder(model, eps).m[None]) ** 2)) / 2, 1e-13 * eps**2


def error_of_samples(eps, seed, **_):
    """E_q|x - f(z)|^2, D = d = 2."""
    return encoder(_square(seed), eps).squares


def _components(model: Bent) -> dict:
    return gaussian.with_mean_shift(gaussian.with_metric(model.derivatives))


def _half_shift(seed, **_):
    model = _square(seed)
    return float(np.sum((model.J @ _components(model)["m"]) ** 2)) / 2


def elbo_over_log(eps, seed, **_):
    """ELBO* + (D - d)/2 log eps, D - d = 1."""
    value = encoder(_tall(seed), eps).elbo + 0.5 * np.log(eps)
    return value, 1e-13 * abs(np.log(eps))


def _elbo_limit(seed, **_):
    model = _tall(seed)
    prior = -0.5 * model.g @ model.g - np.log(2 * np.pi)
    return float(prior - 0.5 * np.sum(np.log(model.metric.diagonal())) - 0.5 * np.log(2 * np.pi))


def _first_slope(seed, **_):
    return float(sum(gaussian.elbo_slope_terms(gaussian.with_metric(_tall(seed).derivatives)).values()))


def learned_linear(eps0, seed, **_):
    """The best eps of a linear VAE with given W on its own data with noise eps0, less eps0."""
    A = _tall(seed).metric
    values = np.linalg.eigvalsh(A)

    def slope(eps: float) -> float:
        squares = 2 * eps0 + np.sum(eps**2 * (values + eps0) / (values + eps) ** 2)  # D - d = 2, and means
        squares += eps * np.sum(A.diagonal() / (A.diagonal() + eps))
        return float(squares / 4 - eps) / eps0**2

    found = brentq(slope, eps0 * (1 - 0.2), eps0 * (1 + 0.2), xtol=1e-18, rtol=1e-15)
    return found - eps0, 1e-14 * eps0


def _linear_constant(seed, sign=1.0, **_):
    """-2 a1/(D - d), D - d = 2, a1 = 1/2 [sum 1/A_kk - tr A^-1]."""
    A = _tall(seed).metric
    return float(-sign * (np.sum(1 / A.diagonal()) - np.trace(np.linalg.inv(A))) / 2)


@cache
def _average_nodes() -> tuple[np.ndarray, ...]:
    (z, wz), (n, wn) = np.polynomial.hermite_e.hermegauss(30), np.polynomial.hermite_e.hermegauss(8)
    grid = np.meshgrid(z, n, n, indexing="ij")
    weights = np.einsum("a,b,c->abc", wz / wz.sum(), wn / wn.sum(), wn / wn.sum())
    return *(axis.ravel() for axis in grid), weights.ravel()


def mean_squares(eps: float, eps0: float, b: float) -> float:
    """E over the data of E_q|x - f(z)|^2 at the best encoder N(m, v), f = (z, b z^2/2), x = f(z) + N(0, eps0 I)."""
    z, n1, n2, weights = _average_nodes()
    x, y = z + np.sqrt(eps0) * n1, b * z**2 / 2 + np.sqrt(eps0) * n2
    m, v = z.copy(), eps / (1 + b**2 * z**2 + eps)
    for _ in range(30):
        bend = b * y - b**2 * (m**2 + 3 * v) / 2
        by_m = (x - m + m * bend) / eps - m
        by_v = (-1 + b * y - b**2 * (3 * m**2 + 3 * v) / 2) / eps - 1 + 1 / v
        mm, mv, vv = (-1 + bend - b**2 * m**2) / eps - 1, -1.5 * b**2 * m / eps, -1.5 * b**2 / eps - 1 / v**2
        det = mm * vv - 2 * mv * mv
        step_m, step_v = (by_m * vv - by_v * mv) / det, (by_v * mm - 2 * by_m * mv) / det
        m, v = m - step_m, np.maximum(v - step_v, v / 3)
        if max(np.max(np.abs(step_m)), np.max(np.abs(step_v) / v)) < 1e-14:
            break
    square = (x - m) ** 2 + v + (y - b * (m**2 + v) / 2) ** 2 + b**2 * (v**2 + 2 * m**2 * v) / 2
    return float(weights @ square)


def learned_parabola(eps0, b, **_):
    """The best eps of a parabola on its own data with noise eps0, less eps0."""
    found = newton(lambda eps: mean_squares(eps, eps0, b) / 2 - eps, eps0, x1=eps0 * (1 + 1e-3), tol=1e-15 * eps0)
    return float(found) - eps0, 3e-14 * eps0


def _parabola_constant(b, sign=1.0, **_):
    """-2 E[a1], D - d = 1: a1 = 3/4 (J.H)^2/|J|^6 where d = 1 (claim block-encoder)."""
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    return float(-1.5 * sign * (weights / weights.sum()) @ (b**4 * z**2 / (1 + b**2 * z**2) ** 3))


CLAIM = Claim(
    id="decoder-variance",
    order=28,
    title="what a learned noise variance converges to",
    statement="The ELBO is stationary in the noise variance exactly where that is the error of samples over D. The "
    "error of means falls like its square, so that an update from means goes to zero; on a manifold the ELBO is "
    "unbounded, and with noise in the data the learned variance is biased at second order, by the slope of the gap.",
    latex=r"\partial_\varepsilon \mathrm{ELBO}^* = \frac{\mathbb{E}_q|x - f|^2 - D\varepsilon}{2\varepsilon^2},\quad "
    r"|x - f(\mu^*)|^2 = \varepsilon^2|Jm|^2 + O(\varepsilon^3),\quad \varepsilon^* = \varepsilon_0 - "
    r"\tfrac{2\,\mathbb{E}a_1}{D-d}\varepsilon_0^2 + O(\varepsilon_0^3)",
    source="Dai and Wipf 2019 (arXiv:1903.05789) and Rybkin et al. 2021 (arXiv:2006.13202), learning it; rates and "
    "constants: new here",
    assumptions=("the assumptions of elbo-limit", "D > d where there is noise in the data"),
    derivation="decoder-variance",
    trained=(
        ("self-consistency", "order-of-means"),
        ("learned-variance", "samples"),
        ("learned-variance", "noise"),
        ("learned-variance", "never-stationary"),
        ("learned-variance", "order-of-means"),
    ),
    over=decoders,
    law=(
        Equal(elbo_slope, _stationary, name="slope in eps"),
        Converges(error_of_samples, along=FALLING, order=1, constant=2.0, name="error of samples"),
        Converges(
            elbo_over_log, along=FALLING, limit=_elbo_limit, order=1, constant=_first_slope, name="unbounded ELBO"
        ),
        Converges(learned_linear, along=DATA_NOISE, order=2, constant=_linear_constant, name="learned, linear"),
        Converges(learned_parabola, along=DATA_NOISE, order=2, constant=_parabola_constant, name="learned, parabola"),
        Converges(error_of_means, along=FALLING, order=2, constant=_half_shift, name="error of means"),
    ),
)
CLAIM.control(
    "the error of means is that of maximum likelihood",
    of="slope in eps",
    right=lambda seed, at, **_: _stationary(seed, at, means=True),
)
CLAIM.control("d for D", of="slope in eps", right=lambda seed, at, **_: _stationary(seed, at, dimension=2))
CLAIM.control("the error of means is of order eps", of="error of means", order=1)
CLAIM.control("the error of samples is D eps", of="error of samples", constant=3.0)
CLAIM.control(
    "the error of means is |m|^2",
    of="error of means",
    constant=lambda seed, **_: float(np.sum(_components(_square(seed))["m"] ** 2)) / 2,
)
CLAIM.control(
    "the ELBO is bounded on the manifold",
    law=Converges(
        lambda eps, seed, **_: encoder(_tall(seed), eps).elbo,
        along=FALLING,
        limit=_elbo_limit,
        order=1,
        constant=_first_slope,
    ),
)
CLAIM.control("noise is learned without bias", of="learned, linear", constant=0.0)
CLAIM.control(
    "the bias has the other sign", of="learned, parabola", constant=lambda b, **_: _parabola_constant(b, -1.0)
)
CLAIM.control("a bias of first order", of="learned, parabola", order=1)
