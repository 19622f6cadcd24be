"""priors: which priors change the limit of the gap (none of these), and what a kink in the prior does.

Random Moebius maps, mixed linearly, with five priors by a traced index: correlated Gaussian (not factorised), bimodal
(not log-concave), Student t, Laplace away from its kink, and the uniform prior with a logit-normal encoder, which is
the logistic prior in y with the decoder f o sigmoid. At a kink of a Laplace prior the rate is eps^(1/2); that law is
measured on linear decoders, whose evidence and ELBO are sums of error functions (`special.laplace_prior`).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...numerics.derivatives import tower
from ...numerics.families.draws import entangling, signed
from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.model import LatentModel
from ...numerics.priors import Bimodal, Choice, CorrelatedNormal, Laplace, StudentT, UniformLogitNormal
from ...numerics.special.laplace_prior import gap_at_kink
from ..batch import Batch
from ..batch_laws import (
    EPS64,
    LIMIT_ROUND_OFF,
    PerBatch,
    convergence,
    flipped,
    limit_law,
    predicted,
    without_prior,
)
from ..claim import Claim, Control
from ..formulas import predict
from ..instances import Instances
from ..laws import ConvergenceLaw, IdentityLaw, Law
from ..measurements import Measurements, each, once, stack
from ..potential import along_ladder, batch_of, metric

FAMILY, LATENT_DIM = "moebius_linear", 2
PRIORS = ("uniform, logit-normal", "correlated normal", "bimodal", "Student t", "Laplace")
UNIFORM = 0
CORRELATION = np.array([[1.0, 0.6], [0.6, 1.0]])
GRID_POINTS, GRID_STANDARD_DEVIATIONS = 121, 9.0
LARGEST_NOISE = 1e-2
GRID_TOLERANCE = 1e-9
"""The trapezoid rule for a density nine standard deviations wide in y, at a step of a seventh of one: exact but for the
tails beyond, 1e-17, and the sum of 15 000 terms of size |log p| / eps."""

CLOSED_FORM_ERROR = 64 * EPS64
"""The gap at a kink is a sum of a dozen terms of size one at most; Newton stops at their round-off."""


def _measure(decoders: Any, index: Any, points: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, chosen: Any, point: Any) -> dict[str, Any]:
        choices = (CorrelatedNormal(jnp.zeros(2), CORRELATION), Bimodal(), StudentT(3.0), Laplace(0.8))
        prior = Choice((UniformLogitNormal(), *choices), chosen)

        def to_latent(y: Any) -> Any:
            return jnp.where(chosen == UNIFORM, jax.nn.sigmoid(y), y)

        def composed(y: Any) -> Any:
            return decoder(to_latent(y))

        def model_at(eps: Any) -> tuple[LatentModel, Any]:
            return LatentModel(composed, LATENT_DIM, prior=prior, noise_var=eps), composed(point)

        found = along_ladder(model_at, point, ladder)
        direct = each(lambda eps, mean, std: _direct_elbo(decoder, composed(point), eps, mean, std))
        plain = LatentModel(decoder, LATENT_DIM)
        z = to_latent(point)
        _, _, M, V3, V4 = tower(lambda z: plain.potential(z, composed(point)), z, 4)
        in_latent = {"latent_M": M, "latent_V3": V3, "latent_V4": V4}
        return found | in_latent | {"direct": direct(ladder, found["mean"], found["std"])}

    return each(one)(decoders, index, points)


def _direct_elbo(decoder: Any, x: Any, eps: Any, mean: Any, std: Any) -> Any:
    """The ELBO of a uniform prior on the unit square and a logit-normal encoder, on a grid in z."""
    ends = jax.nn.sigmoid(mean + jnp.outer(jnp.array([-1.0, 1.0]) * GRID_STANDARD_DEVIATIONS, std))
    axes = jnp.linspace(ends[0], ends[1], GRID_POINTS)
    first, second = jnp.meshgrid(axes[:, 0], axes[:, 1], indexing="ij")
    z = jnp.stack([first, second], -1).reshape(-1, LATENT_DIM)
    y = jnp.log(z) - jnp.log1p(-z)
    log_q = jnp.sum(-0.5 * ((y - mean) / std) ** 2 - jnp.log(std * z * (1 - z)) - 0.5 * jnp.log(2 * jnp.pi), axis=1)
    residual = jax.vmap(decoder)(z) - x
    log_p = -0.5 * jnp.sum(residual**2, axis=1) / eps - 0.5 * x.shape[0] * jnp.log(2 * jnp.pi * eps)
    return jnp.prod(axes[1] - axes[0]) * jnp.sum(jnp.exp(log_q) * (log_p - log_q))


@once
def measure(measured: Measurements) -> Batch:
    """The priors in turn; points at a distance from the Laplace prior's kinks."""
    rng, family, count = measured.rng("priors"), FAMILIES[FAMILY], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = signed(rng, 0.5, 1.0, (count, LATENT_DIM))
    index = np.arange(count) % len(PRIORS)
    found = measured.programs.run(_measure, decoders, index, points, SHARED)
    also = ("latent_M", "latent_V3", "latent_V4", "direct")
    return batch_of(found, rng, points, (FAMILY,) * count, [PRIORS[i] for i in index], also=also)


