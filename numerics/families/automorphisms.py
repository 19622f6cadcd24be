"""Maps a of R^d onto itself that preserve the standard Gaussian, and composition f o a.

f and f o a have the same likelihood for every noise, but not the same ELBO: their gaps tend to c(f, a(z)) and
c(f o a, z). A map preserves N(0, I) when it preserves lengths and volume: a rotation, or a swirl, whose angle
depends on the length. Angles turn counter-clockwise, R(t) = [[cos t, -sin t], [sin t, cos t]].
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from .decoder import Decoder, Matrix, Scalar
from .draws import orthogonal, signed
from .mlp import SmoothMLP, draw_mlp


class Rotation(Decoder):
    """a(z) = R z, R (d, d) orthogonal."""

    matrix: Matrix

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """R z."""
        return self.matrix @ z

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """R' x."""
        return self.matrix.T @ x


class Swirl(Decoder):
    """a(z) = R(w |z|^2 / 2) z, turning the first two coordinates, d >= 2: nonlinear, preserves length and volume."""

    strength: Scalar

    def _turn(self, z: Float[Array, "d"], sign: float) -> Float[Array, "d"]:
        angle = sign * self.strength * (z @ z) / 2.0
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        turned = jnp.stack([cosine * z[0] - sine * z[1], sine * z[0] + cosine * z[1]])
        return jnp.concatenate([turned, z[2:]])

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """a(z)."""
        return self._turn(z, 1.0)

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """The same angle, backwards: |x| = |z|."""
        return self._turn(x, -1.0)


class Composition(Decoder):
    """f o a: first `inner`, then `outer`."""

    outer: Decoder
    inner: Decoder

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(a(z))."""
        return self.outer(self.inner(z))

    def inverse(self, x: Float[Array, "D"]) -> Float[Array, "d"]:
        """a^-1(f^-1(x))."""
        return self.inner.inverse(self.outer.inverse(x))


def draw_rotation(rng: np.random.Generator, latent_dim: int) -> Rotation:
    """A uniformly distributed orthogonal matrix."""
    return Rotation(orthogonal(rng, latent_dim))


def draw_swirl(rng: np.random.Generator, latent_dim: int) -> Swirl:
    """A swirl of strength 0.4 to 1, of either sense; latent_dim >= 2."""
    if latent_dim < 2:
        raise RequestError(f"a swirl needs a plane to turn, expected latent_dim >= 2, got {latent_dim}")
    return Swirl(signed(rng, 0.4, 1.0))


def draw_swirled_mlp(rng: np.random.Generator, latent_dim: int) -> Composition:
    """A random member of "mlp" after a random swirl: a spurious solution, with the likelihood of its `outer`."""
    outer: SmoothMLP = draw_mlp(rng, latent_dim)
    return Composition(outer, draw_swirl(rng, latent_dim))
