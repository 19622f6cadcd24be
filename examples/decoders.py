"""Small decoders to audit, each with a known answer: `elbogap audit examples/decoders.py:entangled --latent-dim 3`.

- moebius: z -> an inversion of the shifted latents; conformal, so its Jacobian has orthogonal columns, contrast 0.
- rotated_moebius: latents scaled apart and rotated by 0.6 before the same map: contrast > 0, undone by that rotation.
- entangled: latents 0 and 2 push the output along almost the same direction, latent 1 has its own.
- collapsed: latent 1 hardly moves the output; at the default noise variance its posterior is its prior.
"""

import jax.numpy as jnp
import numpy as np

CENTRE = np.array([3.0, 4.0])  # far from the bulk of the prior: the inversion is smooth where the latents are
ANGLE = 0.6


def moebius(z):
    """Moebius map of the plane: x = c + 25 (z - c) / |z - c|^2 about the circle of radius 5 around c."""
    offset = z - CENTRE
    return CENTRE + 25.0 * offset / jnp.sum(offset**2)


def rotated_moebius(z):
    """The Moebius map of (1.25 y_1, y_2 / 2), y the rotation of z by 0.6."""
    c, s = np.cos(ANGLE), np.sin(ANGLE)
    y = jnp.stack([c * z[0] - s * z[1], s * z[0] + c * z[1]])
    return moebius(y * np.array([1.25, 0.5]))


def entangled(z):
    """Three latents, six outputs; columns 0 and 2 have a cosine of 0.86, column 1 is orthogonal to both."""
    first = jnp.array([1.0, 0.0, 0.2, 0.0, 0.1, 0.0])
    shared = jnp.array([0.8, 0.0, 0.2, 0.0, 0.6, 0.0])
    own = jnp.array([0.0, 1.0, 0.0, 0.3, 0.0, 0.2])
    return first * jnp.tanh(0.7 * z[0]) + own * (z[1] + 0.1 * z[1] ** 3) + shared * z[2]


def collapsed(z):
    """Three latents, four outputs; latent 1 is multiplied by 1/1000."""
    return jnp.stack([z[0] + 0.2 * jnp.sin(z[2]), 1e-3 * z[1], z[2] - 0.2 * jnp.sin(z[0]), 0.3 * z[0] * z[2]])
