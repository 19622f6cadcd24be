"""rectangular: a decoder into more dimensions than latents, for data on its image and off it.

Random curved surfaces in R^4 with two latents; x = f(g) + nu with nu normal to the surface at g, zero for every other
instance and otherwise well below the focal radius. Off the surface the residual bends the metric: M = J'J - nu.H
takes the place of A = J'J, and log p carries |nu|^2 / (2 eps).
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.model import LatentModel
from ...numerics.priors import Choice
from ..batch import Batch
from ..batch_laws import PerBatch, convergence, flipped, limit_law, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import PRIORS, Measurements, each, once, shared_priors, stack
from ..potential import along_ladder, batch_of, metric, normal_vector

LATENT_DIM = 2
DISTANCES = (0.1, 0.22)
"""Lengths of nu: the focal radii of a drawn surface are above 0.4."""


def _measure(decoders: Any, priors: Any, points: Any, normals: Any, distances: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, index: Any, point: Any, normal: Any, distance: Any) -> dict[str, Any]:
        prior = Choice(shared_priors(LATENT_DIM)[:2], index)
        x = decoder(point) + normal_vector(jax.jacfwd(decoder)(point), normal, distance)

        def model_at(eps: Any) -> tuple[LatentModel, Any]:
            return LatentModel(decoder, LATENT_DIM, prior=prior, noise_var=eps), x

        return along_ladder(model_at, point, ladder, encoder=True) | {"distance": distance}

    return each(one)(decoders, priors, points, normals, distances)


@once
def measure(measured: Measurements) -> Batch:
    """Every other instance off the manifold."""
    rng, family, count = measured.rng("rectangular"), FAMILIES["surface"], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(count)])
    index = np.arange(count)
    distances = np.where(index % 2 == 0, rng.uniform(*DISTANCES, count), 0.0)
    normals = rng.standard_normal((count, LATENT_DIM + 2))
    # Priors alternate in pairs, so that each meets both kinds of data.
    priors = index // 2 % 2
    found = measured.programs.run(_measure, decoders, priors, points, normals, distances, SHARED)
    names = tuple("surface, off" if distance > 0 else "surface, on" for distance in distances)
    return batch_of(found, rng, points, names, [PRIORS[i] for i in priors], also=("distance",))


def _flat_metric(batch: Batch) -> np.ndarray:
    return metric(batch.derivatives["J"])


def _square_determinant(batch: Batch) -> np.ndarray:
    """The column norms of J, but the determinant of its first d rows."""
    square = batch.derivatives["J"][:, : batch.latent_dim]
    norms = predicted("general_contrast", factors={"posterior": 0.0}, M=_flat_metric)(batch)
    return norms + predicted("general_contrast", factors={"encoder": 0.0}, M=lambda _: metric(square))(batch)


def _other_side(batch: Batch) -> np.ndarray:
    """A + nu.H = 2 A - M."""
    return 2 * _flat_metric(batch) - batch.derivatives["M"]


def _likelihood_law(name: str, batch: Batch, *, of: PerBatch, residual: float = 1.0) -> ConvergenceLaw:
    """log p + (D - d)/2 log(2 pi eps) + |nu|^2/(2 eps) -> l0 - 1/2 log det M, with the slope L1."""
    l0 = batch.derivatives["l0"]
    along: dict[str, Any] = {"J": batch.derivatives["J"][:, None], "l0": l0[:, None], "eps": batch.eps}
    normaliser = batch.terms("likelihood_limit", **along)["normaliser"]
    squared = residual * batch.derivatives["distance"][:, None] ** 2 / (2 * batch.eps)
    shifted = batch.log_likelihood - normaliser + squared
    return convergence(
        name,
        [batch],
        measured=lambda _: shifted,
        floor=lambda _: batch.log_likelihood_error,
        limit=lambda _: l0 + predicted("general_contrast", factors={"encoder": 0.0}, M=of)(batch),
        constant=predicted("general_likelihood_slope"),
    )


def _bent_metric(batch: Batch) -> np.ndarray:
    return batch.derivatives["M"]


def laws(measured: Measurements) -> list[Law]:
    """The limit and slope of log p, and those of the gap, on the manifold and off it."""
    batch = measure(measured)
    return [_likelihood_law("log p", batch, of=_bent_metric), limit_law("gap - contrast of M", [batch])]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants, and what forgets the residual elsewhere."""
    batch = measure(measured)

    def limit(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], limit=variant))

    def slope(key: str, statement: str, **factors: float) -> Control:
        return Control(key, statement, limit_law("gap", [batch], slope=predicted("general_gap_slope", factors=factors)))

    no_quartic = {"elbo_quartic": 0.0, "likelihood_quartic": 0.0}
    return [
        limit("on-manifold-metric", "A = J'J for M off the manifold", predicted("general_contrast", M=_flat_metric)),
        limit("residual-sign", "M = A + nu.H", predicted("general_contrast", M=_other_side)),
        limit("square-determinant", "the determinant of the first d rows of J", _square_determinant),
        slope("slope-sign", "a1 with its sign flipped", **flipped("general_gap_slope", batch)),
        slope("slope-no-quartic", "a1 without fourth derivatives of the potential", **no_quartic),
        slope("slope-no-skewness", "a1 without V3 V3 in the likelihood", likelihood_skewness=0.0),
        Control("rate", "the gap converges at the rate 1/gamma", limit_law("gap", [batch], order=0.5)),
        Control(
            "likelihood-metric",
            "1/2 log det A for 1/2 log det M in log p",
            _likelihood_law("log p", batch, of=_flat_metric),
        ),
        Control(
            "likelihood-residual",
            "log p without |nu|^2/(2 eps)",
            _likelihood_law("log p", batch, of=_bent_metric, residual=0.0),
        ),
    ]


CLAIM = Claim(
    id="rectangular",
    order=11,
    title="more data than latent dimensions, on and off the manifold",
    statement="For a decoder into a larger space the gap tends to the contrast of its columns, and for data off its "
    "image to the same functional of the metric bent by the residual.",
    latex=r"\mathrm{gap} \to \tfrac12\Big[\sum_k \log M_{kk} - \log\det M\Big],\quad "
    r"M_{kl} = J_k \cdot J_l - \nu \cdot H_{kl},\quad \nu = x - f(g)",
    source="new here (general-limit for D > d)",
    assumptions=(
        "g is the unique nearest point, at a distance below the focal radius: M is positive definite",
        "f and log p0 are six and four times continuously differentiable near g",
    ),
    derivation="rectangular",
    laws=laws,
    controls=controls,
)
