"""Curved surfaces in R^D, D > d: graphs over a linear image of the latent space (claim `rectangular`).

f(z) = Q (B z, h(z)), h_j(z) = a_j sin(u_j . z + t_j), Q (D, D) orthogonal, B (d, d) invertible. A graph is
injective, never comes near itself at infinity, and lies within a bounded distance of a plane, so that near
it a point has one nearest point on it, as claim `general-limit` asks.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Vector
from .draws import entangling, orthogonal


class Surface(Decoder):
    """f(z) = Q (B z, a sin(U z + t)); a, t (D - d,), U (D - d, d)."""

    rotation: Matrix
    base: Matrix
    amplitude: Vector
    wave: Matrix
    phase: Vector

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(z)."""
        height = self.amplitude * jnp.sin(self.wave @ z + self.phase)
        return self.rotation @ jnp.concatenate([self.base @ z, height])

    def inverse(self, x: Float[Array, "D"]) -> Float[Array, "d"]:
        """For x on the surface: B^-1 of the first d coordinates of Q' x. (Not the nearest point for other x.)"""
        return jnp.linalg.solve(self.base, (self.rotation.T @ x)[: self.base.shape[0]])


def draw_surface(rng: np.random.Generator, latent_dim: int) -> Surface:
    """D = d + 2; |u_j| in [0.8, 1.2] and a_j in [0.3, 0.6], so curvatures are below 0.9, focal radii above 0.4."""
    codimension = 2
    wave = orthogonal(rng, latent_dim, 1).T * rng.uniform(0.8, 1.2)
    second = orthogonal(rng, latent_dim, 1).T * rng.uniform(0.8, 1.2)
    return Surface(
        orthogonal(rng, latent_dim + codimension),
        entangling(rng, latent_dim),
        rng.uniform(0.3, 0.6, size=codimension),
        np.concatenate([wave, second]),
        rng.uniform(-np.pi, np.pi, size=codimension),
    )
