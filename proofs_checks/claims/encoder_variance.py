"""encoder-variance: sigma_k^2 = eps s_k + eps^2 t_k + O(eps^3), and how far the paper's formula reaches."""

from __future__ import annotations

import numpy as np

from ..batch import Batch
from ..batch_laws import PerBatch, convergence, identity
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import Measurements

SEARCH_TOLERANCE = 1e-9
"""The search stops within 1e-11 standard deviations and sums some hundred nodes."""

CURVATURE_FACTOR = 4.0 * 32**2
"""A rule of n nodes misses Hermite components of degree 2n and above; two derivatives multiply them by (2n)^2, and
n <= 32."""


def _beyond_leading(batch: Batch) -> np.ndarray:
    leading = batch.eps[:, None] * batch.predict("variance")[:, None, :]
    return batch.along(batch.variance - leading)


def _beyond_paper(batch: Batch) -> np.ndarray:
    """Minus the paper's variance 1/(A_kk/eps - l''_kk)."""
    return batch.along(batch.variance - paper_variance(batch))


def paper_variance(batch: Batch) -> np.ndarray:
    """1/(A_kk/eps - l''_kk) at every noise variance."""
    J, l2 = (batch.derivatives[name][:, None] for name in ("J", "l2"))
    return batch.predict("paper_variance", J=J, l2=l2, eps=batch.eps)


def _floor(batch: Batch) -> np.ndarray:
    return batch.variance_error


def correction(**factors: float) -> PerBatch:
    """t along the batch's directions, its terms weighted by `factors`."""
    return lambda batch: batch.along(batch.predict("variance_correction", factors))


def correction_law(name: str, measured: Measurements, constant: PerBatch, order: float = 2.0) -> ConvergenceLaw:
    """variance - eps s = constant eps^order + ..."""
    return convergence(name, measured.batches, _beyond_leading, _floor, constant=constant, order=order)


def paper_law(name: str, measured: Measurements, constant: PerBatch, order: float) -> ConvergenceLaw:
    """variance - the paper's formula = constant eps^order + ..."""
    return convergence(name, measured.batches, _beyond_paper, _floor, constant=constant, order=order)


def paper_error(batch: Batch) -> np.ndarray:
    """t - s^2 l''."""
    # The formula's own prior term has weight s^2 l''; t has the same term, so the rest of t is the formula's error.
    return batch.along(batch.predict("variance_correction", {"prior": 0.0}))


def laws(measured: Measurements) -> list[Law]:
    """Leading order eps s, then eps^2 t; and the error of the paper's formula, of order 2 with constant t - s^2 l''."""
    leading = convergence(
        "variance",
        measured.batches,
        measured=lambda batch: batch.along(batch.variance),
        floor=_floor,
        constant=lambda batch: batch.along(batch.predict("variance")),
    )
    return [
        identity(
            "1/variance = -E_q[d_kk log p]",
            measured.batches,
            left=lambda batch: batch.along(batch.variance),
            right=lambda batch: batch.along(1 / batch.precision),
            tolerance=lambda batch: batch.eps * (SEARCH_TOLERANCE + CURVATURE_FACTOR * batch.gap_error),
        ),
        leading,
        correction_law("variance - eps s", measured, correction()),
        paper_law("variance - paper's formula", measured, paper_error, order=2.0),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    only_prior = {name: 0.0 for name in measured.batches[0].terms("variance_correction") if name != "prior"}
    no_shift = correction(mean_shift_own=0.0, mean_shift_other=0.0)
    return [
        Control(
            "paper-correction", "t_k = s_k^2 l''_kk alone", correction_law("t", measured, correction(**only_prior))
        ),
        Control("no-mean-shift", "t_k without the mean-shift term", correction_law("t", measured, no_shift)),
        Control(
            "prior-sign",
            "t_k with the prior term's sign flipped",
            correction_law("t", measured, correction(prior=-1.0)),
        ),
        Control(
            "paper-gamma-6",
            "the paper's formula is accurate to gamma^-6",
            paper_law("paper", measured, paper_error, order=3.0),
        ),
        Control(
            "paper-gamma-3",
            "the paper's O(gamma^-3) is the sharp rate of its formula",
            paper_law("paper", measured, paper_error, order=1.5),
        ),
    ]


CLAIM = Claim(
    id="encoder-variance",
    order=3,
    paper="Proposition 1",
    title="self-consistency of the variance",
    statement="The optimal encoder's variances are the noise variance over the squared column norms of the decoder's "
    "Jacobian, with a known next term; the paper's formula is accurate to gamma^-4.",
    latex=r"\sigma_k^2 = \varepsilon s_k + \varepsilon^2 t_k + O(\varepsilon^3),\quad s_k = \|J_k\|^{-2}",
    source="Reizinger et al. 2022 (arXiv:2206.02416), Proposition 1; correction: new here",
    assumptions=(
        "the assumptions of encoder-mean",
        "f and log p0 are six and four times continuously differentiable near g, for the term eps^2 t_k",
    ),
    derivation="encoder-variance",
    laws=laws,
    controls=controls,
    trained=(
        ("self-consistency", "variance"),
        ("fixed-decoder", "variance-orthogonal"),
        ("fixed-decoder", "variance-triangular"),
    ),
    enclosed=True,
)
