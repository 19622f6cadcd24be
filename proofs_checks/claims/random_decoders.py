"""random-decoders: the contrast of a decoder drawn from a Gaussian process has the law of random directions.

Decoders f_i(z) = sum_j a_ij cos(w_j.z) + b_ij sin(w_j.z) with standard normal a, b and fixed frequencies w_j: Gaussian
processes with the stationary kernel sum_j cos(w_j.(z - z')). Frequencies that are closed under flips of single
coordinates have a diagonal Hessian at zero (product kernels); those along the axes make additive decoders. The
Jacobian at a point is differentiated term by term. Sample means and shares are compared within `SIGMAS` standard
errors.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import betainc, betaincinv, chdtri

from ..claim import Claim, Control
from ..laws import ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once
from .random_directions import mean

SIZES = ((6, 2), (5, 3), (12, 3))
SAMPLES_AN_INSTANCE = 1500
SIGMAS = 6.0
FALSE_ALARM = 1e-6
"""Nine comparisons at six standard errors, 2e-9 each for normal means, with the skewness of 9000 exponentials."""

KINDS = ("product", "additive", "tilted", "dependent")
"""The first two are those of the claim; tilted frequencies and dependent outputs are those of its controls."""

DATA_DIMENSIONS = 16.0 * 4.0 ** np.arange(7)
SHARES = (0.5, 0.9, 0.99)
ROUND_OFF = 1e-13


def _frequencies(rng: np.random.Generator, d: int, kind: str) -> np.ndarray:
    if kind == "additive":
        return np.concatenate([np.eye(d) * scale for scale in rng.uniform(0.5, 2.0, (3, 1))])
    if kind == "tilted":
        return rng.uniform(0.5, 2.0, (6, d))
    base = rng.uniform(0.5, 2.0, (2, d))
    flips = np.array(list(itertools.product((1.0, -1.0), repeat=d - 1)))
    return np.concatenate([base * np.concatenate([[1.0], flip]) for flip in flips])


def contrasts(rng: np.random.Generator, count: int, D: int, d: int, kind: str) -> np.ndarray:
    """c at one random point of each of `count` decoders."""
    w = _frequencies(rng, d, kind)
    z = rng.uniform(-2, 2, (count, d))
    a, b = rng.standard_normal((2, count, D, len(w)))
    if kind == "dependent":
        mix = 0.8 * np.ones((D, D)) + 0.2 * np.eye(D)
        a, b = np.linalg.cholesky(mix) @ a, np.linalg.cholesky(mix) @ b
    phase = z @ w.T
    slopes = b * np.cos(phase)[:, None] - a * np.sin(phase)[:, None]
    J = slopes @ w
    lengths = np.sum(np.log(np.linalg.norm(J, axis=1)), axis=1)
    return lengths - 0.5 * np.linalg.slogdet(np.swapaxes(J, 1, 2) @ J)[1]


@once
def _samples(measured: Measurements, kind: str) -> list[np.ndarray]:
    count = SAMPLES_AN_INSTANCE * measured.effort.instances
    return [contrasts(measured.rng("random-decoders", kind, D, d), count, D, d, kind) for D, d in SIZES]


def _instances(kind: str, sizes: tuple[tuple[int, int], ...] = SIZES) -> Instances:
    D, d = zip(*sizes, strict=True)
    return Instances((f"Gaussian process, {kind}",) * len(sizes), d, D, ("none",) * len(sizes))


def _mean_law(name: str, measured: Measurements, kind: str, predicted: list[float]) -> IdentityLaw:
    samples = _samples(measured, kind)
    means = np.array([[np.mean(c)] for c in samples])
    errors = np.array([[np.std(c) / np.sqrt(c.size)] for c in samples])
    right = np.array(predicted)[:, None]
    return IdentityLaw(name, _instances(kind), means, right, SIGMAS * errors, false_alarm=FALSE_ALARM)


def _means(later: int = 0) -> list[float]:
    """E c; later = 1: of the next column but the first, whose term is 0, psi((D-k)/2) for psi((D-k+1)/2)."""
    return [float(mean(D, d + later)) for D, d in SIZES]


def _tail_law(name: str, measured: Measurements, *, normal: bool = False) -> IdentityLaw:
    """The shares of contrasts above three levels, d = 2, against the incomplete Beta function, or a normal rho."""
    (D, d), c = SIZES[0], _samples(measured, "product")[0]
    rho2 = betaincinv(0.5, (D - 1) / 2, SHARES)
    found = np.array([[np.mean(c > level) for level in -0.5 * np.log1p(-rho2)]])
    exact = betainc((D - 1) / 2, 0.5, 1 - rho2)
    claimed = np.array([1 - share for share in SHARES]) if not normal else _normal_tail(rho2 * D)
    errors = np.sqrt(exact * (1 - exact) / c.size)
    return IdentityLaw(
        name, _instances("product", ((D, d),)), found, claimed[None], SIGMAS * errors[None], false_alarm=FALSE_ALARM
    )


def _normal_tail(square: np.ndarray) -> np.ndarray:
    from scipy.special import chdtrc

    return np.asarray(chdtrc(1, square))


def _quantile_law(name: str, *, factor: float = 0.75, order: float = 1.0) -> ConvergenceLaw:
    """D c_q = q/2 + 3 q/(4 D) + O(D^-2), q the quantile of chi^2_1, d = 2."""
    rho2 = np.array([betaincinv(0.5, (DATA_DIMENSIONS - 1) / 2, share) for share in SHARES])
    values = -0.5 * DATA_DIMENSIONS * np.log1p(-rho2)
    q = np.array([chdtri(1, 1 - share) for share in SHARES])
    instances = _instances("exact tail", ((int(DATA_DIMENSIONS[-1]), 2),) * len(SHARES))
    floor = ROUND_OFF * np.abs(values)
    return ConvergenceLaw(name, instances, 1 / DATA_DIMENSIONS, values, q / 2, order, factor * q, floor)


def laws(measured: Measurements) -> list[Law]:
    """Quantiles for many data dimensions, the exact tail, and means for product and additive kernels."""
    return [
        _quantile_law("D c_q"),
        _tail_law("P(c > t)", measured),
        _mean_law("E c, additive kernel", measured, "additive", _means()),
        _mean_law("E c, product kernel", measured, "product", _means()),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    zero = [0.0] * len(SIZES)
    return [
        Control("tilted", "a kernel whose Hessian is not diagonal", _mean_law("E c", measured, "tilted", _means())),
        Control("dependent", "outputs that depend on each other", _mean_law("E c", measured, "dependent", _means())),
        Control("additive-zero", "additive decoders have no contrast", _mean_law("E c", measured, "additive", zero)),
        Control("shifted", "one data dimension fewer", _mean_law("E c", measured, "product", _means(1))),
        Control("normal-tail", "D rho^2 is chi^2_1 at every D", _tail_law("P(c > t)", measured, normal=True)),
        Control("quantile-half", "D c_q = q/2 + q/(2D)", _quantile_law("D c_q", factor=0.5)),
        Control("quantile-exact", "D c_q = q/2 up to D^-2", _quantile_law("D c_q", factor=0.0)),
        Control("root", "quantiles converge like D^-1/2", _quantile_law("D c_q", order=0.5)),
    ]


CLAIM = Claim(
    id="random-decoders",
    order=34,
    title="the contrast of random decoders",
    statement="A decoder drawn from a Gaussian process with independent outputs and a stationary kernel whose Hessian "
    "at zero is diagonal has, at every point, a contrast with the law of random directions; its tail is an incomplete "
    "Beta function, and for two latents 2D - 3 times the contrast is a chi-square up to the square of 1/D.",
    latex=r"c(z) \sim -\tfrac12\sum_k\log\mathrm{Beta}\bigl(\tfrac{D-k+1}2, \tfrac{k-1}2\bigr),\quad "
    r"(2D-3)\,c \sim \chi^2_1 + O(D^{-2})\ (d = 2),\quad c_q = \tfrac q{2D} + \tfrac{3q}{4D^2} + O(D^{-3})",
    source="Ghosh et al. 2023 (arXiv:2312.13438), random directions on manifolds; Reizinger et al. 2023 (IMA in "
    "GPLVMs), Gaussian processes; law and exact tail: new here",
    assumptions=("independent outputs", "a stationary kernel with diagonal Hessian at zero", "D >= d"),
    derivation="random-decoders",
    laws=laws,
    controls=controls,
)
