"""What a rotation of two latents would save: the pair contrast as a function of the angle.

With f o R, R a rotation of latents k and l by theta, the columns become J_k cos + J_l sin and -J_k sin + J_l cos; only
their lengths change, so that the contrast falls by 1/2 log(A_kk A_ll) - 1/2 log(A'_kk A'_ll), A'_kk + A'_ll constant.
With a, b the mean and half the difference of the diagonal, A'_kk A'_ll = a^2 - (b cos 2 theta + A_kl sin 2 theta)^2.
For a prior N(0, I) the rotated model has the same likelihood (claim `spurious-solutions`). The metric is
I + A/eps, as in the finite-noise contrast, where a vanishing column does no harm: I is the same in rotated coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

ANGLES = np.linspace(0.0, np.pi / 2, 90, endpoint=False)
"""Radians; a quarter turn exchanges the two latents."""


class Rotation(NamedTuple):
    """Latents, the angle in radians that saves most, and the mean saving in nats."""

    latents: tuple[int, int]
    angle: float
    saving: float


def pair_contrasts(metric: Float[Array, "n d d"], weights: Float[Array, " n"]) -> Float[Array, "angles P"]:
    """sum_n weight 1/2 log(M'_kk M'_ll) at each angle for each pair k < l."""
    first, second = np.triu_indices(metric.shape[-1], 1)
    diagonal = jnp.diagonal(metric, axis1=1, axis2=2)
    mean = 0.5 * (diagonal[:, first] + diagonal[:, second])
    half = 0.5 * (diagonal[:, first] - diagonal[:, second])
    off = metric[:, first, second]

    def at(angle: Array) -> Array:
        turned = half * jnp.cos(2 * angle) + off * jnp.sin(2 * angle)
        # As a product of two lengths, which does not cancel where one of them is small.
        return 0.5 * weights @ (jnp.log(mean + turned) + jnp.log(mean - turned))

    return jax.lax.map(at, jnp.asarray(ANGLES))


def best_rotations(pairs: Float[np.ndarray, "angles P"], d: int) -> list[Rotation]:
    """The best rotation of every pair, the largest saving first; a parabola through three angles refines each."""
    first, second = np.triu_indices(d, 1)
    step, found = ANGLES[1] - ANGLES[0], []
    for p, (k, other) in enumerate(zip(first, second, strict=True)):
        curve = pairs[:, p]
        i = int(np.argmin(curve))
        left, middle, right = curve[i - 1], curve[i], curve[(i + 1) % len(curve)]
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
        lowest = middle - 0.25 * (left - right) * shift
        # A turn by more than 45 degrees is an exchange and a turn the other way.
        angle = (ANGLES[i] + shift * step + np.pi / 4) % (np.pi / 2) - np.pi / 4
        found.append(Rotation((int(k), int(other)), float(angle), float(max(0.0, curve[0] - lowest))))
    return sorted(found, key=lambda rotation: -rotation.saving)
