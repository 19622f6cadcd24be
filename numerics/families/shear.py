"""Polynomial shears f(z) = M (z_1 + p_1(z_d), ..., z_{d-1} + p_{d-1}(z_d), z_d) (claim `enclosure`).

Each p_k(t) = q_k t^2 + r_k t^3. A shear is a polynomial diffeomorphism with polynomial inverse, and its
Jacobian determinant is that of M. In one dimension there is nothing to shear with; there
f(z) = m (z + q z^2 + r z^3) with q^2 <= 3 r / 2, so that |f'| >= |m| / 2 and f is a diffeomorphism of R.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Scalar, Vector
from .draws import entangling, signed
from .monotone import invert_increasing


class Shear(Decoder):
    """f(z) = M (z_k + q_k z_d^2 + r_k z_d^3 for k < d; z_d), with q, r (d-1,) and M (d, d) invertible."""

    matrix: Matrix
    quadratic: Vector
    cubic: Vector

    def _bend(self, last: Float[Array, ""]) -> Float[Array, "d"]:
        bend = last**2 * (self.quadratic + last * self.cubic)
        return jnp.concatenate([bend, jnp.zeros_like(bend, shape=(1,))])

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        return self.matrix @ (z + self._bend(z[-1]))

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """y - p(y_d) with y = M^-1 x."""
        y = jnp.linalg.solve(self.matrix, x)
        return y - self._bend(y[-1])


class Cubic(Decoder):
    """f(z) = m (z + q z^2 + r z^3) on R, increasing up to the sign of m since q^2 <= 3 r / 2."""

    slope: Scalar
    quadratic: Scalar
    cubic: Scalar

    def _polynomial(self, t: Array) -> Array:
        return t * (1.0 + t * (self.quadratic + t * self.cubic))

    def __call__(self, z: Float[Array, "1"]) -> Float[Array, "1"]:
        """f(z)."""
        return self.slope * self._polynomial(z)

    def inverse(self, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """The only real root."""
        y = x / self.slope
        return invert_increasing(self._polynomial, y, 2.0 * jnp.abs(y))  # the derivative is at least 1/2


def draw_shear(rng: np.random.Generator, latent_dim: int) -> Shear | Cubic:
    """|q_k| in [0.15, 0.35] and |r_k| in [0.04, 0.1], both over sqrt(d - 1); M with singular values in [0.7, 1.4]."""
    if latent_dim == 1:
        cubic = rng.uniform(0.06, 0.12)
        quadratic = signed(rng, 0.4, 1.0) * np.sqrt(1.5 * cubic)
        return Cubic(signed(rng, 0.7, 1.4), np.array(quadratic), np.array(cubic))
    width = np.sqrt(latent_dim - 1)
    return Shear(
        entangling(rng, latent_dim, low=0.7, high=1.4),
        signed(rng, 0.15, 0.35, latent_dim - 1) / width,
        signed(rng, 0.04, 0.1, latent_dim - 1) / width,
    )
