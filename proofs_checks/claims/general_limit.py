"""general-limit: one theorem for any decoder, prior, noise and observation, in the derivatives of the potential.

Its rows are those of other claims, one below the other: surfaces on and off the manifold (`rectangular`), correlated
noise and noise that depends on the latents (`anisotropic_noise`), counts (`exponential_family`), priors that are
neither factorised nor log-concave (`priors`). One formula has to serve them all. The encoder's mean and variances are
judged where their errors were measured.
"""

from __future__ import annotations

import numpy as np

from ..batch import Batch
from ..batch_laws import Factors, PerBatch, convergence, flipped, limit_law, predicted, without_prior, zeros
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import Measurements, once
from . import anisotropic_noise, exponential_family, priors, rectangular


@once
def _batches(measured: Measurements) -> tuple[Batch, ...]:
    """All kinds of model."""
    return tuple(module.measure(measured) for module in (rectangular, anisotropic_noise, exponential_family, priors))


def _with_encoder(measured: Measurements) -> tuple[Batch, ...]:
    return tuple(module.measure(measured) for module in (rectangular, exponential_family))


def _mean_law(name: str, measured: Measurements, shift: PerBatch, order: float = 1.0) -> ConvergenceLaw:
    """mu* - g along a random direction."""
    return convergence(
        name,
        _with_encoder(measured),
        measured=lambda batch: batch.along(batch.mean - batch.point[:, None, :]),
        floor=lambda batch: batch.mean_error,
        constant=lambda batch: batch.along(shift(batch)),
        order=order,
    )


def _diagonal(matrices: np.ndarray) -> np.ndarray:
    return np.einsum("nkk->nk", matrices)


def _variance_law(name: str, measured: Measurements, factors: Factors = None) -> ConvergenceLaw:
    """sigma_k^2 - eps/M_kk along a random direction."""

    def beyond_leading(batch: Batch) -> np.ndarray:
        leading = _diagonal(predicted("general_variance")(batch))
        return batch.along(batch.variance - batch.eps[:, None] * leading[:, None, :])

    correction = predicted("general_variance_correction", factors=factors)
    return convergence(
        name,
        _with_encoder(measured),
        measured=beyond_leading,
        floor=lambda batch: batch.variance_error,
        constant=lambda batch: batch.along(_diagonal(correction(batch))),
        order=2.0,
    )


def laws(measured: Measurements) -> list[Law]:
    """Mean, variances and gap, each with order and constant."""
    return [
        _mean_law("mean - g", measured, predicted("general_mean_shift")),
        _variance_law("variance - eps/M_kk", measured),
        limit_law("gap - contrast of M", _batches(measured)),
    ]


def _log_det_twice(batch: Batch) -> np.ndarray:
    """The contrast of M without its 1/2 before the determinant."""
    return predicted("general_contrast", factors={"posterior": 2.0})(batch)


def _twice_inverted(batch: Batch) -> np.ndarray:
    """M b for M^-1 b."""
    M = batch.derivatives["M"]
    return np.einsum("nab,nbc,nc->na", M, M, predicted("general_mean_shift")(batch))


def controls(measured: Measurements) -> list[Control]:
    """Terms of the theorem dropped, flipped or scaled, and false rates."""
    batches = _batches(measured)

    def slope(key: str, statement: str, **factors: float) -> Control:
        law = limit_law("gap", batches, slope=predicted("general_gap_slope", factors=factors))
        return Control(key, statement, law)

    def mean(key: str, statement: str, shift: PerBatch, order: float = 1.0) -> Control:
        return Control(key, statement, _mean_law("mean", measured, shift, order))

    def variance(key: str, statement: str, **factors: float) -> Control:
        return Control(key, statement, _variance_law("variance", measured, factors))

    no_prior = limit_law("gap", batches, slope=without_prior("general_gap_slope"))
    shift = predicted("general_mean_shift")
    no_prior_shift = predicted("general_mean_shift", l1=zeros("l1"))
    prior_shift = predicted("general_mean_shift", factors={"skewness": 0.0})
    signs = flipped("general_gap_slope", batches[0])
    no_likelihood = {name: 0.0 for name in signs if name.startswith("likelihood")}
    no_quartic = {"elbo_quartic": 0.0, "likelihood_quartic": 0.0}
    return [
        Control("rate-gamma-1", "the gap converges at the rate 1/gamma", limit_law("gap", batches, order=0.5)),
        Control("rate-gamma-4", "the gap converges at the rate gamma^-4", limit_law("gap", batches, order=2.0)),
        Control("log-det-twice", "log det M for 1/2 log det M", limit_law("gap", batches, limit=_log_det_twice)),
        slope("slope-sign", "a1 with its sign flipped", **signs),
        slope("slope-no-shift", "a1 without b' M^-1 b in E1", elbo_mean_shift=0.0),
        slope("slope-no-skewness", "a1 without V3 V3 N N N", likelihood_skewness=0.0),
        slope("slope-skewness-8", "a1 with 1/8 for 1/12 of V3 V3 N N N", likelihood_skewness=1.5),
        slope("slope-no-quartic", "a1 without fourth derivatives", **no_quartic),
        slope("slope-elbo-alone", "a1 with L1 = 0", **no_likelihood),
        Control("slope-no-prior", "a1 does not depend on the prior", no_prior),
        mean("mean-rate", "the mean converges at the rate 1/gamma", shift, 0.5),
        mean("mean-no-prior", "the mean shift does not depend on the prior", no_prior_shift),
        mean("mean-prior-alone", "the mean shift is the prior's", prior_shift),
        mean("mean-metric", "m = M b for M^-1 b", _twice_inverted),
        variance("variance-no-shift", "T without the mean shift", mean_shift=0.0),
        variance("variance-no-prior", "T without the prior", prior=0.0),
        variance("variance-quartic", "T with V4:S for 1/2 V4:S", quartic=2.0),
    ]


CLAIM = Claim(
    id="general-limit",
    order=8,
    title="one theorem for every decoder, prior and noise",
    statement="Whenever the joint density is C exp(-V/eps + ell), the gap tends to the contrast of the Hessian of V at "
    "its minimiser at the rate eps, with a constant given by derivatives of V and ell; so do the encoder's moments.",
    latex=r"\mathrm{gap} = \tfrac12\Big[\sum_k \log M_{kk} - \log\det M\Big] + \varepsilon a_1 + O(\varepsilon^2),"
    r"\quad M = \nabla^2 V(g),\quad \mu^* = g + \varepsilon M^{-1} b(S) + O(\varepsilon^2)",
    source="new here; for Gaussian noise and x on the manifold: Reizinger et al. 2022 (arXiv:2206.02416)",
    assumptions=(
        "g is the unique global minimiser of V, and V stays above V(g) elsewhere, also at infinity",
        "M is positive definite",
        "V and ell are six and four times continuously differentiable near g",
        "exp(ell) is integrable, V and ell are integrable against a Gaussian centred at g",
    ),
    derivation="general-limit",
    laws=laws,
    controls=controls,
    enclosed=True,
)
