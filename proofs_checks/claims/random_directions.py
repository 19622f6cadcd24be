"""random-directions: the contrast of a random Jacobian has a known law: a sum of logarithms of Beta variables.

Columns drawn independently, each from an isotropic law in R^D: only their directions matter, the radii are drawn from
a heavy-tailed law on purpose. Gram-Schmidt projects column k on the complement of k - 1 others, so that
    c = -1/2 sum_k log Beta_k,   Beta_k ~ Beta((D-k+1)/2, (k-1)/2) independent.
Measured by Monte Carlo; a sample mean is compared with its expectation within `SIGMAS` standard errors.
"""

from __future__ import annotations

import numpy as np

from ..batch_laws import EPS64
from ..claim import Claim, Control
from ..formulas import Values, predict
from ..laws import ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once

SIZES = ((2, 2), (3, 3), (4, 2), (6, 3), (12, 5), (40, 4))
SAMPLES_AN_INSTANCE = 5000
SIGMAS = 6.0
"""Twelve comparisons at six standard errors: all of them pass with probability 1 - 12 * 2e-9 for normal means, and
above 1 - 1e-6 with the skewness of 30 000 squared exponential tails."""

FALSE_ALARM = 1e-6
"""Stated for each of the two laws about samples: the bound above, skewness included."""

DATA_DIMENSIONS = 10.0 * 4.0 ** np.arange(7)
FORMULA_ROUND_OFF = 16 * EPS64
"""A difference of two digamma values of size log D."""


def _instances() -> Instances:
    data_dim, latent_dim = zip(*SIZES, strict=True)
    return Instances(("isotropic columns",) * len(SIZES), latent_dim, data_dim, ("none",) * len(SIZES))


@once
def _samples(measured: Measurements) -> list[np.ndarray]:
    """Contrasts of random Jacobians, one array a size."""
    count = SAMPLES_AN_INSTANCE * measured.effort.instances
    return [_contrasts(measured.rng("random-directions", D, d), count, D, d) for D, d in SIZES]


def _contrasts(rng: np.random.Generator, count: int, D: int, d: int) -> np.ndarray:
    # Student-t with 3 degrees of freedom a column: isotropic, and far from Gaussian.
    radii = np.sqrt(3.0 / rng.chisquare(3.0, (count, 1, d)))
    J = radii * rng.standard_normal((count, D, d))
    lengths = np.sum(np.log(np.linalg.norm(J, axis=1)), axis=1)
    return lengths - 0.5 * np.linalg.slogdet(np.swapaxes(J, 1, 2) @ J)[1]


def mean(D: Values, d: int) -> np.ndarray:
    """theory's E c."""
    return predict("random_mean", d, D=D)


def variance(D: Values, d: int) -> np.ndarray:
    """theory's Var c."""
    return predict("random_variance", d, D=D)


def _mean_law(name: str, measured: Measurements, predicted: list[np.ndarray]) -> IdentityLaw:
    samples = _samples(measured)
    means = np.array([[np.mean(c)] for c in samples])
    errors = np.array([[np.std(c) / np.sqrt(c.size)] for c in samples])
    right = np.array(predicted)[:, None]
    return IdentityLaw(name, _instances(), means, right, SIGMAS * errors, false_alarm=FALSE_ALARM)


def _variance_law(name: str, measured: Measurements, predicted: list[np.ndarray]) -> IdentityLaw:
    samples = _samples(measured)
    squares = [(c - np.mean(c)) ** 2 for c in samples]
    means = np.array([[np.mean(s)] for s in squares])
    errors = np.array([[np.std(s) / np.sqrt(s.size)] for s in squares])
    right = np.array(predicted)[:, None]
    return IdentityLaw(name, _instances(), means, right, SIGMAS * errors, false_alarm=FALSE_ALARM)


def _tall_law(name: str, factor: float) -> ConvergenceLaw:
    """E c ~ d (d-1) / (4 D) as D grows: 1/D is the small parameter."""
    dims = (2, 3, 5)
    instances = Instances(("isotropic columns",) * 3, dims, (int(DATA_DIMENSIONS[-1]),) * 3, ("none",) * 3)
    values = np.array([mean(DATA_DIMENSIONS, d) for d in dims])
    floor = FORMULA_ROUND_OFF * np.outer(dims, np.log(DATA_DIMENSIONS))
    constant = np.array([factor * d * (d - 1) for d in dims])
    return ConvergenceLaw(name, instances, 1 / DATA_DIMENSIONS, values, np.zeros(3), 1.0, constant, floor)


def laws(measured: Measurements) -> list[Law]:
    """Mean and variance against Monte Carlo, and the mean's asymptote for many data dimensions."""
    return [
        _tall_law("E c ~ d (d-1) / (4 D)", 0.25),
        _variance_law("Var c", measured, [variance(D, d) for D, d in SIZES]),
        _mean_law("E c", measured, [mean(D, d) for D, d in SIZES]),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    # The first column's term is 0: shifted by one, d columns are the next d of d + 1. At twice the arguments they are
    # every other one of twice as many data dimensions.
    shifted = [mean(D, d + 1) for D, d in SIZES]
    unhalved = [sum(mean(2 * D, 2 * k - 1) - mean(2 * D, 2 * k - 2) for k in range(2, d + 1)) for D, d in SIZES]
    crude = [np.asarray(d * (d - 1) / (2 * D)) for D, d in SIZES]
    one_term = [variance(D, d) - variance(D, d - 1) for D, d in SIZES]
    return [
        Control("shifted", "psi((D-k)/2) for psi((D-k+1)/2)", _mean_law("E c", measured, shifted)),
        Control("unhalved", "psi(D) - psi(D-k+1)", _mean_law("E c", measured, unhalved)),
        Control("crude", "E c = d (d-1) / (2 D)", _mean_law("E c", measured, crude)),
        Control("tall-factor", "E c ~ d (d-1) / (2 D) for large D", _tall_law("E c", 0.5)),
        Control("last-column", "the variance is the last column's alone", _variance_law("Var c", measured, one_term)),
    ]


CLAIM = Claim(
    id="random-directions",
    order=16,
    title="the contrast of random directions",
    statement="If the Jacobian's columns have independent, uniformly random directions, the contrast is a sum of "
    "logarithms of Beta variables; its mean vanishes like d(d-1)/(4D) when there are many data dimensions.",
    latex=r"\mathbb{E}\,c = \tfrac12\sum_k\big[\psi(\tfrac D2)-\psi(\tfrac{D-k+1}2)\big],\quad "
    r"\mathrm{Var}\,c = \tfrac14\sum_k\big[\psi'(\tfrac{D-k+1}2)-\psi'(\tfrac D2)\big]",
    source="Gresele et al. 2021 (arXiv:2106.05200), on genericity; Ghosh et al. 2023 (arXiv:2312.13438), "
    "with high probability; Reizinger et al. 2023 (IMA in GPLVMs), the mean; law and variance: new here",
    assumptions=("the columns are independent and isotropic in R^D", "D >= d"),
    derivation="random-directions",
    laws=laws,
    controls=controls,
)
