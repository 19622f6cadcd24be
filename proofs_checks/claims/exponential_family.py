"""exponential-family: counts x in place of Gaussian noise, N -> infinity in place of eps = 1/N -> 0.

Random curved surfaces as natural parameters f(z) in R^4 of Poisson and binomial observations, t = x/N fixed:
t = grad Psi(f(g)) + nu with J'nu = 0, so that g is the minimiser of V = -(t.f - sum Psi(f)) and
M = J'F J - nu.H, F = Psi''(f(g)) the Fisher information. Every other instance has nu = 0: x equals the model's mean.

Counts that are drawn, x ~ Poisson(N mean(z)): no latent has the mean x/N. g_N is the maximiser of the likelihood of
x/N; M_N, c_N and a1_N are metric, contrast and slope there: gap = c_N + a1_N / N + O(1/N^2), though g_N itself scatters
by N^(-1/2) about z, and c_N with it: the contrast at z is off by that much. x is the quantile of one normal draw w at
every N, by Cornish and Fisher's expansion to order 1,

    x = round(N m + sqrt(N m) w + (w^2 - 1) / 6),    m = mean(z),

so that what belongs to the draw goes smoothly with N, except for the rounding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.derivatives import decoder_derivatives
from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.model import LatentModel
from ...numerics.newton import minimise, second_derivatives
from ...numerics.observations import ExponentialFamily, Poisson
from ..batch import Batch
from ..batch_laws import PerBatch, convergence, flipped, limit_law, predicted, without_prior
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import Measurements, each, measure_at, once, stack
from ..potential import along_ladder, batch_of, metric, normal_vector, potential_derivatives

LATENT_DIM = 2
OBSERVATIONS = ("Poisson", "binomial")
RESIDUALS = np.array([[0.08, 0.16], [0.015, 0.03]])
"""Lengths of nu: below the focal radius in the metric of F, which is a quarter at most for binomial observations."""

DRAWN = 4
FEWEST = 2
"""1/N of drawn counts from 1e-2 down: with ten counts in all, the draw decides more than the law."""


class Counts(ExponentialFamily):
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

    return each(one)(decoders, binomial, points, normals, lengths)


@once
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
    found = measured.programs.run(_measure, decoders, binomial, points, normals, lengths, SHARED)
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
    return batch.predict("gap_slope", **scaled)


def _measure_drawn(decoders: Any, points: Any, draws: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, point: Any, draw: Any) -> dict[str, Any]:
        def fisher(z: Any) -> Any:
            columns = jax.jacfwd(decoder)(z)
            return columns.T @ (jnp.exp(decoder(z))[:, None] * columns)

        def at(eps: Any) -> dict[str, Any]:
            model = LatentModel(decoder, LATENT_DIM, observation=Poisson(1 / eps))
            expected = jnp.exp(decoder(point)) / eps
            x = jnp.maximum(jnp.round(expected + jnp.sqrt(expected) * draw + (draw**2 - 1) / 6), 0.0)
            maximiser = minimise(second_derivatives(lambda z: model.potential(z, x)), point).point
            derivatives = potential_derivatives(model, x, maximiser) | {"fisher": fisher(maximiser)}
            return measure_at(model, x, maximiser, encoder=False) | {f"{k} at x": v for k, v in derivatives.items()}

        return each(at)(ladder) | {"J": jax.jacfwd(decoder)(point), "fisher": fisher(point)}

    return each(one)(decoders, points, draws)


@once
def _drawn(measured: Measurements) -> Batch:
    """Curved surfaces under Poisson noise."""
    rng, family = measured.rng("drawn-counts"), FAMILIES["surface"]
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(DRAWN)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(DRAWN)])
    draws = rng.standard_normal((DRAWN, LATENT_DIM + 2))
    ladder = SHARED[FEWEST:]
    found = measured.programs.run(_measure_drawn, decoders, points, draws, ladder)
    names = ["surface, Poisson, drawn"] * DRAWN
    kept = [name for name in found if name.endswith("at x")]
    return batch_of(found, rng, points, names, ("normal",) * DRAWN, eps=ladder, also=["fisher", *kept])


def _at_maximiser(name: str, **replaced: str) -> PerBatch:
    """A prediction at g_N, an instance and an N each; `replaced` names what takes an argument's place."""
    places = {key: f"{replaced.get(key, key)} at x" for key in ("M", "V3", "V4", "l1", "l2")}
    arguments: dict[str, Any] = {
        key: lambda batch, place=place: batch.derivatives[place] for key, place in places.items()
    }
    return predicted(name, **arguments)


