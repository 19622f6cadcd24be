"""Synthetic data: sources s pushed through a random smooth mixing x = f(s), with the mixing's own contrast known.

Sources are uniform on (0, 1)^d, or standard normal. Mixings are decoders of `numerics.families` or made of them:

    moebius          x = (s - a) / |s - a|^2 rotated; every coordinate of the pole a lies outside of the cube's side. A
                     Moebius map is conformal, so its contrast is 0. The pole's law is that of the public code of
                     arXiv 2206.02416: standard normal coordinates, about the cube's centre, of modulus above 1/2.
    moebius-linear   the same, then L diag(e) R, L and R orthogonal, e log-normal with product 1.
    orthogonal-mlp, triangular-mlp    smooth leaky ReLU networks with orthogonal or lower triangular weights
    affine-flow      alternating affine coupling layers and rotations, of d >= 2, volume-preserving in no layer

Data are centred, as there; they are not rescaled, so that gamma^2 means the same.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.contrast import ima_contrast
from ..numerics.families.decoder import Decoder, Matrix, Scalar, Vector
from ..numerics.families.draws import orthogonal
from ..numerics.families.mlp import draw_orthogonal_mlp, draw_triangular_mlp
from ..numerics.families.moebius import Moebius
from ..numerics.families.moebius import draw_moebius as draw_far_moebius
from ..numerics.priors import Prior
from ..shell import requests

if TYPE_CHECKING:  # as in `families.decoder`
    Layers: TypeAlias = Any
else:
    Layers = Float[Array | np.ndarray, "_ _ _"]

_ON_CUBE = 1.0  # the pole's distance from the cube in the units of `Moebius`, which is conformal from there on


class Mixed(NamedTuple):
    """A mixing f: (d,) -> (D,) with its training and held-out data, and the sources of the latter."""

    mixing: Decoder
    train: Float[np.ndarray, "n D"]
    held_out: Float[np.ndarray, "m D"]
    sources: Float[np.ndarray, "m d"]


class Scaled(Decoder):
    """f(s) = W inner(factor (s - 1/2)) - centre."""

    inner: Decoder
    factor: Scalar
    matrix: Matrix
    centre: Vector

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        return self.matrix @ self.inner(self.factor * (z - 0.5)) - self.centre

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """The s with f(s) = x."""
        return self.inner.inverse(jnp.linalg.solve(self.matrix, x + self.centre)) / self.factor + 0.5


class Angled(Decoder):
    """f(s) = size * inner(W (s - centre)), inner conformal: the contrast is that of W alone, at every point."""

    inner: Decoder
    matrix: Matrix
    centre: Scalar
    size: Scalar

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        return self.size * self.inner(self.matrix @ (z - self.centre))

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """The s with f(s) = x."""
        return jnp.linalg.solve(self.matrix, self.inner.inverse(x / self.size)) + self.centre


class AffineFlow(Decoder):
    """Layers x -> R_l (x_A, exp(c tanh(U_l x_A)) x_B + V_l tanh(T_l x_A)), A the first half of the coordinates."""

    rotations: Layers
    scales: Layers
    shifts: Layers
    inner: Layers
    strength: Scalar

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "d"]:
        """f(z)."""
        half = z.shape[0] // 2
        for rotation, scale, shift, inner in zip(self.rotations, self.scales, self.shifts, self.inner, strict=True):
            kept, moved = z[:half], z[half:]
            moved = jnp.exp(self.strength * jnp.tanh(scale @ kept)) * moved + shift @ jnp.tanh(inner @ kept)
            z = rotation @ jnp.concatenate([kept, moved])
        return z

    def inverse(self, x: Float[Array, "d"]) -> Float[Array, "d"]:
        """Layer by layer, from the last."""
        half = x.shape[0] // 2
        for rotation, scale, shift, inner in reversed(
            list(zip(self.rotations, self.scales, self.shifts, self.inner, strict=True))
        ):
            x = rotation.T @ x
            kept, moved = x[:half], x[half:]
            moved = (moved - shift @ jnp.tanh(inner @ kept)) * jnp.exp(-self.strength * jnp.tanh(scale @ kept))
            x = jnp.concatenate([kept, moved])
        return x


def draw_moebius(rng: np.random.Generator, latent_dim: int, *, nearest: float = 0.5) -> Scaled:
    """x = Q u / |u|^2, u = s - 1/2 - a; `Moebius` is used where it is conformal, |u| >= 1 in its own units.

    nearest: what every coordinate of a exceeds in modulus, at least 1/2, the cube's side.
    """
    requests.whole("latent_dim", latent_dim, 1)
    if not requests.number("nearest", nearest) >= 0.5:
        raise RequestError(f"nearest: expected >= 0.5, outside of the cube, got {nearest}")
    pole = np.empty(latent_dim)
    for k in range(latent_dim):
        while abs(value := rng.standard_normal()) <= nearest:
            pass
        pole[k] = value
    factor = _ON_CUBE / np.linalg.norm(np.abs(pole) - 0.5)
    inversion = Moebius(factor * pole, orthogonal(rng, latent_dim), np.array(factor), np.zeros(latent_dim))
    return Scaled(inversion, np.array(factor), np.eye(latent_dim), np.zeros(latent_dim))


def draw_moebius_linear(rng: np.random.Generator, latent_dim: int, *, spread: float = 1.0) -> Scaled:
    """A Moebius map, then a map of determinant 1 with log-normal singular values of deviation `spread`."""
    inner = draw_moebius(rng, latent_dim)
    logs = spread * rng.standard_normal(latent_dim)
    values = np.exp(logs - logs.mean())
    matrix = orthogonal(rng, latent_dim) @ (values[:, None] * orthogonal(rng, latent_dim))
    return Scaled(inner.inner, inner.factor, matrix, inner.centre)


def draw_angled(rng: np.random.Generator, cosine: float, *, unit: str = "columns", sources: str = "uniform") -> Angled:
    """Two unit columns at an angle, then a Moebius map: the contrast is -1/2 log(1 - cosine^2) away from its pole.

    unit: "columns", or "determinant", where the whole is scaled so that |det W| = 1. Uniform sources are standardised.
    """
    if not 0 <= requests.number("cosine", cosine) < 1:
        raise RequestError(f"cosine: expected 0 <= cosine < 1, got {cosine}")
    requests.one_of("unit", unit, ("columns", "determinant"))
    requests.one_of("sources", sources, ("uniform", "normal"))
    sine = np.sqrt(1 - cosine**2)
    matrix = orthogonal(rng, 2) @ np.array([[1.0, cosine], [0.0, sine]]) / np.sqrt(2)  # of norm at most 1
    inner = draw_far_moebius(rng, 2)
    size = np.array(np.sqrt(2 if unit == "columns" else 2 / sine))
    uniform = sources == "uniform"
    return Angled(inner, matrix * (np.sqrt(12.0) if uniform else 1.0), np.array(0.5 if uniform else 0.0), size)


def draw_affine_flow(
    rng: np.random.Generator, latent_dim: int, *, layers: int = 2, strength: float = 1.0
) -> AffineFlow:
    """Random layers; the couplings' strength sets the contrast. latent_dim >= 2."""
    requests.whole("latent_dim", latent_dim, 2)  # a coupling needs two halves
    half = latent_dim // 2
    shape = (layers, latent_dim - half, half)
    return AffineFlow(
        np.stack([orthogonal(rng, latent_dim) for _ in range(layers)]),
        rng.standard_normal(shape) / np.sqrt(half),
        strength * rng.standard_normal((layers, latent_dim - half, half)) / np.sqrt(half),
        rng.standard_normal((layers, half, half)) / np.sqrt(half),
        np.array(strength),
    )


