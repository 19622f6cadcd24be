"""The importance weights of an encoder, and how heavy their tail is.

With z ~ q an encoder at x and w = p(x, z) / q(z): the index k of the tail of the largest weights (`heavy_tails`;
Vehtari et al., Pareto smoothed importance sampling, JMLR 25, 2024) and the effective sample size (sum w)^2 / (n sum
w^2). For the best encoder the limit is k = 1 - lambda_min(R) (claim `pareto-k`), R the correlation matrix of A + eps
W^-2, W the prior's deviations, which is exact for linear decoders.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.heavy_tails import pareto_index
from ..numerics.model import LatentModel

_CHUNK = 128


@eqx.filter_jit
def _log_weights(
    model: LatentModel,
    x: Float[Array, " D"],
    mean: Float[Array, " d"],
    std: Float[Array, " d"],
    normal: Float[Array | np.ndarray, "n d"],
) -> Float[Array, " n"]:
    def at(xi: Array) -> Array:
        return model.exponent(mean + std * xi, x) + 0.5 * xi @ xi

    return jax.lax.map(at, jnp.asarray(normal), batch_size=_CHUNK)


def weights_of(
    model: LatentModel,
    x: Float[Array, " D"],
    encoder: tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]],
    normal: Float[np.ndarray, "n d"],
) -> tuple[float, float]:
    """Pareto k and effective share of the weights of N(mean, diag(std^2)), at the points mean + std normal."""
    logs = _log_weights(model, x, jnp.asarray(encoder[0]), jnp.asarray(encoder[1]), normal)
    weights = jnp.exp(logs - jnp.max(logs))
    share = jnp.sum(weights) ** 2 / (len(weights) * jnp.sum(weights**2))
    return float(pareto_index(weights)), float(share)


def weight_limit(metric: Float[np.ndarray, "d d"]) -> float:
    """1 - lambda_min(R), R the correlation matrix of a metric."""
    scale = np.sqrt(np.diagonal(metric))
    return float(1 - np.linalg.eigvalsh(metric / np.outer(scale, scale))[0])
