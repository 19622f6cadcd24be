"""T12 exponential-family: counts x in place of Gaussian noise, N -> infinity in place of eps = 1/N -> 0.

Random curved surfaces as natural parameters f(z) in R^4 of Poisson and binomial observations, t = x/N fixed:
t = grad Psi(f(g)) + nu with J'nu = 0, so that g is the minimiser of V = -(t.f - sum Psi(f)) and
M = J'F J - nu.H, F = Psi''(f(g)) the Fisher information. Every other instance has nu = 0: x equals the model's mean.
Counts that are drawn are `drawn_counts`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.derivatives import decoder_derivatives
from ...numerics.families.registry import FAMILIES
from ...numerics.model import LatentModel
from ...numerics.observations import Observation
from ..claim import Claim, Control
from ..laws import Law
from ..measurements import LADDER, Batch, Measurements, stack
from . import drawn_counts
from .from_batches import PerBatch
from .from_potential import along_ladder, batch_of, flipped, limit_law, metric, normal_vector, predicted, without_prior

LATENT_DIM = 2
OBSERVATIONS = ("Poisson", "binomial")
RESIDUALS = np.array([[0.08, 0.16], [0.015, 0.03]])
"""Lengths of nu: below the focal radius in the metric of F, which is a quarter at most for binomial observations."""


class Counts(Observation):
    """Poisson or binomial observations by a traced choice, without their base measure: it cancels from the gap."""

    n: Any
    binomial: Any

    def log_partition(self, eta: Any) -> Any:
        """exp(eta), or log(1 + exp eta)."""
        return jnp.where(self.binomial, jnp.logaddexp(0.0, eta), jnp.exp(eta))

    def log_base(self, x: Any) -> Any:
        """Zero."""
        return jnp.zeros(())


def _measure(decoders: Any, binomial: Any, points: Any, normals: Any, lengths: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, choice: Any, point: Any, normal: Any, length: Any) -> dict[str, Any]:
        _, J, H, T = decoder_derivatives(decoder, point, 3)
        single = Counts(jnp.ones(()), choice)
        t = single.mean(decoder(point)) + normal_vector(J, normal, length)

        def model_at(eps: Any) -> tuple[LatentModel, Any]:
            return LatentModel(decoder, LATENT_DIM, observation=Counts(1 / eps, choice)), t / eps

        # Psi acts entry by entry, so the Hessian's rows sum to its diagonal.
        information = jax.jvp(single.mean, (decoder(point),), (jnp.ones_like(t),))[1]
        return along_ladder(model_at, point, ladder, encoder=True) | {"H": H, "T": T, "F": information}

    return jax.vmap(one)(decoders, binomial, points, normals, lengths)


@lru_cache(maxsize=4)
def measure(measured: Measurements) -> Batch:
    """Both kinds of observation, each on the manifold and off it."""
    rng, family, count = measured.rng("exponential-family"), FAMILIES["surface"], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(count)])
    index = np.arange(count)
    # Poisson twice as often: the information of binomial observations is nearly isotropic where f is small.
    binomial = index % 3 == 2
    low, high = RESIDUALS[binomial.astype(int)].T
    lengths = rng.uniform(low, high) * (index % 2 == 0)
    normals = rng.standard_normal((count, LATENT_DIM + 2))
    found = measured.programs.run(_measure, decoders, binomial, points, normals, lengths, LADDER)
    names = [
        f"surface, {OBSERVATIONS[int(b)]}, {'off' if nu else 'on'}" for b, nu in zip(binomial, lengths, strict=True)
    ]
    return batch_of(found, rng, points, names, ("normal",) * count, also=("H", "T", "F"))


def _in_information(power: float) -> PerBatch:
    """J' F^power J."""

    def value(batch: Batch) -> np.ndarray:
        return metric(batch.derivatives["F"][:, :, None] ** (power / 2) * batch.derivatives["J"])

    return value


def _contrast_of(matrix: PerBatch) -> PerBatch:
    return predicted("general_contrast", M=matrix)


