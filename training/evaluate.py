"""Measurements on a stack of trained runs at held-out points: one compiled program, then NumPy.

The ELBO of every run at every point uses the same nodes xi: a Gauss-Hermite rule up to d = 4, fixed antithetic normal
draws above. Differences between runs on the same data therefore carry no Monte Carlo error of the expectation, and
restarts can be compared; `select` keeps the one with the largest held-out ELBO.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..numerics.quadrature import gauss_hermite
from .loss import elbo_terms, marginal_std, moved
from .models import DTYPE, VAE

_NODES = {1: 20, 2: 9, 3: 5, 4: 4}  # Gauss-Hermite nodes a coordinate
_DRAWS = 256  # antithetic draws where a tensor rule is too large


class Evaluation(NamedTuple):
    """What R runs do at m held-out points.

    Encoder mean and std (in y), latents z = link(mean), a posterior sample of z, the latents
    of the decoded latents, the ELBO's mean over points and its values, the mean squared reconstruction error at z, and
    (at the first points) the decoder's Jacobians at z.
    """

    mean: Float[np.ndarray, "R m d"]
    std: Float[np.ndarray, "R m d"]
    latent: Float[np.ndarray, "R m d"]
    sample: Float[np.ndarray, "R m d"]
    round_trip: Float[np.ndarray, "R m d"]
    elbo: Float[np.ndarray, "R"]
    elbo_points: Float[np.ndarray, "R m"]
    reconstruction: Float[np.ndarray, "R"]
    jacobian: Float[np.ndarray, "R j D d"]


@lru_cache
def nodes(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (N, d) and weights (N,) for the expectation over N(0, I_d)."""
    if d in _NODES:
        rule = gauss_hermite(d, _NODES[d])
        return rule.nodes, rule.weights
    half = np.random.default_rng(0).standard_normal((_DRAWS // 2, d))
    return np.concatenate([half, -half]), np.full(_DRAWS, 1 / _DRAWS)


def evaluate(
    vaes: VAE,
    points: Float[Array | np.ndarray, "M m ..."],
    which: Sequence[int],
    log_noise_var: Float[Array, "R"],
    *,
    seed: int = 0,
    jacobians: int = 1000,
) -> Evaluation:
    """Evaluate runs at the held-out points of their data sets; `seed` draws the posterior sample."""
    found = _evaluate(
        vaes,
        jnp.asarray(points, DTYPE),
        jnp.asarray(which, jnp.int32),
        jnp.asarray(log_noise_var, DTYPE),
        jax.random.key(seed),
        min(jacobians, len(points[0])),
    )
    return Evaluation(*map(np.asarray, found))


@eqx.filter_jit
def _evaluate(
    vaes: VAE, points: Array, which: Int[Array, "R"], log_noise_var: Array, key: Array, jacobians: int
) -> tuple[Array, ...]:
    """The fields of `Evaluation`, in order."""
    arrays, static = eqx.partition(vaes, eqx.is_array)

    def of_run(run: tuple[VAE, Array, Array]) -> tuple[Array, ...]:
        leaves, row, log_eps = run
        vae = eqx.combine(leaves, static)
        data = points[row]
        mean, spread = jax.vmap(lambda x: vae.encoder(x, log_eps))(data)
        std = jax.vmap(marginal_std)(spread)
        xi, weights = (jnp.asarray(part, data.dtype) for part in nodes(mean.shape[1]))

        def at(x: Array) -> Array:
            return elbo_terms(vae, x, log_eps, xi, weights).elbo

        values = jax.lax.map(at, data, batch_size=min(200, len(data)))
        latent = jax.vmap(vae.link)(mean)
        noise = jax.random.normal(key, mean.shape, mean.dtype)
        sample = jax.vmap(lambda m, s, xi: vae.link(moved(m, s, xi)))(mean, spread, noise)
        decoded = jax.vmap(vae.decoder)(latent)
        residual = data - decoded
        again = jax.vmap(lambda x: vae.link(vae.encoder(x, log_eps)[0]))(decoded)
        jacobian = jax.lax.map(jax.jacfwd(vae.decoder), latent[:jacobians], batch_size=min(200, jacobians))
        error = jnp.sum(residual**2) / len(data)
        return mean, std, latent, sample, again, jnp.mean(values), values, error, jacobian

    return jax.lax.map(of_run, (arrays, which, log_noise_var))


def select(groups: Sequence[int] | np.ndarray, elbo: Float[np.ndarray, "R"]) -> np.ndarray:
    """A mask (R,): in each group, the run with the largest held-out ELBO."""
    labels = np.asarray(groups)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[np.argmax(elbo[rows])]] = True
    return chosen
