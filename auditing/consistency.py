"""Self-consistency of the encoder: against the best one at the same point, and against the decoder it should invert.

The theory says of the best mean-field encoder: its mean is the preimage up to O(eps) (claim `encoder-mean`), its
variance eps s_k up to O(eps^2) (`encoder-variance`). Per latent: the distance of the given mean from the best one in
best standard deviations (root mean square), the ratios of standard deviations (geometric mean), the mean KL divergence
to an N(0, 1) prior (posterior collapse: near 0). Per point: the distance of f(mean) from x in units of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.model import LatentModel
from .account import Account
from .fit import residuals
from .inputs.encoder import Encodings


@dataclass(frozen=True)
class Consistency:
    """Per latent (d,); reconstruction: root mean square of |f(mean) - x| in noise deviations, 1 for exact noise.

    mean_offset, std_ratio compare the given encoder with the best; best_offset, formula_ratio the best with the
    preimage and with sqrt(eps s_k).
    """

    mean_offset: Float[np.ndarray, " d"]
    std_ratio: Float[np.ndarray, " d"]
    best_offset: Float[np.ndarray, " d"]
    formula_ratio: Float[np.ndarray, " d"]
    divergence: Float[np.ndarray, " d"]
    reconstruction: float


def consistency(
    model: LatentModel, account: Account, data: Float[np.ndarray, "n D"], encodings: Encodings
) -> Consistency | None:
    """Compare at the account's points; data and encodings are those of the account, by index. None without entries."""
    entries = account.entries
    if not entries:
        return None
    mean, std, best_mean, best_std, preimage, formula = (
        np.array([getattr(entry, name) for entry in entries])
        for name in ("encoder_mean", "encoder_std", "mean", "std", "preimage", "formula_std")
    )
    found = jax.vmap(lambda z, x: residuals(model, z, x))(jnp.asarray(encodings.mean), jnp.asarray(data))
    return Consistency(
        mean_offset=_root_mean_square((mean - best_mean) / best_std),
        std_ratio=_geometric_mean(std / best_std),
        best_offset=_root_mean_square((best_mean - preimage) / best_std),
        formula_ratio=_geometric_mean(best_std / formula),
        divergence=np.mean(0.5 * (mean**2 + std**2 - 1) - np.log(std), axis=0),
        reconstruction=float(np.sqrt(np.sum(found.squares) / np.sum(found.variances))),
    )


def _root_mean_square(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(values**2, axis=0))


def _geometric_mean(values: np.ndarray) -> np.ndarray:
    return np.exp(np.mean(np.log(values), axis=0))
