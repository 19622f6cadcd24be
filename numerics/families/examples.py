"""The named decoders of the reference tables, with the points at which their numbers hold.

All are plain functions of z. Prior N(0, I). f2 and f3 are square, f23 is a surface in R^3, `shear` is
polynomial; `folded` is f2 after a fold, z -> f2(z_1^2, z_2 + 0.4 z_1), not injective (claim `folds`); `swirled` is f2
after the swirl of claim `spurious-solutions`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .automorphisms import Swirl
from .shear import Shear

G2 = np.array([0.7, -0.4])
G3 = np.array([0.7, -0.4, 0.3])
FOLDED_BRANCHES = np.array([[0.9, -0.3], [-0.9, 0.42]])  # two preimages under `folded`

SHEAR = Shear(np.array([[1.0, 0.5], [-0.2, 1.2]]), np.array([0.5]), np.array([0.2]))


def f2(z: Float[Array, "2"]) -> Float[Array, "2"]:
    """B tanh(y/2) + 0.8 y, y = (z1 + .5 tanh z2, 1.3 z2 + .4 sin z1), B = [[1, .6], [-.2, 1.1]]."""
    y = jnp.stack([z[0] + 0.5 * jnp.tanh(z[1]), 1.3 * z[1] + 0.4 * jnp.sin(z[0])])
    return jnp.array([[1.0, 0.6], [-0.2, 1.1]]) @ jnp.tanh(y / 2) + 0.8 * y


def f3(z: Float[Array, "3"]) -> Float[Array, "3"]:
    """B3 tanh(y/2) + 0.8 y, y = (z1 + .5 tanh z2 + .2 z3, 1.3 z2 + .4 sin z1, z3 + .3 z2 cos z1)."""
    y = jnp.stack(
        [
            z[0] + 0.5 * jnp.tanh(z[1]) + 0.2 * z[2],
            1.3 * z[1] + 0.4 * jnp.sin(z[0]),
            z[2] + 0.3 * z[1] * jnp.cos(z[0]),
        ]
    )
    return jnp.array([[1.0, 0.6, -0.3], [-0.2, 1.1, 0.4], [0.5, -0.3, 0.9]]) @ jnp.tanh(y / 2) + 0.8 * y


def f23(z: Float[Array, "2"]) -> Float[Array, "3"]:
    """(z1 + .3 z2 + .2 sin z2, z2 - .25 z1 + .15 z1^2, .5 sin z1 + .4 cos z2 + .2 z1 z2)."""
    return jnp.stack(
        [
            z[0] + 0.3 * z[1] + 0.2 * jnp.sin(z[1]),
            z[1] - 0.25 * z[0] + 0.15 * z[0] ** 2,
            0.5 * jnp.sin(z[0]) + 0.4 * jnp.cos(z[1]) + 0.2 * z[0] * z[1],
        ]
    )


def shear(z: Float[Array, "2"]) -> Float[Array, "2"]:
    """M (z1 + z2^2/2 + z2^3/5, z2), M = [[1, 1/2], [-1/5, 6/5]]."""
    return SHEAR(z)


def folded(z: Float[Array, "2"]) -> Float[Array, "2"]:
    """f2(z1^2, z2 + .4 z1)."""
    return f2(jnp.stack([z[0] ** 2, z[1] + 0.4 * z[0]]))


def swirled(z: Float[Array, "2"]) -> Float[Array, "2"]:
    """f2(R(|z|^2 / 2) z); the preimage of f2(g) is a^-1(g)."""
    return f2(Swirl(np.array(1.0))(z))
