"""pareto-k: the tail of the importance weights of the best mean-field guide has the index 1 - lambda_min(R).

R is the correlation matrix of the Jacobian's columns (d = 2, 3), or the ratio s^2 of two variances (d = 1, a guide
that is too narrow). In the eigenvectors of R, log w = const + 1/2 sum_j kappa_j y_j^2, kappa_j = 1 - lambda_j. Tail
and density of it are integrals over the directions with kappa_j < 0 (Gauss-Hermite) of the error function, without
asymptotics; the instances are those with one direction of positive kappa_j.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import erfcx

from ...theory.claims.pareto_k import LOCAL
from ..along import ladder
from ..cases import instances
from ..claim import Claim
from ..statements import Bounded, Converges, Equal

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
ROUND_OFF = 1e-13
"""Relative: sums of 1600 positive terms."""

LARGE = ladder("s", 30.0, 3e4)
NOISE = ladder("eps", 1e-2, 1e-5)


def correlation(metric: np.ndarray) -> np.ndarray:
    """R of a metric A: A_kl / sqrt(A_kk A_ll)."""
    scale = np.sqrt(np.diagonal(metric))
    return metric / np.outer(scale, scale)


@cache
def _metric(seed: int) -> np.ndarray:
    """A = J'J of random columns of unequal lengths, such that exactly one eigenvalue of R is below one."""
    rng = np.random.default_rng(seed)
    d = 3 if rng.random() < 0.9 else 2  # of two columns lambda_max - 1 is the index: all six have a chance of 1e-6
    while True:
        J = rng.standard_normal((d + 1, d)) * np.exp(0.7 * rng.standard_normal(d))
        kappa = 1 - np.linalg.eigvalsh(correlation(J.T @ J))
        if 0.2 < kappa[0] < 0.9 and np.all(kappa[1:] < -0.05):
            return J.T @ J


@instances(6)
def columns(rng):
    """A metric by its seed, and its largest kappa."""
    seed = int(rng.integers(2**31))
    return {"seed": seed, "kappa": float(_kappas(seed)[0])}


def _kappas(seed: int) -> np.ndarray:
    return 1 - np.linalg.eigvalsh(correlation(_metric(seed)))


def local_index(s, seed, **_):
    """-P/P' at log w = s + const: what a fit of the tail beyond that weight tends to."""
    return _local(s, _kappas(seed))


def _local(s: float, kappa: np.ndarray) -> tuple[float, float]:
    shares = -kappa[1:] / kappa[0]
    # e^(-a^2/2) without e^(-s/kappa), which cancels, is a factor of the weight of y_j: rescale the nodes.
    y = np.meshgrid(*[NODES / np.sqrt(1 + share) for share in shares], indexing="ij")
    weights = np.prod(np.meshgrid(*[WEIGHTS] * len(shares), indexing="ij"), axis=0) if len(shares) else np.ones(())
    a = np.sqrt(2 * s / kappa[0] + sum(share * one**2 for share, one in zip(shares, y, strict=True)))
    tail = np.sum(weights * erfcx(a / np.sqrt(2)))
    density = np.sum(weights * np.sqrt(2 / np.pi) / (kappa[0] * a))
    value = float(tail / density)
    return value, ROUND_OFF * value


def narrow_guide(s, kappa, **_):
    """The same for a guide N(0, s^2) of N(0, 1), s^2 = 1 - kappa."""
    return _local(s, np.array([kappa]))


