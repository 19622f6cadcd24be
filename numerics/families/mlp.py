"""Invertible multilayer perceptrons with a smooth leaky ReLU and square weights, well conditioned by construction.

f(z) = W_L s(W_{L-1} s(... s(W_0 z + b_0) ...) + b_{L-1}); s is `monotone.smooth_leaky_relu`. With every W_i
invertible f is a diffeomorphism of R^d; its Jacobian's singular values lie within the product of those of the
layers.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .decoder import Decoder, Matrix, Vector
from .draws import entangling, orthogonal, signed
from .monotone import invert_smooth_leaky_relu, smooth_leaky_relu


class SmoothMLP(Decoder):
    """Weights W_0 .. W_L (d, d), biases b_0 .. b_{L-1} (d,); the last layer is linear."""

    weights: tuple[Matrix, ...]
    biases: tuple[Vector, ...]

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        for weight, bias in zip(self.weights[:-1], self.biases, strict=True):
            z = smooth_leaky_relu(weight @ z + bias)
        return self.weights[-1] @ z

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """Layer by layer, from the last."""
        x = jnp.linalg.solve(self.weights[-1], x)
        for weight, bias in zip(self.weights[-2::-1], self.biases[::-1], strict=True):
            x = jnp.linalg.solve(weight, invert_smooth_leaky_relu(x) - bias)
        return x


def draw_mlp(rng: np.random.Generator, latent_dim: int) -> SmoothMLP:
    """Two hidden layers; the first weight entangles (singular values in [0.7, 1.45]), the others are orthogonal."""
    weights = (
        entangling(rng, latent_dim, low=0.7, high=1.45),
        orthogonal(rng, latent_dim),
        orthogonal(rng, latent_dim),
    )
    return SmoothMLP(weights, _biases(rng, latent_dim))


def draw_orthogonal_mlp(rng: np.random.Generator, latent_dim: int) -> SmoothMLP:
    """Two hidden layers with orthogonal weights: the contrast comes from the nonlinearity alone."""
    weights = (orthogonal(rng, latent_dim), orthogonal(rng, latent_dim), orthogonal(rng, latent_dim))
    return SmoothMLP(weights, _biases(rng, latent_dim))


def draw_triangular_mlp(rng: np.random.Generator, latent_dim: int) -> SmoothMLP:
    """Two hidden layers with lower triangular weights, so that the Jacobian is lower triangular.

    Diagonals in [0.8, 1.25], entries below of size 0.2 to 0.5 divided by the column's length, which bounds
    the condition.
    """
    return SmoothMLP(tuple(_triangular(rng, latent_dim) for _ in range(3)), _biases(rng, latent_dim))


def _triangular(rng: np.random.Generator, latent_dim: int) -> np.ndarray:
    below = signed(rng, 0.2, 0.5, (latent_dim, latent_dim)) / max(1, latent_dim - 1)
    return np.tril(below, -1) + np.diag(rng.uniform(0.8, 1.25, size=latent_dim))


def _biases(rng: np.random.Generator, latent_dim: int) -> tuple[np.ndarray, ...]:
    """Small biases keep the curved part of s, near 0, where the latent points are."""
    return tuple(rng.uniform(-0.4, 0.4, size=latent_dim) for _ in range(2))
