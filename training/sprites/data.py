"""Data sets of sprites for training: images, or their principal components, with the factors held beside them.

Notation as in `renderer` and `networks`: u (4,) the factors, f(u) (D,) the image, V'(f(u) - m) (k,) its code. A data
set of codes is a mixing of the factors like those of `mixings`, with a Jacobian V' J_f and so, if V spans the images,
with the renderer's contrast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...numerics.contrast import contrast_of_jacobian, ima_contrast
from ..metrics import Contrasts
from .networks import Components, patch_order, row_order
from .renderer import FACTORS, decoder, render

_CHUNK = 1000  # images rendered at once: 12 MB


@dataclass(frozen=True)
class Sprites:
    """What the networks see: M training sets (M, n, k), and held-out points (m, k) with their factors (m, 4).

    to_images: from what a decoder gives, (n, k), to images (n, 3072) flattened from (32, 32, 3).
    """

    train: Float[np.ndarray, "M n k"]
    held_out: Float[np.ndarray, "m k"]
    sources: Float[np.ndarray, "m 4"]
    to_images: Callable[[np.ndarray], np.ndarray]


def draw_factors(rng: np.random.Generator, count: int) -> Float[np.ndarray, "n 4"]:
    """Independent and uniform on [0, 1]^4, in single precision."""
    return rng.uniform(size=(count, len(FACTORS))).astype(np.float32)


def images(factors: Float[np.ndarray, "n 4"], shape: str, palette: str) -> Float[np.ndarray, "n 3072"]:
    """f(u) of each row, in single precision."""
    parts = [factors[i : i + _CHUNK] for i in range(0, len(factors), _CHUNK)]
    return np.concatenate([np.asarray(_render(jnp.asarray(part), shape, palette)) for part in parts])


@partial(jax.jit, static_argnums=(1, 2))
def _render(factors: Array, shape: str, palette: str) -> Array:
    return jax.vmap(partial(render, shape=shape, palette=palette))(factors)


@lru_cache(maxsize=1)
def components(shape: str, palette: str, count: int, *, seed: int = 0, of: int = 1500) -> Components:
    """The first `count` principal components of `of` images drawn for this purpose alone."""
    return Components.of(images(draw_factors(np.random.default_rng([77, seed]), of), shape, palette), count)


def coded(
    rngs: Sequence[np.random.Generator],
    held_out: Float[np.ndarray, "m 4"],
    train: int,
    basis: Components,
    shape: str,
    palette: str,
) -> Sprites:
    """The codes of `train` fresh images for each generator, and of the images of the factors `held_out`."""

    def codes(factors: np.ndarray) -> np.ndarray:
        parts = [factors[i : i + _CHUNK] for i in range(0, len(factors), _CHUNK)]
        return np.concatenate([basis.codes(images(part, shape, palette)) for part in parts])

    sets = np.stack([codes(draw_factors(rng, train)) for rng in rngs])
    return Sprites(sets, codes(held_out), held_out, basis.images)


def patched(
    rng: np.random.Generator, held_out: Float[np.ndarray, "m 4"], train: int, shape: str, palette: str
) -> Sprites:
    """One set of `train` images in patch order, and those of the factors `held_out`."""
    fresh = patch_order(images(draw_factors(rng, train), shape, palette))
    return Sprites(fresh[None], patch_order(images(held_out, shape, palette)), held_out, row_order)


def renderer_contrasts(sources: Float[np.ndarray, "m 4"], shape: str, palette: str) -> Contrasts:
    """The contrasts of the renderer itself: what a decoder that found the factors would have.

    That of the mean Jacobian carries a sampling error of order 1/m: about 1 / 120 at 200 points, 1e-4 at 4000.
    """
    function = decoder(shape=shape, palette=palette)
    points = jnp.asarray(sources, float)
    each = np.asarray(ima_contrast(function, points))
    total = sum(np.asarray(_sum_of_jacobians(points[i : i + 100], shape, palette)) for i in range(0, len(points), 100))
    of_mean = contrast_of_jacobian(np.asarray(total) / len(points))
    return Contrasts(float(each.mean()), float(np.quantile(each, 0.95)), float(of_mean))


@partial(jax.jit, static_argnums=(1, 2))
def _sum_of_jacobians(points: Array, shape: str, palette: str) -> Array:
    return jax.vmap(jax.jacfwd(decoder(shape=shape, palette=palette)))(points).sum(axis=0)
