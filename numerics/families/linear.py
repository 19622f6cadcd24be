"""Linear decoders f(z) = W z + b: the case in which the gap is known exactly (claim `linear-vae`).

Square ones with entangled columns, and ones with random directions in many dimensions (claim `random-directions`).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Vector
from .draws import entangling


class Linear(Decoder):
    """f(z) = W z + b, W (D, d) of full column rank."""

    matrix: Matrix
    shift: Vector

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """W z + b."""
        return self.matrix @ z + self.shift

    def inverse(self, x: Float[Array, "D"]) -> Float[Array, "d"]:
        """The least-squares solution of W z = x - b; the preimage where x has one."""
        rows, columns = self.matrix.shape
        y = x - self.shift
        if rows == columns:
            return jnp.linalg.solve(self.matrix, y)
        q, r = jnp.linalg.qr(self.matrix)
        return jnp.linalg.solve(r, q.T @ y)


def draw_linear(rng: np.random.Generator, latent_dim: int, *, output_dim: int | None = None) -> Linear:
    """A random linear decoder with singular values in [0.6, 1.6] and entangled columns."""
    matrix = entangling(rng, latent_dim, output_dim)
    return Linear(matrix, rng.uniform(-0.5, 0.5, size=len(matrix)))


def draw_random_directions(rng: np.random.Generator, latent_dim: int) -> Linear:
    """Columns with random directions in R^(8 d): independent Gaussian entries of variance 1 / (8 d)."""
    output_dim = 8 * latent_dim
    matrix = rng.standard_normal((output_dim, latent_dim)) / np.sqrt(output_dim)
    return Linear(matrix, np.zeros(output_dim))
