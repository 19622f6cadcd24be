"""A model whose decoder ends in an affine map, as the same model with fewer outputs.

Notation: f(z) = W h(z) + b with W (D, h), D > h (`affine_output`); covariance eps S of the noise, S constant;
S^(-1/2) W = Q R with Q (D, h) orthonormal. With w = S^(-1/2) (x - b), y = Q'w and n = w - Q y, the part of x normal to
the columns of W,

    1/2 |S^(-1/2) (f(z) - x)|^2 = 1/2 |R h(z) - y|^2 + 1/2 |n|^2,
    log p(x, z) = log p~(y, z) - |n|^2 / (2 eps) - (D - h)/2 log(2 pi eps) - 1/2 log det S,

where p~ is the model with decoder R h, data y and noise eps I. Posterior, modes, encoders, gap and expansion are
those of p~, exactly; log-likelihood and ELBO have the constant added.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .affine_output import affine_output, with_factor
from .model import LatentModel
from .noise import ScalarNoise
from .precision import EPS64


class Constant(NamedTuple):
    """log p(x, z) - log p~(y, z) = exponent + normaliser: -|n|^2 / (2 eps) and the rest; and the round-off of both."""

    exponent: Float[Array, ""] | float
    normaliser: Float[Array, ""] | float
    error: Float[Array, ""] | float

    @property
    def value(self) -> Float[Array, ""] | float:
        """The sum."""
        return self.exponent + self.normaliser


class Reduction(eqx.Module):
    """The model p~, and what takes data to it; `basis` is None where the model is left as it was."""

    model: LatentModel
    original: LatentModel
    bias: Float[Array, " D"] | None
    basis: Float[Array, "D h"] | None

    def data(self, x: Float[Array | np.ndarray, " D"]) -> tuple[Float[Array, " h"], Constant]:
        """y and the constant, for one x."""
        if self.basis is None or self.bias is None:
            return jnp.asarray(x), Constant(0.0, 0.0, 0.0)
        noise, origin = self.original.noise, jnp.zeros(self.original.latent_dim)
        white = noise.whiten(x - self.bias, origin)
        y = self.basis.T @ white
        normal = white - self.basis @ y
        exponent = -0.5 * jnp.sum(normal * normal) / noise.scale
        volume = 0.5 * (x.shape[0] - y.shape[0]) * jnp.log(2 * jnp.pi * noise.scale)
        log_det = 0.5 * noise.log_det(origin, x.shape[0])
        largest = jnp.max(jnp.abs(noise.whiten(jnp.abs(x) + jnp.abs(self.bias), origin)))
        size = jnp.abs(exponent) + jnp.abs(volume) + jnp.abs(log_det)
        # An error of one unit in the last place of the entries of w moves |n|^2 / 2 by |n| times as much.
        moved = jnp.sqrt(jax.lax.stop_gradient(-2.0 * exponent / noise.scale)) * largest
        return y, Constant(exponent, -volume - log_det, 4 * EPS64 * (size + moved))


def reduction(model: LatentModel) -> Reduction:
    """The model with as many outputs as its decoder has values before the last affine map.

    The model itself where the decoder does not end in one, for observations that are not Gaussian, noise that depends
    on z, and a decoder or a shape S of the noise whose numbers are not known yet (arguments of `jit` or `grad`).
    """
    unchanged = Reduction(model, model, None, None)
    if model.observation is not None or model.noise.depends_on_state:
        return unchanged
    shape = eqx.tree_at(lambda noise: noise.scale, model.noise, np.ones(()))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(shape)):
        return unchanged
    found = affine_output(model.decoder, model.latent_dim)
    if found is None or found.weight.dtype != np.float64:
        return unchanged
    with jax.ensure_compile_time_eval():
        origin = jnp.zeros(model.latent_dim)
        whitened = jax.vmap(lambda column: shape.whiten(column, origin), in_axes=1, out_axes=1)
        basis, factor = np.linalg.qr(np.asarray(whitened(jnp.asarray(found.weight))))
        noise = eqx.tree_at(lambda noise: noise.scale, ScalarNoise(1.0), model.noise.scale)
        reduced = eqx.tree_at(lambda m: m.decoder, model, with_factor(found.hidden, factor))
        reduced = eqx.tree_at(lambda m: m.noise, reduced, noise)
        return Reduction(reduced, model, jnp.asarray(found.bias), jnp.asarray(basis))