def _residual_sign(batch: Batch) -> np.ndarray:
    """J'F J + nu.H."""
    return 2 * _in_information(1.0)(batch) - batch.derivatives["M"]


def _gaussian_slope(batch: Batch) -> np.ndarray:
    """a1 of Gaussian noise with the constant covariance F^-1 eps."""
    scaled = {}
    for name in ("J", "H", "T"):
        array = batch.derivatives[name]
        scaled[name] = np.sqrt(batch.derivatives["F"]).reshape(*array.shape[:2], *[1] * (array.ndim - 2)) * array
    return batch.predict_with("gap_slope", **scaled)


def laws(measured: Measurements) -> list[Law]:
    """The gap's limit and slope, for counts that are drawn as well; where x is the mean, the contrast is J'F J's."""
    batch = measure(measured)
    attained = batch.take([i for i, name in enumerate(batch.instances.family) if name.endswith("on")])
    return [
        limit_law("x = mean: gap - contrast of J'F J", [attained], limit=_contrast_of(_in_information(1.0))),
        drawn_counts.drawn_law("x drawn: gap - contrast at the maximiser", drawn_counts.measure(measured)),
        limit_law("gap - contrast of M", [batch]),
    ]


def controls(measured: Measurements) -> list[Control]:
    """The FALSE list of T12."""
    batch = measure(measured)

    def limit(key: str, statement: str, matrix: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], limit=_contrast_of(matrix)))

    def slope(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], slope=variant))

    def drawn(key: str, statement: str, contrast: PerBatch) -> Control:
        return Control(key, statement, drawn_counts.drawn_law("gap", drawn_counts.measure(measured), contrast=contrast))

    of_mean = drawn_counts.at_maximiser("general_contrast", M="fisher")
    signs = flipped("general_gap_slope", batch)
    return [
        limit("no-information", "J'J: the observations' information does not matter", _in_information(0.0)),
        limit("inverse-information", "J'F^-1 J for J'F J", _in_information(-1.0)),
        limit("half-power", "J'F^(1/2) J for J'F J", _in_information(0.5)),
        limit("mean-parameter", "K'F K with K = F J the derivative of the mean", _in_information(3.0)),
        limit("no-residual", "J'F J also where no latent has the mean x", _in_information(1.0)),
        limit("residual-sign", "J'F J + nu.H off the manifold", _residual_sign),
        slope("gaussian-slope", "the slope of Gaussian noise with the same information", _gaussian_slope),
        slope("slope-sign", "a1 with its sign flipped", predicted("general_gap_slope", factors=signs)),
        slope("slope-no-prior", "a1 does not depend on the prior", without_prior("general_gap_slope")),
        drawn(
            "drawn-at-source",
            "x drawn: the contrast at the z drawn from, at the rate 1/N",
            drawn_counts.contrast_at_source,
        ),
        drawn("drawn-no-residual", "x drawn: J'F J at the maximiser, as if its mean were x", of_mean),
        Control("rate", "the gap converges at the rate N^(-1/2)", limit_law("gap", [batch], order=0.5)),
    ]


CLAIM = Claim(
    id="exponential-family",
    title="counts instead of Gaussian noise",
    statement="For exponential-family observations with natural parameter f(z) the gap tends, as the number of trials "
    "grows, to the contrast in the metric of their Fisher information, at the rate 1/N.",
    latex=r"\mathrm{gap} \to \tfrac12\Big[\sum_k \log M_{kk} - \log\det M\Big],\quad M = J^\top F J - \nu \cdot H,"
    r"\quad F = \Psi''(f(g)),\quad \nu = x/N - \nabla\Psi(f(g))",
    source="T12 (T0 for exponential families)",
    assumptions=(
        "g is the unique maximiser of the likelihood, with M positive definite",
        "x/N is fixed as N grows (x need not be an integer: the base measure cancels), or drawn at each N: then "
        "g is the maximiser for the counts drawn",
    ),
    derivation="exponential-family",
    laws=laws,
    controls=controls,
)