def _contrast_at_source(batch: Batch) -> np.ndarray:
    """The contrast at z, from which the counts are drawn."""
    found = batch.predict("general_contrast", M=batch.derivatives["fisher"])
    return np.broadcast_to(found[:, None], batch.gap.shape)


def _drawn_law(name: str, batch: Batch, *, contrast: PerBatch | None = None) -> ConvergenceLaw:
    """gap - c_N - (a1_N - a1) / N = a1 / N + O(N^-2), unless another contrast is claimed.

    a1 is a1_N at the most counts. g_N scatters by N^(-1/2), but c_N and a1_N are those at g_N itself, so that what is
    left begins with a2_N / N^2, where a2_N goes in powers of N^(-1/2), as all does with another contrast.
    """
    first = 1.0 if contrast is None else None
    contrast, slope = contrast or _at_maximiser("general_contrast"), _at_maximiser("general_gap_slope")

    def last(batch: Batch) -> np.ndarray:
        return slope(batch)[:, -1]

    law = convergence(
        name,
        [batch],
        measured=lambda batch: batch.gap - contrast(batch) - (slope(batch) - last(batch)[:, None]) * batch.eps,
        floor=lambda batch: batch.gap_error,
        constant=last,
        spacing=0.5,
    )
    return replace(law, first=first)


def laws(measured: Measurements) -> list[Law]:
    """The gap's limit and slope, for counts that are drawn as well; where x is the mean, the contrast is J'F J's."""
    batch = measure(measured)
    attained = batch.take([i for i, name in enumerate(batch.instances.family) if name.endswith("on")])
    return [
        limit_law("x = mean: gap - contrast of J'F J", [attained], limit=_contrast_of(_in_information(1.0))),
        _drawn_law("x drawn: gap - contrast at the maximiser", _drawn(measured)),
        limit_law("gap - contrast of M", [batch]),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batch = measure(measured)

    def limit(key: str, statement: str, matrix: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], limit=_contrast_of(matrix)))

    def slope(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], slope=variant))

    def drawn(key: str, statement: str, contrast: PerBatch) -> Control:
        return Control(key, statement, _drawn_law("gap", _drawn(measured), contrast=contrast))

    of_mean = _at_maximiser("general_contrast", M="fisher")
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
            _contrast_at_source,
        ),
        drawn("drawn-no-residual", "x drawn: J'F J at the maximiser, as if its mean were x", of_mean),
        Control("rate", "the gap converges at the rate N^(-1/2)", limit_law("gap", [batch], order=0.5)),
    ]


CLAIM = Claim(
    id="exponential-family",
    order=13,
    title="counts instead of Gaussian noise",
    statement="For exponential-family observations with natural parameter f(z) the gap tends, as the number of trials "
    "grows, to the contrast in the metric of their Fisher information, at the rate 1/N.",
    latex=r"\mathrm{gap} \to \tfrac12\Big[\sum_k \log M_{kk} - \log\det M\Big],\quad M = J^\top F J - \nu \cdot H,"
    r"\quad F = \Psi''(f(g)),\quad \nu = x/N - \nabla\Psi(f(g))",
    source="new here (general-limit for exponential families)",
    assumptions=(
        "g is the unique maximiser of the likelihood, with M positive definite",
        "x/N is fixed as N grows (x need not be an integer: the base measure cancels), or drawn at each N: then "
        "g is the maximiser for the counts drawn",
    ),
    derivation="exponential-family",
    laws=laws,
    controls=controls,
)
