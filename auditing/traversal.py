"""What an image decoder draws: latent traversals, and images at points of interest.

In a traversal one latent moves, the others stay at a typical point.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

STEPS = 7
_MOST_LATENTS, _DEVIATIONS = 16, 2.0


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(height, width, channels) of an output (H, W), (H, W, C) or (C, H, W) with C = 1 or 3; None for others."""
    if len(shape) == 2 and min(shape) >= 4:
        return (*shape, 1)
    if len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) >= 4:
        return shape[0], shape[1], shape[2]
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) >= 4:
        return shape[1], shape[2], shape[0]
    return None


def traversal(
    mean: Callable,
    shape: tuple[int, ...],
    points: Float[np.ndarray, "n d"],
    prior_std: Float[np.ndarray, " d"],
) -> Float[np.ndarray, "latents steps H W C"] | None:
    """Images, for each of the first 16 latents from -2 to 2 prior deviations; None where outputs are no images.

    mean: z -> the mean of x, of this shape once it is no longer flat.
    """
    if image_shape(shape) is None:
        return None
    centre = np.median(points, axis=0)
    rows = []
    for k in range(min(len(centre), _MOST_LATENTS)):
        moved = np.repeat(centre[None], STEPS, axis=0)
        moved[:, k] = np.linspace(-_DEVIATIONS, _DEVIATIONS, STEPS) * prior_std[k]
        rows.append(moved)
    decoded = images_at(mean, shape, np.concatenate(rows))
    assert decoded is not None
    return decoded.reshape(len(rows), STEPS, *decoded.shape[1:])


def images_at(
    mean: Callable, shape: tuple[int, ...], points: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n H W C"] | None:
    """The images that z -> mean draws at points; None where outputs of this shape are no images."""
    image = image_shape(shape)
    if image is None:
        return None
    decoded = np.asarray(jax.lax.map(mean, jnp.asarray(points))).reshape(-1, *shape)
    if len(shape) == 3 and shape[2] not in (1, 3):
        decoded = np.moveaxis(decoded, 1, -1)
    return decoded.reshape(-1, *image)
