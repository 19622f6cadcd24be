"""vi-accuracy: how far mean, mode and covariance of Gaussian approximations are from those of the exact posterior.

Bent decoders (`bent`, d = 2), at points of the image: the exact posterior is summed on a grid, the encoders (mean
field and full covariance) are stationary points of the ELBO, the mode is found by Newton's method. Vectors are looked
at along one random direction e. The constants come from theory's index formulas in the derivatives of the potential;
that of the full encoder's mean is the gradient of a2 in l1, a cubic, by a difference formula that is exact for cubics.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import root

from ...theory.formulas.general import MEAN_SHIFT
from ...theory.formulas.second_order import elbo_second_terms, likelihood_second_terms
from ..along import ladder
from ..bent import Bent, draw, encoder, force, posterior
from ..cases import instances
from ..claim import Claim
from ..statements import Bounded, Converges, Equal

FALLING = ladder("eps", 1e-2, 1e-4)
ROUND_OFF = 2e-14
"""Sums of 3721 terms, and the root of a gradient whose terms are 1/sqrt(eps) times its size."""


@cache
def _model(seed: int) -> tuple[Bent, np.ndarray]:
    rng = np.random.default_rng(seed)
    model, angle = draw(rng, 2, int(rng.integers(2, 4))), rng.uniform(0, 2 * np.pi)
    return model, np.array([np.cos(angle), np.sin(angle)])


@instances(4)
def posteriors(rng):
    """A decoder, a point and a direction by their seed."""
    return {"seed": int(rng.integers(2**31))}


def _along(seed: int, eps: float, vector: np.ndarray) -> tuple[float, float]:
    return float(eps * _model(seed)[1] @ vector), ROUND_OFF * np.sqrt(eps)


def mean_field_error(eps, seed, **_):
    """e.(mean - E), mean field."""
    model = _model(seed)[0]
    return _along(seed, eps, encoder(model, eps).m - posterior(model, eps).m)


def full_error(eps, seed, **_):
    """e.(mean - E), full covariance."""
    model = _model(seed)[0]
    return _along(seed, eps, encoder(model, eps, full=True).m - posterior(model, eps).m)


def mode_error(eps, seed, **_):
    """e.(mode - E)."""
    model = _model(seed)[0]
    mode = root(lambda m: force(model, eps * m[None], eps)[0], np.zeros(2), tol=1e-14).x
    return _along(seed, eps, mode - posterior(model, eps).m)


def covariance_error(eps, seed, **_):
    """e.(Cov - Sigma)e, full covariance."""
    model, e = _model(seed)
    L = encoder(model, eps, full=True).L
    return float(eps * e @ (posterior(model, eps).C - L @ L.T) @ e), ROUND_OFF * eps


def least_excess(eps, seed, **_):
    """The smallest eigenvalue of (Cov - Sigma) / eps^2."""
    model = _model(seed)[0]
    L = encoder(model, eps, full=True).L
    value = np.linalg.eigvalsh(posterior(model, eps).C - L @ L.T)[0] / eps
    return float(value), ROUND_OFF / eps


def even_mean(seed, **_):
    """e.mean of the mean-field encoder of an even posterior: an odd decoder at g = 0."""
    model, e = _model(seed)
    return float(e @ encoder(_even(model), 0.05).m), ROUND_OFF


@cache
def _even(model: Bent) -> Bent:
    return Bent(model.J, model.c, model.n, 0.0, model.beta, np.zeros(2))


@cache
def _tensors(seed: int) -> dict[str, np.ndarray]:
    """N, S, V3:N, V3:S and P of an instance."""
    V = _model(seed)[0].potential
    N, S = np.linalg.inv(V["M"]), np.diag(1 / V["M"].diagonal())
    P = np.einsum("acd,bef,ce,df->ab", V["V3"], V["V3"], N, N)
    return {"N": N, "S": S, "P": P, "V3N": np.einsum("abc,bc->a", V["V3"], N), "V3": V["V3"], "l1": V["l1"]}


def _linear(seed: int, vector: np.ndarray) -> float:
    return float(_model(seed)[1] @ _tensors(seed)["N"] @ vector) / 2


def _mode_constant(seed, **_):
    return _linear(seed, _tensors(seed)["V3N"])


def _mean_field_constant(seed, **_):
    """1/2 e.N V3:(N - S), from theory's mean shift with S and with N in its place."""
    known = _tensors(seed)
    shifts = [MEAN_SHIFT.total(known | {"S": known[name]}) for name in ("S", "N")]
    return float(_model(seed)[1] @ (shifts[0] - shifts[1]))


