"""The importance weights of an encoder, and how heavy their tail is.

With z ~ q an encoder at x and w = p(x, z) / q(z): the shape k of a generalised Pareto distribution fitted to the
largest weights (Vehtari et al., Pareto smoothed importance sampling, JMLR 25, 2024; the estimator is that of Zhang and
Stephens, Technometrics 51, 2009) and the effective sample size (sum w)^2 / (n sum w^2). For the best encoder the limit
is k = 1 - lambda_min(R) (claim `pareto-k`), R the correlation matrix of A + eps W^-2, W the prior's deviations, which
is exact for linear decoders.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.model import LatentModel

_CHUNK = 128
_PRIOR_WEIGHT, _PRIOR_SHAPE = 10.0, 0.5  # of the fit, as in the reference


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
    logs = np.asarray(_log_weights(model, x, jnp.asarray(encoder[0]), jnp.asarray(encoder[1]), normal))
    weights = np.exp(logs - np.max(logs))
    return pareto_shape(logs), float(np.sum(weights) ** 2 / (len(weights) * np.sum(weights**2)))


def pareto_shape(logs: Float[np.ndarray, " n"]) -> float:
    """The shape k fitted to the largest min(n / 5, 3 sqrt n) of the weights exp(logs)."""
    count = min(len(logs) // 5, int(np.ceil(3 * np.sqrt(len(logs)))))
    ordered = np.sort(logs)
    # Relative to the largest, so that nothing overflows; the shape does not depend on the scale.
    tail = np.exp(ordered[-count:] - ordered[-1]) - np.exp(ordered[-count - 1] - ordered[-1])
    return _generalised_pareto(tail)


def _generalised_pareto(excesses: Float[np.ndarray, " n"]) -> float:
    """Zhang and Stephens' estimate of the shape of sorted positive excesses, weakly drawn towards 1/2."""
    n = len(excesses)
    if n < 5 or excesses[-1] <= 0:
        return float("nan")
    grid = np.arange(1, 30 + int(np.sqrt(n)) + 1)
    quartile = excesses[int(n / 4 + 0.5) - 1]
    theta = 1 / excesses[-1] + (1 - np.sqrt((len(grid)) / (grid - 0.5))) / (3 * max(quartile, 1e-300))
    shapes = np.mean(np.log1p(-theta[:, None] * excesses), axis=1)
    likelihood = n * (np.log(-theta / shapes) - shapes - 1)
    share = 1 / np.sum(np.exp(likelihood - likelihood[:, None]), axis=1)
    theta_mean = np.sum(theta * share) / np.sum(share)
    shape = np.mean(np.log1p(-theta_mean * excesses))
    return float((n * shape + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (n + _PRIOR_WEIGHT))


def weight_limit(metric: Float[np.ndarray, "d d"]) -> float:
    """1 - lambda_min(R), R the correlation matrix of a metric."""
    scale = np.sqrt(np.diagonal(metric))
    return float(1 - np.linalg.eigvalsh(metric / np.outer(scale, scale))[0])
