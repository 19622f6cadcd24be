"""The ELBO of one observation as a Monte Carlo estimate, and its gradient's two variance reductions.

    ELBO(x) = E_q[ -|x - f(link(y))|^2 / (2 eps) + log p0(y) ] - (D/2) log(2 pi eps) + H(q),
    H(q) = sum_k log sigma_k + (d/2) log(2 pi e),   y = mean + sigma xi,  xi ~ N(0, I).

The entropy is exact, the expectation a mean over draws of xi. `antithetic` takes the draws in pairs +-xi: everything
odd in xi cancels, which is the leading term, of order 1/sqrt(eps), of the noise in the gradients of the decoder and of
the encoder's mean. `path` estimates the entropy's gradient along the sample path instead (Roeder, Wu and Duvenaud,
NeurIPS 2017), which leaves the encoder's gradient without noise where q is the posterior. Both leave the gradient's
mean alone.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..errors import RequestError
from .models import VAE

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
    mean, log_std = vae.encoder(x, log_noise_var)
    std = jnp.exp(log_std)

    def at(node: Array) -> tuple[Array, Array, Array]:
        y = mean + std * node
        residual = x - vae.decode(y)
        log_q = jnp.zeros((), x.dtype)
        if path:
            fixed_mean, fixed_std = jax.lax.stop_gradient((mean, std))
            log_q = -0.5 * jnp.sum(((y - fixed_mean) / fixed_std) ** 2)
        return jnp.sum(residual**2), vae.prior.log_prob(y), log_q

    squared, prior, log_q = jax.vmap(at)(xi)

    def expectation(values: Array) -> Array:
        return jnp.mean(values) if weights is None else weights @ values

    reconstruction = -0.5 * (expectation(squared) * jnp.exp(-log_noise_var) + x.size * (log_noise_var + _LOG_2PI))
    expected_prior = expectation(prior)
    entropy = jnp.sum(log_std) + 0.5 * log_std.size * (1 + _LOG_2PI)
    gradient_of = -expectation(log_q) if path else entropy
    # The value is the exact entropy on either route; only the gradient differs.
    entropy = gradient_of + jax.lax.stop_gradient(entropy - gradient_of)
    return Terms(reconstruction + expected_prior + entropy, reconstruction, expected_prior, entropy)


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
