"""The columns that every experiment with learnt decoders records for a run, from one `Evaluation`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..evaluate import Evaluation
from ..metrics import batched_mcc, contrasts, mcc, mean_amari
from ..mixings import Mixed
from .runs import Rows, plain

_ACTIVE = 0.05  # a latent is active if its posterior mean varies by more than this share of the prior's variance


def learnt_rows(found: Evaluation, mixed: Sequence[Mixed], prior_var: float) -> Rows:
    """One row of plain numbers for each run; `mixed[r]` is what run r was trained on.

    self_consistency is the root mean square of z(f(z)) - z over the encoded points z, in units of the prior's
    deviation: how far the encoder is from inverting its decoder. mcc_shuffled is the MCC with the sources in another
    order, which is what chance gives. active counts the latents that carry information: none where the posterior has
    collapsed.
    """
    rows: Rows = []
    for r, data in enumerate(mixed):
        latent, jacobian = found.latent[r], np.asarray(found.jacobian[r], float)
        sources = data.sources[: len(latent)]
        true = np.asarray(_jacobians(data.mixing, jnp.asarray(sources[: len(jacobian)], float)))
        each = contrasts(jacobian)
        row: dict[str, Any] = {
            "elbo": found.elbo[r],
            "mcc_mean": mcc(sources, latent),
            "mcc_sample": mcc(sources, found.sample[r]),
            "mcc_mean_spearman": mcc(sources, latent, rank=True),
            "mcc_sample_batches_of_64": batched_mcc(sources, found.sample[r]),
            "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), latent),
            "contrast_point": each.point,
            "contrast_point_95": each.point_95,
            "contrast_mean_jacobian": each.mean_jacobian,
            "mixing_contrast_mean_jacobian": contrasts(true).mean_jacobian,
            "amari": mean_amari(true, jacobian),
            "self_consistency": np.sqrt(np.mean((found.round_trip[r] - latent) ** 2) / prior_var),
            "reconstruction": found.reconstruction[r],
        }
        active = int(np.sum(latent.var(axis=0) > _ACTIVE * prior_var))
        rows.append({key: plain(value) for key, value in row.items()} | {"active": active})
    return rows


@jax.jit
def _jacobians(mixing: Any, points: jax.Array) -> jax.Array:
    return jax.lax.map(jax.jacfwd(mixing), points, batch_size=min(200, len(points)))
