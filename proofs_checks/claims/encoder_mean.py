"""encoder-mean: the optimal encoder's mean inverts the decoder, mu* = g + eps m + O(eps^2)."""

from __future__ import annotations

import numpy as np

from ..batch import Batch
from ..batch_laws import PerBatch, convergence, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw
from ..measurements import Measurements

MEAN_SHIFT = predicted("mean_shift")
"""m at the batch's points; its terms are those of `MEAN_SHIFT` in `theory/formulas/gaussian`."""


def mean_law(name: str, measured: Measurements, shift: PerBatch, order: float = 1.0) -> ConvergenceLaw:
    """mu* - g = eps^order shift + ..., along the batch's directions."""
    return convergence(
        name,
        measured.batches,
        measured=lambda batch: batch.along(batch.mean - batch.point[:, None, :]),
        floor=lambda batch: batch.mean_error,
        constant=lambda batch: batch.along(shift(batch)),
        order=order,
    )


def laws(measured: Measurements) -> list[ConvergenceLaw]:
    """mu* - g along a random direction has order 1 and constant m."""
    return [mean_law("mean - preimage", measured, MEAN_SHIFT)]


def _metric_twice(batch: Batch) -> np.ndarray:
    # b = A m, so A b = A A m is the shift with A in the place of its inverse.
    J = batch.derivatives["J"]
    A = np.einsum("nia,nib->nab", J, J)
    return np.einsum("nab,nbc,nc->na", A, A, MEAN_SHIFT(batch))


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""

    def variant(**factors: float) -> PerBatch:
        return predicted("mean_shift", factors=factors)

    return [
        Control("rate-gamma-1", "the mean converges at the rate 1/gamma", mean_law("rate", measured, MEAN_SHIFT, 0.5)),
        Control("no-prior", "the mean shift does not depend on the prior", mean_law("m", measured, variant(prior=0.0))),
        Control("no-mixed-term", "m without the J_k . H_kj term", mean_law("m", measured, variant(mixed=0.0))),
        Control("factor-1", "m with factor 1 for 1/2", mean_law("m", measured, variant(curvature=2.0))),
        Control("metric-for-inverse", "m = A b in place of A^-1 b", mean_law("m", measured, _metric_twice)),
    ]


CLAIM = Claim(
    id="encoder-mean",
    order=2,
    paper="Proposition 1",
    title="self-consistency of the mean",
    statement="The optimal encoder inverts the decoder: its mean is the preimage up to the noise variance times a "
    "known vector.",
    latex=r"\mu^*(x) = g + \varepsilon m + O(\varepsilon^2),\quad m = A^{-1} b,\quad "
    r"b = \ell' - \tfrac12 J^\top \sum_k s_k H_{kk} - \Big(\sum_k s_k J_k \cdot H_{kj}\Big)_j",
    source="Reizinger et al. 2022 (arXiv:2206.02416), Proposition 1; constant: new here",
    assumptions=(
        "g is the unique global minimiser of |f(z) - x|^2, and f stays away from x elsewhere",
        "J(g) has full column rank",
        "f and log p0 are four and two times continuously differentiable near g",
    ),
    derivation="encoder-mean",
    laws=laws,
    controls=controls,
    trained=(("moebius-gamma", "self-consistency"), ("self-consistency", "inverse")),
    enclosed=True,
)
