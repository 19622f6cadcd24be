"""importance-weighted: with K samples the gap shrinks, but at every fixed K it keeps a limit of its own.

The encoder is the ELBO-optimal mean-field q; gap_K = log p_eps(x) - E log( (1/K) sum p(x, z_i) / q(z_i) ). In units of
q the weights tend to w = sqrt(det R) exp(-u'(R - I)u / 2), R the correlation matrix of the Jacobian's columns. Measured
at finite noise with exact optima (`special.plane_shear`) and without Monte Carlo (`special.importance`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numerics.ladders import QUADRATURE
from ...numerics.special.importance import SAMPLES, correlation, limit_weights, log_mean_slopes, log_means
from ...numerics.special.plane_shear import Shears, draw, reduced
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import BoundLaw, ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once

COUNTS = (2, 8)
SAMPLE_COUNTS = 2.0 ** np.arange(4, 13)
WEAK, STRONG = (0.08, 0.16), (0.7, 0.85)
"""Correlations whose weights have four moments and more, and such whose weights have no variance."""

QUADRATURE_ERROR = 1e-12
"""Trapezoid rules in the plane and in log t, for weights whose logarithm is a quadratic of size one."""

RESIDUAL_ERROR = 4e-16
"""Of z, in units of the posterior's width sqrt(eps): what the exponent of the weights loses."""


