"""Piecewise linear decoders with leaky ReLU: invertible, but not smooth (claim `kinks`).

f(z) = W_1 L(W_0 z + b), L(t) = t for t > 0 and a t else. Its kinks are the hyperplanes W_0[j] . z + b_j = 0.
Away from them the gap differs from that of the active linear piece by an exponentially small term; within
sqrt(eps) of one it does not tend to c.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Scalar, Vector
from .draws import entangling, orthogonal


class LeakyReLU(Decoder):
    """f(z) = W_1 L(W_0 z + b) with slope a on the negative side; W_0, W_1 (d, d) invertible, a > 0."""

    inner: Matrix
    bias: Vector
    outer: Matrix
    slope: Scalar

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        t = self.inner @ z + self.bias
        return self.outer @ jnp.where(t > 0, t, self.slope * t)

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """Piece by piece: L keeps the sign."""
        t = jnp.linalg.solve(self.outer, x)
        return jnp.linalg.solve(self.inner, jnp.where(t > 0, t, t / self.slope) - self.bias)

    def distance_to_kink(self, z: Float[Array, "d"]) -> Float[Array, ""]:
        """The Euclidean distance of z to the nearest kink."""
        return jnp.min(jnp.abs(self.inner @ z + self.bias) / jnp.linalg.norm(self.inner, axis=1))


def draw_kinked(rng: np.random.Generator, latent_dim: int) -> LeakyReLU:
    """Slope 0.3 to 0.5, W_0 entangling with singular values in [0.7, 1.4], W_1 orthogonal, biases of size 0.4."""
    return LeakyReLU(
        entangling(rng, latent_dim, low=0.7, high=1.4),
        rng.uniform(-0.4, 0.4, size=latent_dim),
        orthogonal(rng, latent_dim),
        np.array(rng.uniform(0.3, 0.5)),
    )
