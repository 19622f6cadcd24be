"""elbo-limit, the main theorem: log p - ELBO* tends to the IMA contrast, with the slope a1 = L1 - E1."""

from __future__ import annotations

import numpy as np

from ..batch import Batch
from ..batch_laws import PerBatch, flipped, gap_law, nothing, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw
from ..measurements import Measurements

CONTRAST, SLOPE = predicted("contrast"), predicted("gap_slope")


def _rows(batch: Batch) -> np.ndarray:
    return np.swapaxes(batch.derivatives["J"], 1, 2)


def _inverse(batch: Batch) -> np.ndarray:
    return np.linalg.inv(batch.derivatives["J"])


def laws(measured: Measurements) -> list[ConvergenceLaw]:
    """gap - c has order 1 and constant a1."""
    return [gap_law("gap - contrast", measured.batches, limit=CONTRAST, constant=SLOPE)]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""

    def limit(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, gap_law("gap", measured.batches, limit=variant, constant=SLOPE))

    def slope(key: str, statement: str, **factors: float) -> Control:
        variant = predicted("gap_slope", factors=factors)
        return Control(key, statement, gap_law("gap", measured.batches, limit=CONTRAST, constant=variant))

    def rate(key: str, statement: str, order: float) -> Control:
        return Control(
            key,
            statement,
            gap_law("gap", measured.batches, limit=CONTRAST, constant=SLOPE, order=order),
        )

    rows, inverse = predicted("contrast", J=_rows), predicted("contrast", J=_inverse)
    twice = predicted("contrast", factors={"volume": 2.0})
    return [
        rate("rate-gamma-1", "the gap converges at the rate 1/gamma", 0.5),
        rate("rate-gamma-4", "the gap converges at the rate gamma^-4", 2.0),
        limit("rows", "the contrast of the Jacobian's rows is the limit", rows),
        limit("inverse-columns", "the contrast of the inverse Jacobian is the limit", inverse),
        limit("log-det-twice", "the contrast with log det A for 1/2 log det A", twice),
        limit("no-regulariser", "the gap closes, as with a full-covariance encoder", nothing),
        slope("slope-sign", "a1 with its sign flipped", **flipped("gap_slope", measured.batches[0])),
        slope("slope-no-shift", "a1 without b' A^-1 b in E1", elbo_mean_shift=0.0),
        slope(
            "slope-no-third",
            "a1 without third derivatives",
            elbo_third_derivatives=0.0,
            likelihood_third_derivatives=0.0,
        ),
    ]


CLAIM = Claim(
    id="elbo-limit",
    order=5,
    paper="Theorem 1",
    title="limit of the ELBO (main theorem)",
    statement="As the noise variance goes to zero, the gap between log-likelihood and optimal ELBO tends to the IMA "
    "contrast, at the rate gamma^-2 and with a known constant.",
    latex=r"\log p_\varepsilon(x) - \mathrm{ELBO}^*(x) = c_{\mathrm{IMA}}(f, g) + \varepsilon a_1 + O(\varepsilon^2),"
    r"\quad a_1 = L_1 - E_1",
    source="Reizinger et al. 2022 (arXiv:2206.02416), Theorem 1; constant: new here",
    assumptions=(
        "g is the unique global minimiser of |f(z) - x|^2, and f stays away from x elsewhere",
        "J(g) has full column rank",
        "f and log p0 are six and four times continuously differentiable near g",
        "the encoder is a mean-field Gaussian, optimal at each x",
    ),
    derivation="elbo-limit",
    laws=laws,
    controls=controls,
    trained=(("fixed-decoder", "limit-orthogonal"), ("fixed-decoder", "limit-triangular")),
    enclosed=True,
)
