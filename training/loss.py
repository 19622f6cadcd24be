"""The ELBO of one observation as a Monte Carlo estimate, and its gradient's two variance reductions.

    ELBO(x) = E_q[ -|x - f(link(y))|^2 / (2 eps) + log p0(y) ] - (D/2) log(2 pi eps) + H(q),
    H(q) = sum_k log sigma_k + (d/2) log(2 pi e),   y = mean + sigma xi,  xi ~ N(0, I).

The entropy is exact, the expectation a mean over draws of xi. `antithetic` takes the draws in pairs +-xi: everything
odd in xi cancels, which is the leading term, of order 1/sqrt(eps), of the noise in the gradients of the decoder and of
the encoder's mean. `path` estimates the entropy's gradient along the sample path instead (Roeder, Wu and Duvenaud,
NeurIPS 2017), which leaves the encoder's gradient without noise where q is the posterior. Both leave the gradient's
mean alone.

The second output of an encoder is its *spread*: log sigma (d,) of a factorised q, or (d, d) of one with a full
covariance L L', whose lower triangle holds L with the logarithms of its diagonal; then y = mean + L xi.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..errors import RequestError
from .models import VAE, constant

_LOG_2PI = float(np.log(2 * np.pi))


class Terms(NamedTuple):
    """The ELBO and its three parts: reconstruction (with the normaliser of the noise), log-prior and entropy."""

    elbo: Float[Array, "..."]
    reconstruction: Float[Array, "..."]
    prior: Float[Array, "..."]
    entropy: Float[Array, "..."]


def elbo_terms(
    vae: VAE,
    x: Array,
    log_noise_var: Float[Array, ""],
    xi: Float[Array, "K d"],
    weights: Float[Array, "K"] | None = None,
    *,
    path: bool = False,
) -> Terms:
    """The terms at one observation x, with the nodes xi (K, d): equal weights, or those of a quadrature rule."""
    mean, spread = vae.encoder(x, log_noise_var)
    log_prior = constant(vae.prior).log_prob  # location and scale are leaves, but are not learnt

    def at(node: Array) -> tuple[Array, Array, Array]:
        y = moved(mean, spread, node)
        residual = x - vae.decode(y)
        log_q = jnp.zeros((), x.dtype)
        if path:
            log_q = -0.5 * jnp.sum(_standardised(y, *jax.lax.stop_gradient((mean, spread))) ** 2)
        return jnp.sum(residual**2), log_prior(y), log_q

    squared, prior, log_q = jax.vmap(at)(xi)

    def expectation(values: Array) -> Array:
        return jnp.mean(values) if weights is None else weights @ values

    reconstruction = -0.5 * (expectation(squared) * jnp.exp(-log_noise_var) + x.size * (log_noise_var + _LOG_2PI))
    expected_prior = expectation(prior)
    entropy = jnp.sum(spread if spread.ndim == 1 else spread.diagonal()) + 0.5 * mean.size * (1 + _LOG_2PI)
    gradient_of = -expectation(log_q) if path else entropy
    # The value is the exact entropy on either route; only the gradient differs.
    entropy = gradient_of + jax.lax.stop_gradient(entropy - gradient_of)
    return Terms(reconstruction + expected_prior + entropy, reconstruction, expected_prior, entropy)


def factor(spread: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The lower triangular L of a full covariance L L' from its spread."""
    return jnp.tril(spread, -1) + jnp.diag(jnp.exp(spread.diagonal()))


def moved(mean: Float[Array, "d"], spread: Float[Array, "d *d"], node: Float[Array, "d"]) -> Float[Array, "d"]:
    """The latent mean + sigma xi, or mean + L xi, of the node xi."""
    return mean + (jnp.exp(spread) * node if spread.ndim == 1 else factor(spread) @ node)


def marginal_std(spread: Float[Array, "d *d"]) -> Float[Array, "d"]:
    """The standard deviation of each latent."""
    return jnp.exp(spread) if spread.ndim == 1 else jnp.linalg.norm(factor(spread), axis=1)


def _standardised(y: Array, mean: Array, spread: Array) -> Array:
    """The node xi of the latent y."""
    if spread.ndim == 1:
        return (y - mean) / jnp.exp(spread)
    return jax.scipy.linalg.solve_triangular(factor(spread), y - mean, lower=True)


def draw_nodes(key: PRNGKeyArray, shape: tuple[int, ...], antithetic: bool, dtype: Any) -> Float[Array, "*n K d"]:
    """Standard normal nodes of shape (..., K, d), in pairs +-xi along K where `antithetic` (K even)."""
    if not antithetic:
        return jax.random.normal(key, shape, dtype)
    if shape[-2] % 2:
        raise RequestError(f"antithetic draws come in pairs: expected an even number, got {shape[-2]}")
    half = jax.random.normal(key, (*shape[:-2], shape[-2] // 2, shape[-1]), dtype)
    return jnp.concatenate([half, -half], axis=-2)


def batch_terms(
    vae: VAE, x: Float[Array, "B ..."], log_noise_var: Float[Array, ""], nodes: Float[Array, "B K d"], *, path: bool
) -> Terms:
    """Means of the terms over a batch."""
    terms = jax.vmap(lambda point, xi: elbo_terms(vae, point, log_noise_var, xi, path=path))(x, nodes)
    return jax.tree.map(jnp.mean, terms)
