"""The exact identities of an optimal mean-field encoder, and the errors of mean and variance that they bound.

For q = N(mu, diag(sigma^2)) Bonnet's and Price's theorems give the derivatives of the ELBO without any asymptotics:
    d ELBO / d mu_k       = E_q[ d_k log p(x, z) ]                       = 0 at an optimum,
    d ELBO / d sigma_k^2  = 1/2 ( E_q[ d_kk log p(x, z) ] + 1/sigma_k^2 )  = 0 at an optimum,
so that 1/sigma_k^2 = -E_q[ d_kk log p ] at any stationary point, at every noise variance (claim `encoder-variance`).
Evaluated with a finer rule than the search used, what is left of them bounds the errors of search and quadrature.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from .model import LatentModel
from .modes import relative_rounding
from .newton import second_derivatives
from .precision import EPS64, require_float64
from .quadrature import gauss_hermite

# Finer than what the search used; its error is of order eps^n, n nodes in each coordinate.
_NODES = {1: 56, 2: 24, 3: 15, 4: 8, 5: 6, 6: 5, 7: 4, 8: 4}


class Stationarity(NamedTuple):
    """E_q[grad log p] (d,), -E_q[d_kk log p] (d,), and the errors of mean and variance (d,) that they leave."""

    force: Float[Array, " d"]
    precision: Float[Array, " d"]
    mean_error: Float[Array, " d"]
    variance_error: Float[Array, " d"]


def stationarity(
    model: LatentModel, x: Float[Array | np.ndarray, " D"], mean: ArrayLike, std: ArrayLike
) -> Stationarity:
    """How far N(mean, diag(std^2)) is from a stationary point of the ELBO at x; mean and std (d,), d <= 8.

    mean_error: the Newton step that is left; variance_error: abs(sigma_k^2 - 1/precision_k); each with its round-off
    and with what the other errors do to it.
    """
    require_float64("stationarity")
    d = model.latent_dim
    mean, std = model.check_latent(mean, "mean"), model.check_latent(std, "std")
    rule = gauss_hermite(d, _NODES[d])
    derivatives = second_derivatives(lambda z: model.exponent(z, x))
    _, gradients, hessians = jax.vmap(lambda xi: derivatives(mean + std * xi))(jnp.asarray(rule.nodes))
    force = jnp.asarray(rule.weights) @ gradients
    hessian = jnp.einsum("n,nab->ab", rule.weights, hessians)
    precision = -jnp.diagonal(hessian)
    rounding = relative_rounding(model, x)
    shift = jnp.abs(jnp.linalg.solve(hessian, force)) + std * rounding + 4 * EPS64 * jnp.abs(mean)
    spread = jnp.abs(std**2 - 1 / precision) + 32 * EPS64 * std**2
    # Each error moves the conditions for the others, through E_q[d_a d_kk log p] and E_q[d_kk d_ll log p] (Stein).
    third = jnp.einsum("n,nak,nk->ak", rule.weights, hessians, rule.nodes) / std[None, :]
    fourth = jnp.einsum("n,nkk,nl->kl", rule.weights, hessians, rule.nodes**2 - 1) / std[None, :] ** 2
    weight = 1 / precision[:, None] ** 2
    upper = jnp.concatenate([jnp.zeros((d, d)), 0.5 * jnp.linalg.solve(hessian, third)], axis=1)
    lower = jnp.concatenate([weight * third.T, 0.5 * weight * fourth], axis=1)
    alone = jnp.concatenate([shift, spread])
    together = jnp.linalg.solve(jnp.eye(2 * d) - jnp.abs(jnp.concatenate([upper, lower])), alone)
    mean_error, variance_error = jnp.split(jnp.where(together >= alone, together, jnp.inf), 2)
    return Stationarity(force, precision, mean_error, variance_error)