MIXINGS: dict[str, Callable[[np.random.Generator, int], Decoder]] = {
    "moebius": draw_moebius,
    "moebius-linear": draw_moebius_linear,
    "orthogonal-mlp": draw_orthogonal_mlp,
    "triangular-mlp": draw_triangular_mlp,
    "affine-flow": draw_affine_flow,
}


def mix(
    rng: np.random.Generator,
    mixing: Decoder,
    latent_dim: int,
    *,
    sources: str | Prior = "uniform",
    train: int = 40_000,
    held_out: int = 4_000,
) -> Mixed:
    """Data of one mixing; sources "uniform" on (0, 1), "normal", or of a prior with independent coordinates.

    Centred by the training mean where `Scaled`.
    """
    requests.function("mixing", mixing)
    for name, value in (("latent_dim", latent_dim), ("train", train)):
        requests.whole(name, value, 1)
    requests.whole("held_out", held_out, 0)
    count = (train + held_out) * latent_dim
    if isinstance(sources, Prior):
        drawn = sources.sample(rng, count)
    elif isinstance(sources, str) and sources in ("uniform", "normal"):
        drawn = rng.uniform(size=count) if sources == "uniform" else rng.standard_normal(count)
    else:
        raise RequestError(f"sources: expected uniform, normal or a prior, got {requests.shown(sources)}")
    drawn = drawn.reshape(-1, latent_dim).astype(np.float32)
    x = np.asarray(_map(mixing, jnp.asarray(drawn, float)))
    if isinstance(mixing, Scaled):
        centre = x[:train].mean(axis=0)
        x = x - centre
        mixing = Scaled(mixing.inner, mixing.factor, mixing.matrix, mixing.centre + centre)
    x = x.astype(np.float32)
    return Mixed(mixing, x[:train], x[train:], drawn[train:])


def mean_contrast(mixing: Decoder, sources: Float[np.ndarray, "m d"]) -> float:
    """The mean of c(f, s) over sources: what the mixing lacks to be in the IMA class."""
    return float(jnp.mean(ima_contrast(mixing, jnp.asarray(sources, float))))


@jax.jit
def _map_leaves(mixing: Decoder, sources: Array) -> Array:
    return jax.vmap(mixing)(sources)


def _map(mixing: Decoder, sources: Array) -> Array:
    return _map_leaves(mixing, sources)