def _in_latent(name: str) -> PerBatch:
    return lambda batch: batch.derivatives[f"latent_{name}"]


def _gap_slope_in_latent(batch: Batch) -> np.ndarray:
    """a1 with a uniform prior and a Gaussian encoder in z itself, at interior points."""
    return without_prior("general_gap_slope", **{name: _in_latent(name) for name in ("M", "V3", "V4")})(batch)


def _uniform(batch: Batch) -> Batch:
    return batch.where(prior=PRIORS[UNIFORM])


def _same_likelihood(batch: Batch) -> ConvergenceLaw:
    """log p in y has the limit and slope that it has in z."""
    replaced = {name: _in_latent(name) for name in ("M", "V3", "V4")}
    return convergence(
        "uniform prior: log p in y and in z",
        [batch],
        measured=lambda batch: batch.log_likelihood,
        floor=lambda batch: batch.log_likelihood_error,
        limit=predicted("general_contrast", factors={"encoder": 0.0}, M=_in_latent("M")),
        constant=without_prior("general_likelihood_slope", **replaced),
    )


def same_elbo(name: str, batch: Batch, *, normal: bool = False) -> IdentityLaw:
    """ELBO in y = ELBO in z; `normal` puts a standard normal in the place of the logistic prior in y."""
    small = batch.eps <= LARGEST_NOISE
    right = batch.elbo + (_normal_for_logistic(batch) if normal else 0.0)
    direct = batch.derivatives["direct"]
    tolerance = GRID_TOLERANCE * (1 + np.abs(direct)) + batch.gap_error
    return IdentityLaw(name, batch.instances, direct[:, small], right[:, small], tolerance[:, small])


def _normal_for_logistic(batch: Batch) -> np.ndarray:
    """E_q[log N(y; 0, I) - log logistic(y)]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    y = batch.mean[..., None] + np.sqrt(batch.variance)[..., None] * nodes
    difference = -0.5 * y**2 - 0.5 * np.log(2 * np.pi) + y + 2 * np.logaddexp(0.0, -y)
    return np.sum(difference @ (weights / weights.sum()), axis=-1)


@once
def _measure_kink(
    measured: Measurements,
) -> tuple[Float[np.ndarray, "n 2 2"], Float[np.ndarray, " n"], Float[np.ndarray, "n e"]]:
    """A = W'W, b and the gap of each instance at every noise variance of the ladder."""
    rng, count = measured.rng("priors", "kink"), measured.effort.instances
    A = metric(np.stack([entangling(rng, 2) for _ in range(count)]))
    scale, other = rng.uniform(0.6, 1.2, count), signed(rng, 0.3, 1.0, count)
    return A, scale, gap_at_kink(A, scale, other, SHARED)


def kink_law(
    name: str, measured: Measurements, *, order: float = 0.5, encoder: float = 1.0, posterior: float = 1.0
) -> ConvergenceLaw:
    """gap = c + eps^(1/2) sqrt(2/pi)/b (sqrt s_1 - sqrt (A^-1)_11) + O(eps), the two parts of the constant weighted.

    To order h = sqrt(eps) the prior costs h/b E abs(v_1), under the posterior N(0, A^-1) and the encoder N(0, s).
    """
    A, scale, gap = _measure_kink(measured)
    count = len(A)
    s, B = (predict("general_variance", 2, blocks=blocks, M=A)[:, 0, 0] for blocks in (None, ((0, 1),)))
    factors = {"encoder": encoder, "posterior": posterior}
    limit = predict("general_contrast", 2, M=A)
    return ConvergenceLaw(
        name,
        Instances(("linear",) * count, (2,) * count, (2,) * count, ("Laplace at its kink",) * count),
        eps=SHARED,
        measured=gap,
        limit=limit,
        order=order,
        constant=predict("kink_coefficient", 1, factors=factors, beta=scale, s=s, B=B),
        floor=np.full_like(gap, CLOSED_FORM_ERROR) + LIMIT_ROUND_OFF * (1 + np.abs(limit[:, None])),
        spacing=0.5,
    )


