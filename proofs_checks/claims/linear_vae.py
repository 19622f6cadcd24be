"""linear-vae: linear decoder, standard normal prior: the gap is a closed form, at every gamma and every x."""

from __future__ import annotations

import numpy as np

from ..batch import Batch
from ..batch_laws import LIMIT_ROUND_OFF, PerBatch, convergence, gap_law, identity, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, IdentityLaw
from ..measurements import Measurements


def _linear(measured: Measurements, prior: str = "normal") -> list[Batch]:
    return [batch.where(prior=prior) for batch in measured.of_families("linear")]


def _closed_form(weights: PerBatch, **factors: float) -> PerBatch:
    """The exact gap at every noise variance, for the matrix that `weights` gives."""
    return lambda batch: batch.predict("linear_gap", factors, W=weights(batch)[:, None], eps=batch.eps)


def _columns(batch: Batch) -> np.ndarray:
    return batch.derivatives["J"]


def _rows(batch: Batch) -> np.ndarray:
    return np.swapaxes(batch.derivatives["J"], 1, 2)


def _contrast_at_every_noise(batch: Batch) -> np.ndarray:
    return np.repeat(batch.predict("contrast")[:, None], batch.eps.size, axis=1)


def _covariance_form(batch: Batch) -> np.ndarray:
    """1/2 [sum log (Lambda^-1)_kk - log det Lambda^-1]: the encoder's variances read off the posterior covariance."""
    J = batch.derivatives["J"]
    precision = np.eye(J.shape[2]) + np.einsum("nia,nib->nab", J, J)[:, None] / batch.eps[:, None, None]
    covariance = np.linalg.inv(precision)
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    return 0.5 * (np.sum(np.log(variances), axis=-1) - np.linalg.slogdet(covariance)[1])


def _tolerance(batch: Batch) -> np.ndarray:
    # The closed form adds d logarithms of 1 + A/eps, each of magnitude log(1/eps) at most.
    return batch.gap_error + LIMIT_ROUND_OFF * batch.latent_dim * (1 - np.log(batch.eps))


def _law(name: str, batches: list[Batch], predicted: PerBatch) -> IdentityLaw:
    return identity(name, batches, lambda batch: batch.gap, predicted, _tolerance)


def laws(measured: Measurements) -> list[IdentityLaw | ConvergenceLaw]:
    """The closed form at every gamma, its slope, and the next two coefficients of its expansion."""
    batches = _linear(measured)
    return [
        _coefficient_law("gap - c - a1 eps", batches, 2),
        _coefficient_law("gap - c - a1 eps - a2 eps^2", batches, 3),
        _law("gap = closed form", batches, _closed_form(_columns)),
        gap_law("gap - contrast", batches, limit=predicted("contrast"), constant=predicted("gap_slope")),
    ]


def _coefficient(order: int) -> PerBatch:
    name = ("linear_first", "linear_second", "linear_third")[order - 1]
    return predicted(name)


def _coefficient_law(name: str, batches: list[Batch], order: int, factor: float = 1.0) -> ConvergenceLaw:
    """gap less its expansion up to eps^(order - 1) = a_order eps^order + ..."""

    def beyond(batch: Batch) -> np.ndarray:
        known = [np.outer(_coefficient(n)(batch), batch.eps**n) for n in range(1, order)]
        return batch.gap - batch.predict("contrast")[:, None] - np.sum(known, axis=0)

    return convergence(
        name,
        batches,
        measured=beyond,
        floor=lambda batch: batch.gap_error,
        constant=lambda batch: factor * _coefficient(order)(batch),
        order=float(order),
    )


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batches = _linear(measured)
    logistic = _linear(measured, prior="logistic")
    twice = predicted("gap_slope")
    doubled = gap_law("gap", batches, limit=predicted("contrast"), constant=lambda batch: 2 * twice(batch))
    return [
        Control(
            "no-one",
            "the gap without 1 +: the contrast at finite gamma",
            _law("gap", batches, _contrast_at_every_noise),
        ),
        Control(
            "rows",
            "the norms of W's rows for those of its columns",
            _law("gap", batches, _closed_form(_rows)),
        ),
        Control(
            "covariance-form",
            "variances from the posterior covariance",
            _law("gap", batches, _covariance_form),
        ),
        Control(
            "any-prior",
            "the closed form with a logistic prior",
            _law("gap", logistic, _closed_form(_columns)),
        ),
        Control("slope-factor", "a1 without its 1/2", doubled),
        Control("second-sign", "a2 with its sign flipped", _coefficient_law("a2", batches, 2, -1.0)),
        Control("second-factor", "a2 with 1/2 for 1/4", _coefficient_law("a2", batches, 2, 2.0)),
    ]


CLAIM = Claim(
    id="linear-vae",
    order=7,
    title="linear VAE, exactly at every gamma",
    statement="For a linear decoder and a standard normal prior the gap has a closed form at every noise variance and "
    "does not depend on the data point.",
    latex=r"\mathrm{gap} = \tfrac12\Big[\sum_k \log(1+\gamma^2\|W_k\|^2) - \log\det(I+\gamma^2 W^\top W)\Big]",
    source="Lucas et al. 2019 (arXiv:1911.02469) for the linear VAE; gap at every noise: new here",
    assumptions=(
        "f(z) = W z + b with W of full column rank",
        "standard normal prior",
        "mean-field Gaussian encoder",
    ),
    derivation="linear-vae",
    laws=laws,
    controls=controls,
    enclosed=True,
)
