"""An invertible decoder that can be remixed without changing its likelihood, and the two objectives for it.

x = f(a(w)). f is a chain of affine couplings: each keeps the first coordinates k, makes of the others m the values
exp(s(k)) m + t(k), (s, t) an MLP of k with |s| < 2, and applies a fixed rotation drawn at random (Dinh, Sohl-Dickstein
and Bengio, ICLR 2017). a preserves the prior p0, whatever its learnt rotation R (Hyvarinen and Pajunen, 1999):

    a(w) = N^-1(R N(w)),   N the map of each coordinate of the prior to the standard normal law,
    R = (I - S)^-1 (I + S) R0,   S skew and learnt (Cayley), R0 random.

The push-forward density of w ~ p0 is therefore that of f alone,

    log p(x) = log p0(f^-1(x)) + log |det df^-1|,

the same for every R: with each decoder the class has all its rotated ones, and the likelihood cannot tell them apart.
The ELBO can. The VAE has the mean f^-1 of x mapped by a^-1, the decoder's inverse, and learns only the variances:
both methods train the same decoder from the same start, and an encoder's own errors play no part.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.families.draws import orthogonal
from .loss import Terms, batch_terms
from .models import DTYPE, MLP, VAE
from .smooth_uniform import SmoothUniform

_LARGEST = 2.0  # bound on |s|
_START = 0.1  # factor on the conditioners' last weights, so that training starts near a linear map


class CouplingFlow(eqx.Module):
    """The flow f with standardisation; `__call__` maps y to x, `inverse` x to (y, log |det dy/dx|)."""

    conditioners: tuple[MLP, ...]
    rotations: Array
    shift: Array
    scale: Array

    def __init__(
        self,
        data: Float[np.ndarray, "n d"],
        rng: np.random.Generator,
        *,
        layers: int = 8,
        hidden: int = 32,
        latent_std: float = 1.0,
    ):
        size = data.shape[1]
        moved = size // 2
        if moved < 1:
            raise RequestError(f"data: expected at least two coordinates for a coupling, got {size}")
        drawn = [MLP((size - moved, hidden, hidden, 2 * moved), rng) for _ in range(layers)]
        self.conditioners = tuple(eqx.tree_at(lambda net: net.weights[-1], net, replace_fn=_smaller) for net in drawn)
        self.rotations = jnp.asarray(np.stack([orthogonal(rng, size) for _ in range(layers)]), DTYPE)
        self.shift = jnp.asarray(data.mean(axis=0), DTYPE)
        self.scale = jnp.asarray(np.sqrt(data.var(axis=0).mean()) / latent_std, DTYPE)

    def __call__(self, y: Float[Array, "d"]) -> Float[Array, "d"]:
        """x of y, whose prior is centred at 1/2."""
        rotations, shift, scale = jax.lax.stop_gradient((self.rotations, self.shift, self.scale))
        y = y - 0.5
        kept = y.shape[0] - y.shape[0] // 2
        for conditioner, rotation in zip(self.conditioners, rotations, strict=True):
            log_scale, offset = _parts(conditioner, y[:kept])
            y = rotation @ jnp.concatenate([y[:kept], jnp.exp(log_scale) * y[kept:] + offset])
        return shift + scale * y

    def inverse(self, x: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
        """y of x, and log |det dy/dx|."""
        rotations, shift, scale = jax.lax.stop_gradient((self.rotations, self.shift, self.scale))
        kept = x.shape[0] - x.shape[0] // 2
        y = (x - shift) / scale
        log_det = -x.shape[0] * jnp.log(scale)
        for conditioner, rotation in reversed(list(zip(self.conditioners, rotations, strict=True))):
            y = rotation.T @ y
            log_scale, offset = _parts(conditioner, y[:kept])
            y = jnp.concatenate([y[:kept], (y[kept:] - offset) * jnp.exp(-log_scale)])
            log_det = log_det - jnp.sum(log_scale)
        return y + 0.5, log_det


class RemixedFlow(eqx.Module):
    """The decoder f o a of this module's docstring, with the inverse w of x."""

    flow: CouplingFlow
    prior: SmoothUniform
    skew: Array
    start: Array

    def __init__(self, flow: CouplingFlow, prior: SmoothUniform, rng: np.random.Generator):
        size = flow.shift.shape[0]
        self.flow, self.prior = flow, prior
        self.skew = jnp.zeros(size * (size - 1) // 2, DTYPE)
        self.start = jnp.asarray(orthogonal(rng, size), DTYPE)

    @property
    def rotation(self) -> Float[Array, "d d"]:
        """R."""
        size = self.start.shape[0]
        upper = jnp.zeros((size, size), self.skew.dtype).at[np.triu_indices(size, 1)].set(self.skew)
        skew, one = upper - upper.T, jnp.eye(size, dtype=self.skew.dtype)
        return jnp.linalg.solve(one - skew, one + skew) @ jax.lax.stop_gradient(self.start)

    def __call__(self, w: Float[Array, "d"]) -> Float[Array, "d"]:
        """x of w."""
        return self.flow(self.prior.from_normal(self.rotation @ self.prior.to_normal(w)))

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """w of x."""
        return self.prior.from_normal(self.rotation.T @ self.prior.to_normal(self.flow.inverse(x)[0]))


class InverseEncoder(eqx.Module):
    """The mean is the decoder's inverse, log_std that of the encoder `spread`."""

    decoder: RemixedFlow
    spread: Callable

    def __call__(self, x: Float[Array, "d"], log_noise_var: Float[Array, ""]) -> tuple[Array, Array]:
        """(mean, log_std)."""
        return self.decoder.inverse(x), self.spread(x, log_noise_var)[1]


def inverting(vae: VAE) -> VAE:
    """The VAE whose encoder's mean is the inverse of its decoder, a `RemixedFlow`; the two share their parameters."""
    return eqx.tree_at(lambda v: v.encoder, vae, InverseEncoder(vae.decoder, vae.encoder))  # type: ignore[arg-type]


def flow_log_likelihood(vae: VAE, x: Float[Array, "d"]) -> Float[Array, ""]:
    """log p(x) of the push-forward by a `RemixedFlow`; R, on which it does not depend, does not enter."""
    y, log_det = vae.decoder.flow.inverse(x)  # type: ignore[attr-defined]
    return vae.prior.log_prob(y) + log_det


def likelihood_terms(
    vae: VAE, x: Float[Array, "B d"], log_noise_var: Float[Array, ""], nodes: Array, *, path: bool
) -> Terms:
    """The mean log-likelihood over a batch in the place of the ELBO: the objective of maximum likelihood."""
    value = jnp.mean(jax.vmap(lambda point: flow_log_likelihood(vae, point))(x))
    zero = jnp.zeros_like(value)
    return Terms(value, value, zero, zero)


def inverting_terms(
    vae: VAE, x: Float[Array, "B d"], log_noise_var: Float[Array, ""], nodes: Array, *, path: bool
) -> Terms:
    """The ELBO of `inverting(vae)`: the objective of the VAE."""
    return batch_terms(inverting(vae), x, log_noise_var, nodes, path=path)


def _smaller(weight: Array) -> Array:
    return _START * weight


def _parts(conditioner: MLP, kept: Float[Array, "k"]) -> tuple[Array, Array]:
    raw, offset = jnp.split(conditioner(kept), 2)
    return _LARGEST * jnp.tanh(raw / _LARGEST), offset