def _first_order(derivatives: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """a(u), b(u) on the lattice: the weights of the ELBO-optimal mean-field encoder, to first order in eps.

    With xi_k = sqrt(s_k) u_k, z = g + h xi + h^2 m + h^3 t xi / (2 s) is put into the Taylor series of the exponent
    -V/eps + l, and the encoder's and the evidence's own first-order terms are taken off; m, s, t, L1 from theory.
    """
    l1, l2 = derivatives["l1"], derivatives["l2"]
    m, s, t, L1 = (
        predict(name, 2, 2, **derivatives)
        for name in ("mean_shift", "variance", "variance_correction", "likelihood_slope")
    )
    # On the manifold: no residual.
    A, V3, V4 = (
        predict(f"potential_{name}", 2, 2, **derivatives, nu=np.zeros(2), U=np.zeros((2,) * 5))
        for name in ("second", "third", "fourth")
    )
    xi = np.sqrt(s)[:, None, :] * SAMPLES
    cubic = np.einsum("nabc,nka,nkb,nkc->nk", V3, xi, xi, xi)
    quartic = np.einsum("nabcd,nka,nkb,nkc,nkd->nk", V4, xi, xi, xi, xi)
    odd = np.einsum("nka,na->nk", xi, l1 - np.einsum("nab,nb->na", A, m)) - cubic / 6
    widened = 0.5 * (t / s)[:, None, :] * xi
    even = (
        -np.einsum("nka,nab,nkb->nk", xi, A, widened)
        - 0.5 * np.einsum("nabc,nka,nkb,nc->nk", V3, xi, xi, m)
        - quartic / 24
        + 0.5 * np.einsum("nka,nab,nkb->nk", xi, l2, xi)
    )
    constant = (
        np.einsum("na,na->n", l1, m) - 0.5 * np.einsum("na,nab,nb->n", m, A, m) + 0.5 * np.sum(t / s, axis=1) - L1
    )
    return odd, even + constant[:, None]


class _Measured:
    """Gaps with K samples along the ladder, and their predicted limits and slopes; one row a shear, for each K."""

    def __init__(self, measured: Measurements):
        count = measured.effort.instances
        rng = measured.rng("importance-weighted")
        shears, g = draw(rng, count), rng.uniform(-1.0, 1.0, (count, 1, 2))
        derivatives = shears.derivatives(g)
        self.contrast = predict("contrast", 2, 2, **derivatives)
        self.gap_slope = predict("gap_slope", 2, 2, **derivatives)
        self.metric = np.einsum("nia,nib->nab", derivatives["J"], derivatives["J"])
        self.correlation = correlation(self.metric)
        self.limit_weights = limit_weights(self.correlation)
        odd, even = _first_order(derivatives)
        every = (1, *COUNTS)
        gaps = np.stack([-log_means(_log_weights(shears, g, eps), every) for eps in QUADRATURE], axis=1)
        self.gaps = dict(zip(every, np.moveaxis(gaps, 2, 0), strict=True))
        self.limits = dict(zip(every, -log_means(self.limit_weights, every).T, strict=True))
        self.slopes = dict(zip(every, -log_mean_slopes(self.limit_weights, odd, even, every).T, strict=True))

    def rows(self, counts: tuple[int, ...]) -> Instances:
        """Instances, for each K in turn."""
        names = tuple(f"shear, K = {K}" for K in counts for _ in self.contrast)
        return Instances(names, (2,) * len(names), (2,) * len(names), ("normal",) * len(names))


def _log_weights(shears: Shears, g: np.ndarray, eps: float) -> np.ndarray:
    """log p(x, z) - log q(z) - log p_eps(x) on the lattice of u, for the ELBO-optimal q at x = f(g)."""
    y = shears.unmixed(g)
    found = reduced(shears, y, np.array(eps))
    G = shears.metric
    ratio, q, r = G[:, 0, 1] / G[:, 0, 0], shears.quadratic, shears.cubic
    mean, variance = found.mean[:, 0], found.std[:, 0] ** 2
    bent = q * (mean**2 + variance) + r * (mean**3 + 3 * mean * variance)
    fibre = y[:, 0, 0] - bent + ratio * (y[:, 0, 1] - mean)
    std = np.stack([1 / np.sqrt(1 + G[:, 0, 0] / eps), found.std[:, 0]], axis=1)
    centre = np.stack([fibre / (1 + eps / G[:, 0, 0]), mean], axis=1)
    z = centre[:, None] + std[:, None] * SAMPLES
    residual = np.einsum("nab,nkb->nka", shears.matrix, shears.unmixed(z) - y)
    log_joint = -np.sum(residual**2, axis=2) / (2 * eps) - 0.5 * np.sum(z**2, axis=2) - 2 * np.log(2 * np.pi)
    log_q = -0.5 * np.sum(SAMPLES**2, axis=1) - np.log(2 * np.pi) - np.sum(np.log(std), axis=1)[:, None]
    return log_joint - np.log(eps) - log_q - found.log_likelihood


@once
def _measure(measured: Measurements) -> _Measured:
    return _Measured(measured)


def _law(
    name: str,
    found: _Measured,
    limits: dict[int, np.ndarray] | None = None,
    slopes: dict[int, np.ndarray] | None = None,
    order: float = 1.0,
) -> ConvergenceLaw:
    values = np.concatenate([found.gaps[K] for K in COUNTS])
    return ConvergenceLaw(
        name=name,
        instances=found.rows(COUNTS),
        eps=QUADRATURE,
        measured=values,
        limit=np.concatenate([(limits or found.limits)[K] for K in COUNTS]),
        order=order,
        constant=np.concatenate([(slopes or found.slopes)[K] for K in COUNTS]),
        floor=np.full(values.shape, QUADRATURE_ERROR) + RESIDUAL_ERROR / np.sqrt(QUADRATURE),
    )


def _single_sample(name: str, found: _Measured, right: np.ndarray) -> IdentityLaw:
    """Limit and slope of gap_1, by importance weights, against theory's contrast and a1."""
    left = np.stack([found.limits[1], found.slopes[1]], axis=1)
    return IdentityLaw(name, found.rows((1,)), left, right, QUADRATURE_ERROR * (1 + np.abs(left)))


@once
def _correlated(measured: Measurements, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlations rho in [low, high], and the limits of gap_K for all K of SAMPLE_COUNTS."""
    rho = measured.rng("importance-weighted", "samples").uniform(low, high, measured.effort.instances)
    R = np.eye(2) + rho[:, None, None] * (1 - np.eye(2))
    return rho, -log_means(limit_weights(R), tuple(map(int, SAMPLE_COUNTS)))


def _many_samples(name: str, measured: Measurements, *, order: float = 1.0, factor: float = 0.5) -> ConvergenceLaw:
    """gap_K = chi2 / (2K) + O(K^-2), chi2 = det R / sqrt(det(2R - I)) - 1, while lambda_min(R) > 1/2."""
    rho, gaps = _correlated(measured, *WEAK)
    rows = len(rho)
    chi2 = predict("importance_chi2", 2, rho=rho)
    instances = Instances(("two columns",) * rows, (2,) * rows, (2,) * rows, ("flat",) * rows)
    floor = np.full(gaps.shape, QUADRATURE_ERROR / 100)
    return ConvergenceLaw(name, instances, 1 / SAMPLE_COUNTS, gaps, np.zeros(rows), order, factor * chi2, floor)


def _bounded_by_samples(name: str, measured: Measurements) -> BoundLaw:
    """K gap_K stays below twice its value at the fewest samples: the rate 1/K, whatever the constant."""
    _, gaps = _correlated(measured, *STRONG)
    rows = len(gaps)
    instances = Instances(("two columns",) * rows, (2,) * rows, (2,) * rows, ("flat",) * rows)
    scaled = gaps * SAMPLE_COUNTS
    return BoundLaw(name, instances, 2 * scaled[:, :1] - scaled, QUADRATURE_ERROR * scaled)


def _monotone(name: str, found: _Measured, sign: float = 1.0) -> BoundLaw:
    """gap_1 >= gap_2 >= gap_8 >= 0 at every noise."""
    values = np.stack([found.gaps[K] for K in (1, *COUNTS)])
    steps = np.concatenate([values[:-1] - values[1:], values[-1:]])
    excess = sign * np.moveaxis(steps, 0, 1).reshape(len(found.contrast), -1)
    return BoundLaw(name, found.rows((1,)), excess, np.full(excess.shape, QUADRATURE_ERROR * 10))


def laws(measured: Measurements) -> list[Law]:
    """One sample is the ELBO; more samples help; many samples; and the limits with their slopes."""
    found = _measure(measured)
    return [
        _single_sample("gap_1 = ELBO's gap", found, np.stack([found.contrast, found.gap_slope], axis=1)),
        _monotone("gap_K falls with K", found),
        _many_samples("gap_K for many samples", measured),
        _law("gap_K", found),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    found = _measure(measured)
    same = dict.fromkeys(COUNTS, found.contrast)
    unscaled = dict(zip(COUNTS, -log_means(limit_weights(found.metric), COUNTS).T, strict=True))
    return [
        Control("divided", "gap_K = c / K", _law("gap_K", found, {K: found.contrast / K for K in COUNTS})),
        Control("vanishing", "gap_K -> 0 for K > 1", _law("gap_K", found, {K: 0 * found.contrast for K in COUNTS})),
        Control("jensen", "log and mean swapped: c at every K", _law("gap_K", found, same)),
        Control("metric", "A in place of R", _law("gap_K", found, unscaled)),
        Control("slope", "the slope a1 at every K", _law("gap_K", found, None, dict.fromkeys(COUNTS, found.gap_slope))),
        Control("rate", "gap_K converges at the rate sqrt eps", _law("gap_K", found, order=0.5)),
        Control("chi2-whole", "gap_K ~ chi2 / K", _many_samples("gap_K", measured, factor=1.0)),
        Control("every-correlation", "gap_K = O(1/K) whatever R", _bounded_by_samples("K gap_K", measured)),
        Control("root-samples", "gap_K = O(K^-1/2)", _many_samples("gap_K", measured, order=0.5)),
    ]


CLAIM = Claim(
    id="importance-weighted",
    order=23,
    title="importance-weighted bounds",
    statement="With K importance samples the gap tends, at every fixed K, to a positive number that depends only on "
    "the correlations of the Jacobian's columns; it is the contrast for K = 1 and falls like 1/K if these are small.",
    latex=r"\mathrm{gap}_K \to -\mathbb{E}\log\tfrac1K\sum_i \sqrt{\det R}\; e^{-\frac12 v_i^\top (R-I) v_i},\quad "
    r"R = D^{-1/2} A D^{-1/2},\quad \mathrm{gap}_K \sim \chi^2/(2K) \text{ if } \lambda_{\min}(R) > \tfrac12",
    source="Burda et al. 2016 (arXiv:1509.00519) for the bound; limit: new here",
    assumptions=("the assumptions of elbo-limit", "q is optimal for the ELBO, not for the bound with K samples"),
    derivation="importance-weighted",
    laws=laws,
    controls=controls,
)
