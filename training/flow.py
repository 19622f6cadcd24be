"""An invertible decoder with exact log-determinant, and its exact log-likelihood as an objective for `loop.train`.

x = shift + scale F(y), F a chain of affine couplings: with the coordinates rolled by one place from layer to layer, the
first half a is kept and the rest becomes exp(s(a)) b + t(a), (s, t) an MLP of a, |s| < 2 (Dinh, Sohl-Dickstein and
Bengio, ICLR 2017). The push-forward density of y ~ prior is

    log p(x) = log p0(F^-1((x - shift) / scale)) + log |det dF^-1| - D log scale,

the log-likelihood of the deterministic model. The same class serves as the decoder of a VAE, so that maximum likelihood
and the ELBO are compared on one class.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .loss import Terms
from .models import DTYPE, MLP, VAE

_LARGEST = 2.0  # bound on |s|


class CouplingFlow(eqx.Module):
    """The flow F with standardisation; `__call__` maps y to x, `inverse` x to (y, log |det dy/dx|)."""

    conditioners: tuple[MLP, ...]
    shift: Array
    scale: Array

    def __init__(self, data: Float[np.ndarray, "n d"], rng: np.random.Generator, *, layers: int = 6, hidden: int = 32):
        size = data.shape[1]
        half = size // 2
        if half < 1:
            raise ValueError(f"data: expected at least two coordinates for a coupling, got {size}")
        self.conditioners = tuple(MLP((half, hidden, hidden, 2 * (size - half)), rng) for _ in range(layers))
        self.shift = jnp.asarray(data.mean(axis=0), DTYPE)
        self.scale = jnp.asarray(np.sqrt(data.var(axis=0).mean()), DTYPE)

    def __call__(self, y: Float[Array, "d"]) -> Float[Array, "d"]:
        """x of y."""
        half = y.shape[0] // 2
        for conditioner in self.conditioners:
            kept, moved = y[:half], y[half:]
            log_scale, shift = _parts(conditioner, kept)
            y = jnp.roll(jnp.concatenate([kept, jnp.exp(log_scale) * moved + shift]), 1)
        shift, scale = jax.lax.stop_gradient((self.shift, self.scale))
        return shift + scale * y

    def inverse(self, x: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
        """y of x, and log |det dy/dx|."""
        half = x.shape[0] // 2
        shift, scale = jax.lax.stop_gradient((self.shift, self.scale))
        y = (x - shift) / scale
        log_det = -x.shape[0] * jnp.log(scale)
        for conditioner in reversed(self.conditioners):
            y = jnp.roll(y, -1)
            kept, moved = y[:half], y[half:]
            log_scale, offset = _parts(conditioner, kept)
            y = jnp.concatenate([kept, (moved - offset) * jnp.exp(-log_scale)])
            log_det = log_det - jnp.sum(log_scale)
        return y, log_det


def _parts(conditioner: MLP, kept: Float[Array, "h"]) -> tuple[Array, Array]:
    raw, shift = jnp.split(conditioner(kept), 2)
    return _LARGEST * jnp.tanh(raw / _LARGEST), shift


def flow_log_likelihood(vae: VAE, x: Float[Array, "d"]) -> Float[Array, ""]:
    """log p(x) of the push-forward, for a VAE whose decoder is a `CouplingFlow` and whose link is the identity."""
    y, log_det = vae.decoder.inverse(x)  # type: ignore[attr-defined]
    return vae.prior.log_prob(y) + log_det


def likelihood_terms(
    vae: VAE, x: Float[Array, "B d"], log_noise_var: Float[Array, ""], nodes: Array, *, path: bool
) -> Terms:
    """The mean log-likelihood over a batch in the place of the ELBO: the objective of maximum likelihood."""
    value = jnp.mean(jax.vmap(lambda point: flow_log_likelihood(vae, point))(x))
    zero = jnp.zeros_like(value)
    return Terms(value, value, zero, zero)
