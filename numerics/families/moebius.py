"""The Moebius family: inversion in a sphere, conformal in every dimension, hence with contrast 0 (claim `contrast`).

f(z) = b + s Q u / |u|^2 with u = z - a, a the pole, Q orthogonal, s > 0 (Gresele et al., NeurIPS 2021, use it
as a nonlinear decoder whose columns stay orthogonal). Its Jacobian is s / |u|^2 times an orthogonal matrix.

The pole needs care. For d <= 2 the integral of |f|^2 against any Gaussian diverges there, so the ELBO of the
bare map is -infinity for every Gaussian encoder, which claim `general-limit` excludes. Within |u| < 1 the
radial profile 1/r is therefore continued by its tangent 2 - r: f stays injective and continuously
differentiable away from the pole, becomes bounded, and is unchanged where |u| >= 1. Drawn members keep their
pole at a distance of 4.5 or more from the origin.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Scalar, Vector
from .draws import entangling, orthogonal


class Moebius(Decoder):
    """f(z) = b + s Q u h(|u|) / |u|, u = z - a, with h(r) = 1/r for r >= 1 and 2 - r within (see the module)."""

    pole: Vector
    rotation: Matrix
    scale: Scalar
    shift: Vector

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """The image; at the pole itself, which has none, the image of a point beside it."""
        return self.scale * (self.rotation @ _inversion(z - self.pole)) + self.shift

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """Inversion undoes itself; within distance 2 s of b, the image, and x different from b."""
        y = self.rotation.T @ ((x - self.shift) / self.scale)
        return self.pole + _reverse_inversion(y)


class MoebiusLinear(Decoder):
    """A Moebius map followed by a linear one: nonlinear, with a contrast that varies and is not zero."""

    moebius: Moebius
    matrix: Matrix

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """W f(z)."""
        return self.matrix @ self.moebius(z)

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """f^-1(W^-1 x)."""
        return self.moebius.inverse(jnp.linalg.solve(self.matrix, x))


def _inversion(u: Float[Array, "d"]) -> Float[Array, "d"]:
    """u / |u|^2, with profile 2 - r within the unit ball. Both branches are finite, so derivatives are too."""
    square = u @ u
    outside = square >= 1.0
    near = jnp.where(outside | (square == 0.0), 1.0, square)
    far = jnp.where(outside, square, 1.0)
    return u * jnp.where(outside, 1.0 / far, 2.0 / jnp.sqrt(near) - 1.0)


def _reverse_inversion(y: Float[Array, "d"]) -> Float[Array, "d"]:
    """The u with _inversion(u) = y: y / |y|^2 where |y| <= 1, else (2 - |y|) y / |y|."""
    square = y @ y
    outside = square <= 1.0
    near = jnp.where(outside, 1.0, square)
    far = jnp.where(outside, square, 1.0)
    return y * jnp.where(outside, 1.0 / far, 2.0 / jnp.sqrt(near) - 1.0)


def draw_moebius(rng: np.random.Generator, latent_dim: int) -> Moebius:
    """A random member: pole at a distance r of 4.5 to 6.5 (+ sqrt(d) - 1), local scale 0.8 to 1.2 at the origin."""
    direction = orthogonal(rng, latent_dim, 1)[:, 0]
    distance = rng.uniform(4.5, 6.5) + np.sqrt(latent_dim) - 1.0
    rotation = orthogonal(rng, latent_dim)
    scale = rng.uniform(0.8, 1.2) * distance**2
    pole = distance * direction
    return Moebius(pole, rotation, np.array(scale), rotation @ pole * (scale / distance**2))  # f(0) = 0


def draw_moebius_linear(rng: np.random.Generator, latent_dim: int) -> MoebiusLinear:
    """A random Moebius map followed by an entangling matrix with singular values in [0.6, 1.6]."""
    return MoebiusLinear(draw_moebius(rng, latent_dim), entangling(rng, latent_dim))