def moment(seed, **_):
    """E w^r by quadrature, r = 0.7/kappa."""
    kappa = _kappas(seed)
    r = 0.7 / kappa[0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    weights = weights / weights.sum()
    factors = [weights @ np.exp(r * one * nodes**2 / 2) for one in kappa]
    return float(np.prod(factors) * np.prod(1 - kappa) ** (r / 2))


def _moment_claimed(seed, *, metric=False, **_):
    matrix = _metric(seed) if metric else correlation(_metric(seed))
    d, r = len(matrix), 0.7 / _kappas(seed)[0]
    inner = np.linalg.slogdet(np.eye(d) + r * (matrix - np.eye(d)))
    return float(np.exp(0.5 * (r * np.linalg.slogdet(matrix)[1] - inner[1])))


def index_at_noise(eps, seed, **_):
    """1 - lambda_min of the correlations of A + eps I: the index of a linear VAE at noise eps."""
    A = _metric(seed)
    return float(1 - np.linalg.eigvalsh(correlation(A + eps * np.eye(len(A))))[0]), 1e-14


def _fall(seed, **_):
    """-kappa sum_k u_k^2 / A_kk."""
    A = _metric(seed)
    values, vectors = np.linalg.eigh(correlation(A))
    return float(-(1 - values[0]) * np.sum(vectors[:, 0] ** 2 / A.diagonal()))


def gap(seed, **_):
    """The contrast, the gap in the limit."""
    return float(-0.5 * np.linalg.slogdet(correlation(_metric(seed)))[1])


def _least_gap(kappa, **_):
    """-1/2 [log(1 - kappa) + kappa], below the gap in every d: the other eigenvalues have a mean of 1 + kappa/(d-1)."""
    return -0.5 * (np.log1p(-kappa) + kappa)


def narrowest(seed, **_):
    """The smallest ratio of the guide's to the posterior's variance over all directions."""
    A = _metric(seed)
    return float(1 / np.max(np.linalg.eigvals(np.diag(A.diagonal()) @ np.linalg.inv(A)).real))


CLAIM = Claim(
    id="pareto-k",
    order=27,
    title="the Pareto index of the mean-field guide",
    statement="The importance weights of the best mean-field Gaussian have, in the near-deterministic limit, a tail of "
    "Pareto index one minus the smallest eigenvalue of the correlation matrix of the Jacobian's columns; a finite "
    "sample sees less, by an amount that falls like one over the logarithm of the weight.",
    latex=r"\mathbb{E}\,w^r < \infty \iff r\,\kappa < 1,\quad \kappa = 1 - \lambda_{\min}(R),\quad "
    r"\hat\kappa(s) = \kappa - \tfrac{\kappa^2}{2s} + O(s^{-2})",
    source="Yao et al. 2018 (arXiv:1802.02538), the diagnostic; the index: new here",
    assumptions=("the assumptions of elbo-limit", "lambda_min(R) is simple", "q is optimal for the ELBO"),
    derivation="pareto-k",
    over=columns,
    law=(
        Equal(moment, _moment_claimed, tolerance=1e-8, name="E w^r"),
        Converges(index_at_noise, along=NOISE, limit="kappa", order=1, constant=_fall, name="k of a linear VAE"),
        Converges(narrow_guide, along=LARGE, limit="kappa", order=-1, constant=LOCAL, name="k of a narrow guide"),
        Bounded(gap, below=_least_gap, name="the gap is at least"),
        Equal(narrowest, lambda kappa, **_: 1 - kappa, tolerance=1e-11, name="narrowest direction"),
        Converges(local_index, along=LARGE, limit="kappa", order=-1, constant=LOCAL, name="k at log w = s"),
    ),
)
CLAIM.control(
    "1 - lambda_min(A): lengths of columns matter",
    of="k at log w = s",
    limit=lambda seed, **_: float(1 - np.linalg.eigvalsh(_metric(seed))[0]),
)
CLAIM.control("lambda_max(R) - 1", of="k at log w = s", limit=lambda seed, **_: float(-np.min(_kappas(seed))))
CLAIM.control("k -> 0 with the noise", of="k of a linear VAE", limit=0.0)
CLAIM.control("k does not depend on the noise", of="k of a linear VAE", constant=0.0)
CLAIM.control("a finite sample sees k exactly", of="k at log w = s", constant=0.0)
CLAIM.control("a narrow guide's k is 1 - s", of="k of a narrow guide", limit=lambda kappa, **_: 1 - np.sqrt(1 - kappa))
CLAIM.control("moments of A for those of R", of="E w^r", right=lambda seed, **_: _moment_claimed(seed, metric=True))
CLAIM.control("the guide's variances are the posterior's", of="narrowest direction", right=1.0)
CLAIM.control("k < .7 means good: gaps below .2", law=Bounded(lambda **_: _least_gap(0.69), above=0.2))
CLAIM.mutants(of="k at log w = s")