def _second_gap(seed: int, tilt: float) -> float:
    """a2 of the full encoder with l1 + tilt e."""
    model, e = _model(seed)
    known = model.potential | {"l1": -model.g + tilt * e}
    return float(sum(likelihood_second_terms(known).values()) - sum(elbo_second_terms(known, ((0, 1),)).values()))


@cache
def _full_constant(seed, **_):
    """-e.d a2/d l1: (8 (f(1) - f(-1)) - (f(2) - f(-2))) / 12 is exact for cubics."""
    one, two = (_second_gap(seed, h) - _second_gap(seed, -h) for h in (1.0, 2.0))
    return -(8 * one - two) / 12


def _covariance_constant(seed, **_):
    known, e = _tensors(seed), _model(seed)[1]
    return float(e @ known["N"] @ known["P"] @ known["N"] @ e) / 2


CLAIM = Claim(
    id="vi-accuracy",
    order=29,
    title="the accuracy of Gaussian approximations of the posterior",
    statement="As the noise falls, the mean of the best Gaussian with full covariance is exact to second order, the "
    "mode and the mean-field mean only to first order, the latter to second if the Jacobian's columns are orthogonal; "
    "covariances are too small, at second order, by a positive semidefinite matrix.",
    latex=r"\mu_{\mathrm{full}} - \mathbb{E}z = O(\varepsilon^2),\quad \mu_{\mathrm{mf}} - \mathbb{E}z = "
    r"\tfrac\varepsilon2 M^{-1} V^{(3)}{:}(M^{-1} - S) + O(\varepsilon^2),\quad "
    r"\mathrm{Cov} - \Sigma_{\mathrm{full}} = \tfrac{\varepsilon^2}2 M^{-1} P M^{-1} + O(\varepsilon^3)",
    source="Katsevich and Rigollet 2024 (arXiv:2301.02168), orders; Margossian and Saul 2025 (arXiv:2410.11067), "
    "symmetry; constants: new here",
    assumptions=("the assumptions of elbo-limit", "six derivatives of V and four of the log-prior"),
    derivation="vi-accuracy",
    over=posteriors,
    law=(
        Converges(mode_error, along=FALLING, order=1, constant=_mode_constant, name="mode"),
        Converges(full_error, along=FALLING, order=2, constant=_full_constant, name="mean, full covariance"),
        Converges(covariance_error, along=FALLING, order=2, constant=_covariance_constant, name="covariance"),
        Bounded(least_excess, below=-1e-2, along=ladder("eps", 1e-3, 1e-4, 4), name="covariances are too small"),
        Equal(even_mean, 0.0, name="mean of an even posterior"),
        Converges(mean_field_error, along=FALLING, order=1, constant=_mean_field_constant, name="mean, mean field"),
    ),
)
CLAIM.control("a mean field's mean is as exact as a full one's", of="mean, mean field", order=2)
CLAIM.control(
    "V3:(S - N): the other sign", of="mean, mean field", constant=lambda seed, **_: -_mean_field_constant(seed)
)
CLAIM.control(
    "without the factor 1/2", of="mean, mean field", constant=lambda seed, **_: 2 * _mean_field_constant(seed)
)
CLAIM.control("the mode is the mean", of="mode", constant=0.0)
CLAIM.control(
    "V3:S at the mode", of="mode", constant=lambda seed, **_: _mode_constant(seed) - _mean_field_constant(seed)
)
CLAIM.control("a covariance error of order eps^3", of="covariance", order=3)
CLAIM.control(
    "Gaussian approximations are too wide", of="covariance", constant=lambda seed, **_: -_covariance_constant(seed)
)
CLAIM.control("the full mean is exact", of="mean, full covariance", constant=0.0)
