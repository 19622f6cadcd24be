"""T12 for counts that are drawn: x ~ Poisson(N mean(z)), so that no latent has the mean x/N.

g_N is the maximiser of the likelihood of x/N; M_N, c_N and a1_N are the metric, contrast and slope of T12 there:
gap = c_N + a1_N / N + O(1/N^2), though g_N itself scatters by N^(-1/2) about z, and c_N with it: the contrast at z is
off by that much. x is the quantile of one normal draw w at every N, by Cornish and Fisher's expansion to order 1,

    x = round(N m + sqrt(N m) w + (w^2 - 1) / 6),    m = mean(z),

so that what belongs to the draw goes smoothly with N, except for the rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.families.registry import FAMILIES
from ...numerics.model import LatentModel
from ...numerics.newton import minimise, second_derivatives
from ...numerics.observations import Poisson
from ..formulas import evaluate, total
from ..laws import ConvergenceLaw
from ..measurements import LADDER, Batch, Measurements, measure_at, stack
from .from_batches import PerBatch, convergence
from .from_potential import batch_of, potential_derivatives

LATENT_DIM = 2
INSTANCES = 4
FEWEST = 2
"""1/N from 1e-2 down: with ten counts in all, the draw decides more than the law."""


def _measure(decoders: Any, points: Any, draws: Any, ladder: Any) -> dict[str, Any]:
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

        return jax.vmap(at)(ladder) | {"J": jax.jacfwd(decoder)(point), "fisher": fisher(point)}

    return jax.vmap(one)(decoders, points, draws)


@lru_cache(maxsize=4)
def measure(measured: Measurements) -> Batch:
    """Curved surfaces under Poisson noise."""
    rng, family = measured.rng("drawn-counts"), FAMILIES["surface"]
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(INSTANCES)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(INSTANCES)])
    draws = rng.standard_normal((INSTANCES, LATENT_DIM + 2))
    ladder = LADDER[FEWEST:]
    found = measured.programs.run(_measure, decoders, points, draws, ladder)
    names = ["surface, Poisson, drawn"] * INSTANCES
    kept = [name for name in found if name.endswith("at x")]
    return batch_of(found, rng, points, names, ("normal",) * INSTANCES, eps=ladder, also=["fisher", *kept])


def at_maximiser(name: str, **replaced: str) -> PerBatch:
    """A prediction at g_N, an instance and an N each; `replaced` names what takes an argument's place."""

    def value(batch: Batch) -> np.ndarray:
        arguments: dict[str, Any] = {}
        for key in ("M", "V3", "V4", "l1", "l2"):
            array = batch.derivatives[f"{replaced.get(key, key)} at x"]
            arguments[key] = array.reshape(-1, *array.shape[2:])
        return total(evaluate(name, batch.latent_dim, **arguments)).reshape(batch.gap.shape)

    return value


def contrast_at_source(batch: Batch) -> np.ndarray:
    """The contrast at z, from which the counts are drawn."""
    found = total(evaluate("general_contrast", batch.latent_dim, M=batch.derivatives["fisher"]))
    return np.broadcast_to(found[:, None], batch.gap.shape)


def drawn_law(name: str, batch: Batch, *, contrast: PerBatch | None = None) -> ConvergenceLaw:
    """gap - c_N - (a1_N - a1) / N = a1 / N + O(N^(-3/2)), unless another contrast is claimed.

    a1 is a1_N at the most counts. In powers of N^(-1/2), by which g_N scatters.
    """
    contrast, slope = contrast or at_maximiser("general_contrast"), at_maximiser("general_gap_slope")

    def last(batch: Batch) -> np.ndarray:
        return slope(batch)[:, -1]

    return convergence(
        name,
        [batch],
        measured=lambda batch: batch.gap - contrast(batch) - (slope(batch) - last(batch)[:, None]) * batch.eps,
        floor=lambda batch: batch.gap_error,
        constant=last,
        spacing=0.5,
    )
