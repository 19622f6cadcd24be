"""Decoders that are not injective: a coordinate that is squared, or folded by a cubic (claim `folds`).

With several preimages g_b of x, log p_eps sums over them while a Gaussian encoder can cover only one.
`preimages` lists them all, one a row; `inverse` gives the first. At a critical point (a fold) J is singular
and the contrast is infinite.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Scalar, Vector
from .draws import entangling, signed


class Squared(Decoder):
    """f(z) = M (z_1^2 / 2, z_k + t_k z_1 for k > 1): two preimages, +-z_1; fold at z_1 = 0."""

    matrix: Matrix
    tilt: Vector

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        return self.matrix @ jnp.concatenate([z[:1] ** 2 / 2.0, z[1:] + self.tilt * z[0]])

    def preimages(self, x: Float[Array, "d"]) -> Float[Array, "2 d"]:
        """Both, the one with z_1 > 0 first; nan where x is outside the image."""
        y = jnp.linalg.solve(self.matrix, x)
        first = jnp.sqrt(2.0 * y[0])
        return jnp.stack([jnp.concatenate([s[None], y[1:] - self.tilt * s]) for s in (first, -first)])

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """The preimage with z_1 > 0."""
        return self.preimages(x)[0]


class CubicFold(Decoder):
    """f(z) = M (k (z_1^3 - 3 a^2 z_1), z_2, ...): three preimages where |z_1| < 2 a, folds at z_1 = +-a."""

    matrix: Matrix
    height: Scalar
    fold: Scalar

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        folded = self.height * z[:1] * (z[:1] ** 2 - 3.0 * self.fold**2)
        return self.matrix @ jnp.concatenate([folded, z[1:]])

    def preimages(self, x: Float[Array, "d"]) -> Float[Array, "3 d"]:
        """All three, by decreasing z_1; nan where there is only one, outside the folded region."""
        y = jnp.linalg.solve(self.matrix, x)
        angle = jnp.arccos(y[0] / (2.0 * self.height * self.fold**3)) / 3.0  # 4 cos^3 - 3 cos is the cosine of 3 x
        angles = angle + jnp.array([0.0, -2.0, 2.0]) * jnp.pi / 3.0
        first = 2.0 * self.fold * jnp.cos(angles)
        return jnp.concatenate([first[:, None], jnp.tile(y[None, 1:], (3, 1))], axis=1)

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """The preimage with the largest z_1, in the folded region."""
        return self.preimages(x)[0]


def draw_squared(rng: np.random.Generator, latent_dim: int) -> Squared:
    """M entangling, tilts of size 0.2 to 0.5."""
    return Squared(entangling(rng, latent_dim), signed(rng, 0.2, 0.5, latent_dim - 1))


def draw_cubic_fold(rng: np.random.Generator, latent_dim: int) -> CubicFold:
    """Folds at a in [0.6, 0.8], height 0.4 to 0.6, M entangling."""
    height, fold = rng.uniform(0.4, 0.6), rng.uniform(0.6, 0.8)
    return CubicFold(entangling(rng, latent_dim), np.array(height), np.array(fold))


def point_beside_zero(rng: np.random.Generator, latent_dim: int) -> np.ndarray:
    """A point of [-1, 1]^d with |z_1| in [0.5, 1]: away from the fold of `Squared`."""
    point = rng.uniform(-1.0, 1.0, size=latent_dim)
    point[0] = signed(rng, 0.5, 1.0)
    return point


def point_between_folds(rng: np.random.Generator, latent_dim: int) -> np.ndarray:
    """A point of [-1, 1]^d with z_1 in [-0.4, 0.4] or +-[0.95, 1.1]: in the folded region, away from z_1 = +-a."""
    point = rng.uniform(-1.0, 1.0, size=latent_dim)
    point[0] = rng.uniform(-0.4, 0.4) if rng.uniform() < 0.5 else signed(rng, 0.95, 1.1)
    return point
