"""Maps of the plane with orthogonal columns, hence contrast 0: conformal ones, and polar coordinates.

A conformal map is an analytic function of z_1 + i z_2; its Jacobian is a multiple of a rotation. Polar
coordinates have orthogonal columns of different lengths. Neither is injective on the whole plane (only affine
maps and Moebius maps are both conformal and injective there); both are near the origin, where `inverse` finds
the preimage.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from .decoder import Decoder, Scalar, Vector
from .draws import signed


class ComplexQuadratic(Decoder):
    """w = m (z + a z^2) in complex numbers, m and a given as (real, imaginary); injective for |z| < 1 / (2 |a|)."""

    factor: Vector
    coefficient: Vector

    def __call__(self, z: Float[Array, "2"]) -> Float[Array, "2"]:
        """(Re w, Im w)."""
        square = jnp.stack([z[0] ** 2 - z[1] ** 2, 2.0 * z[0] * z[1]])
        return _times(self.factor, z + _times(self.coefficient, square))

    def inverse(self, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """The preimage with |z| < 1 / (2 |a|): 2 y / (1 + sqrt(1 + 4 a y)), y = w / m."""
        a = jax.lax.complex(self.coefficient[0], self.coefficient[1])
        y = jax.lax.complex(x[0], x[1]) / jax.lax.complex(self.factor[0], self.factor[1])
        z = 2.0 * y / (1.0 + jnp.sqrt(1.0 + 4.0 * a * y))
        return jnp.stack([z.real, z.imag])


class Polar(Decoder):
    """x = s exp(a z_1) (cos b z_2, sin b z_2): orthogonal columns, lengths as a : b; injective for |b z_2| < pi."""

    scale: Scalar
    radial: Scalar
    angular: Scalar

    def __call__(self, z: Float[Array, "2"]) -> Float[Array, "2"]:
        """A point at radius s exp(a z_1) and angle b z_2."""
        angle = self.angular * z[1]
        return self.scale * jnp.exp(self.radial * z[0]) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])

    def inverse(self, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """The preimage with |b z_2| <= pi."""
        radius = jnp.log(jnp.hypot(x[0], x[1]) / self.scale) / self.radial
        return jnp.stack([radius, jnp.arctan2(x[1], x[0]) / self.angular])


def _times(a: Vector, b: Float[Array, "2"]) -> Float[Array, "2"]:
    """The product of two complex numbers given as (real, imaginary)."""
    return jnp.stack([a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]])


def draw_conformal(rng: np.random.Generator, latent_dim: int) -> ComplexQuadratic:
    """|m| in [0.8, 1.25], |a| in [0.1, 0.2]: injective for |z| < 2.5. The plane only: latent_dim = 2."""
    _plane_only(latent_dim)
    return ComplexQuadratic(
        _complex(rng.uniform(0.8, 1.25), rng.uniform(0, 2 * np.pi)),
        _complex(rng.uniform(0.1, 0.2), rng.uniform(0, 2 * np.pi)),
    )


def draw_polar(rng: np.random.Generator, latent_dim: int) -> Polar:
    """a in [0.2, 0.4], b in [0.5, 0.8], s such that columns at the origin are near length one. latent_dim = 2."""
    _plane_only(latent_dim)
    scale = rng.uniform(1.6, 2.2)
    return Polar(np.array(scale), np.array(rng.uniform(0.2, 0.4)), signed(rng, 0.5, 0.8))


def _complex(modulus: float, angle: float) -> np.ndarray:
    return modulus * np.array([np.cos(angle), np.sin(angle)])


def _plane_only(latent_dim: int) -> None:
    if latent_dim != 2:
        raise RequestError(f"this family lives in the plane, expected latent_dim 2, got {latent_dim}")