def kink_controls(measured: Measurements) -> list[Control]:
    """False variants of the law at the kink."""
    encoder_only, smooth = (
        kink_law("kink", measured, posterior=0.0),
        kink_law("kink", measured, encoder=0.0, posterior=0.0),
    )
    flipped = kink_law("kink", measured, encoder=-1.0, posterior=-1.0)
    return [
        Control("kink-rate", "the rate at the kink is eps, as elsewhere", kink_law("kink", measured, order=1.0)),
        Control("kink-no-term", "the kink leaves no term of order eps^(1/2)", smooth),
        Control("kink-encoder-only", "the kink's cost to the encoder alone", encoder_only),
        Control("kink-sign", "the kink's term with its sign flipped", flipped),
    ]


def laws(measured: Measurements) -> list[Law]:
    """One limit for all priors, the uniform prior in two parametrisations, and the rate at a kink of the prior."""
    batch = measure(measured)
    uniform = _uniform(batch)
    return [
        same_elbo("uniform prior: ELBO in y and in z", uniform),
        _same_likelihood(uniform),
        limit_law("uniform prior: contrast of f itself", [uniform], limit=_contrast_of(_in_latent("M"))),
        kink_law("Laplace prior at its kink", measured),
        limit_law("gap - contrast", [batch], limit=_contrast_of(lambda batch: metric(batch.derivatives["J"]))),
    ]


def _contrast_of(matrix: PerBatch) -> PerBatch:
    return predicted("general_contrast", M=matrix)


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batch = measure(measured)
    uniform = _uniform(batch)

    def slope(key: str, statement: str, rows: Batch, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [rows], slope=variant))

    normal = predicted("general_gap_slope", l1=lambda batch: -batch.point, l2=_minus_identity)
    curvature = {"likelihood_prior_curvature": 0.0, "elbo_prior_curvature": 0.0}
    no_curvature = predicted("general_gap_slope", factors=curvature)
    signs = flipped("general_gap_slope", batch)
    return [
        slope("normal-slope", "the slope of a standard normal prior for every prior", batch, normal),
        slope("flat-slope", "the slope does not depend on the prior", batch, without_prior("general_gap_slope")),
        slope("no-curvature", "the prior enters the slope by its gradient only", batch, no_curvature),
        slope("slope-sign", "a1 with its sign flipped", batch, predicted("general_gap_slope", factors=signs)),
        slope("reparametrised", "a1 is the same in z and in y", uniform, _gap_slope_in_latent),
        slope("normal-in-y", "a normal prior in y for the logistic one: a1", uniform, normal),
        Control(
            "normal-in-y-elbo",
            "a normal prior in y for the logistic one: the ELBO",
            same_elbo("ELBO", uniform, normal=True),
        ),
        Control("rate", "the gap converges at the rate 1/gamma", limit_law("gap", [batch], order=0.5)),
        *kink_controls(measured),
    ]


def _minus_identity(batch: Batch) -> np.ndarray:
    return np.broadcast_to(-np.eye(LATENT_DIM), batch.derivatives["l2"].shape)


CLAIM = Claim(
    id="priors",
    order=15,
    title="the prior does not enter the limit",
    statement="The limit of the gap is the contrast for every smooth prior, factorised and log-concave or not; the "
    "prior enters the slope. At a kink of a Laplace prior the rate is 1/gamma. A uniform prior with a logit-normal "
    "encoder is the logistic prior with the decoder after a sigmoid.",
    latex=r"\mathrm{gap} = c_{\mathrm{IMA}} + \varepsilon a_1(p_0) + O(\varepsilon^2);\quad "
    r"\text{kink: } \mathrm{gap} = c_{\mathrm{IMA}} + \sqrt{\varepsilon}\, \tfrac1b \sqrt{\tfrac2\pi} "
    r"\big(\sqrt{s_1} - \sqrt{(A^{-1})_{11}}\big) + O(\varepsilon)",
    source="new here (general-limit for any prior); the public code of Reizinger et al. 2022 "
    "(arXiv:2206.02416) for the logit-normal encoder",
    assumptions=(
        "the prior is bounded, and smooth near g (but for the law about the kink)",
        "the assumptions of elbo-limit about the decoder",
    ),
    derivation="priors",
    trained=(("priors-dimensions", "recovered"),),
    laws=laws,
    controls=controls,
)
