"""encoder-density: the density that is read off a mean-field encoder is biased by exactly the contrast.

Bent decoders (`bent`, d = 2, D = 2 or 3) at points of the image: log p is summed on a grid, encoders are stationary
points of the ELBO, mean field or with a full covariance. Predicted slopes come from theory's index formulas.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...theory.formulas import gaussian, general
from ..along import ladder
from ..bent import Bent, draw, encoder, posterior
from ..cases import instances
from ..claim import Claim
from ..statements import Converges

FALLING = ladder("eps", 1e-2, 1e-4)
ROUND_OFF = 2e-14
"""Sums of 3721 terms of size log p, which is below ten."""


@cache
def _model(seed: int) -> Bent:
    rng = np.random.default_rng(seed)
    return draw(rng, 2, int(rng.integers(2, 4)))


@instances(4)
def decoders(rng):
    """A decoder and a point by their seed."""
    return {"seed": int(rng.integers(2**31))}


def bias(eps, seed, **_):
    """log p + (D - d)/2 log(2 pi eps) - [log p0(mu) + sum_k log sigma_k - d/2 log eps]."""
    model = _model(seed)
    found, (D, d) = encoder(model, eps), model.J.shape
    mean = model.g + eps * found.m
    read = -0.5 * mean @ mean - d / 2 * np.log(2 * np.pi) + np.sum(np.log(found.L.diagonal()))
    return float(posterior(model, eps).log_likelihood + (D - d) / 2 * np.log(2 * np.pi * eps) - read), ROUND_OFF


def mean_field_surrogate(eps, seed, **_):
    """-sum_k log sigma_k^2 - sum_k log(1 + A_kk / eps)."""
    model = _model(seed)
    entropy = -2 * np.sum(np.log(encoder(model, eps).L.diagonal()))
    return float(entropy - np.sum(np.log(model.metric.diagonal() + eps))), ROUND_OFF


def full_surrogate(eps, seed, **_):
    """-log det Sigma - log det(I + A / eps)."""
    model = _model(seed)
    entropy = -2 * np.sum(np.log(np.abs(encoder(model, eps, full=True).L.diagonal())))
    return float(entropy - np.linalg.slogdet(model.metric + eps * np.eye(2))[1]), ROUND_OFF


def importance(eps, seed, **_):
    """eps / sigma_1^2: the squared length of the first column, read off the encoder."""
    return float(encoder(_model(seed), eps).L[0, 0] ** -2), ROUND_OFF


@cache
def _known(seed: int) -> dict[str, Any]:
    """s, t, m, c, L1 and the rest of an instance, by theory's formulas."""
    model = _model(seed)
    known = gaussian.with_mean_shift(gaussian.with_metric(model.derivatives))
    A = model.metric
    N = np.linalg.inv(A)
    potential = general.with_mean_shift(model.potential | {"N": N, "S": N, "P": np.ones((2, 2))})
    return known | {
        "t": np.asarray(gaussian.VARIANCE_CORRECTION.total(known), dtype=float),
        "L1": float(sum(gaussian.likelihood_slope_terms(known).values())),
        "c": 0.5 * float(np.sum(np.log(A.diagonal())) - np.linalg.slogdet(A)[1]),
        "T": np.asarray(general.COVARIANCE_CORRECTION.total(potential), dtype=float),
    }


def _contrast(seed, **_):
    return _known(seed)["c"]


def _slope(seed, *, mean=1.0, variance=0.5, **_):
    known = _known(seed)
    return float(known["L1"] - mean * known["l1"] @ known["m"] - variance * np.sum(known["t"] / known["s"]))


def _mean_field_slope(seed, *, prior=1.0, **_):
    known = _known(seed)
    return float(-np.sum(known["t"] / known["s"]) - prior * np.sum(known["s"]))


def _full_slope(seed, **_):
    known = _known(seed)
    return float(-np.sum(_model(seed).metric * known["T"]) - np.trace(np.linalg.inv(_model(seed).metric)))


def _importance_slope(seed, **_):
    known = _known(seed)
    return float(-known["t"][0] / known["s"][0] ** 2)


def _length(seed, **_):
    return float(_model(seed).metric[0, 0])


CLAIM = Claim(
    id="encoder-density",
    order=31,
    title="densities read off an encoder are biased by the contrast",
    statement="The log-density that means and variances of a mean-field encoder show of the data falls short of the "
    "likelihood by exactly the contrast as the noise falls. The right deterministic surrogate of its entropy is the "
    "sum of log(1 + |J_k|^2/eps), of a full encoder's log det(I + J'J/eps).",
    latex=r"\log p_\varepsilon(x) - \Bigl[\ell(\mu^*) + \sum_k\log\sigma_k - \tfrac d2\log\varepsilon\Bigr] + "
    r"\tfrac{D-d}2\log 2\pi\varepsilon = c + \varepsilon\bigl[L_1 - \ell'\cdot m - \tfrac12\textstyle\sum_k t_k/s_k"
    r"\bigr] + O(\varepsilon^2)",
    source="Nakagawa et al. 2021 (arXiv:2007.15190), densities off encoders; Kumar and Poole 2020 (arXiv:2002.00041), "
    "surrogates; bias and slopes: new here",
    assumptions=("the assumptions of elbo-limit", "x = f(g)"),
    derivation="encoder-density",
    over=decoders,
    law=(
        Converges(importance, along=FALLING, limit=_length, order=1, constant=_importance_slope, name="importance"),
        Converges(mean_field_surrogate, along=FALLING, order=1, constant=_mean_field_slope, name="mean field"),
        Converges(full_surrogate, along=FALLING, order=1, constant=_full_slope, name="full covariance"),
        Converges(bias, along=FALLING, limit=_contrast, order=1, constant=_slope, name="bias of the density"),
    ),
)
CLAIM.control("the density is read off without bias", of="bias of the density", limit=0.0)
CLAIM.control("the bias is twice the contrast", of="bias of the density", limit=lambda seed, **_: 2 * _contrast(seed))
CLAIM.control("at g for at mu*", of="bias of the density", constant=lambda seed, **_: _slope(seed, mean=0.0))
CLAIM.control("variances eps s_k", of="bias of the density", constant=lambda seed, **_: _slope(seed, variance=0.0))
CLAIM.control(
    "log(A_kk/eps) for log(1 + A_kk/eps)",
    of="mean field",
    constant=lambda seed, **_: _mean_field_slope(seed, prior=0.0),
)
CLAIM.control(
    "a mean-field encoder has the surrogate of a full one",
    of="mean field",
    limit=lambda seed, **_: -2 * _contrast(seed),
)
CLAIM.control(
    "a full encoder has that of a mean field", of="full covariance", limit=lambda seed, **_: 2 * _contrast(seed)
)
CLAIM.control(
    "a Frobenius penalty",
    law=Converges(
        lambda eps, seed, **_: (
            -2 * np.sum(np.log(encoder(_model(seed), eps).L.diagonal() * np.sqrt(eps)))
            - np.trace(_model(seed).metric) / eps
        ),
        along=FALLING,
        order=1,
        constant=_mean_field_slope,
    ),
)
