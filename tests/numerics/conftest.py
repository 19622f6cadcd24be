"""The decoders of the reference tables: f2 and f3 (square), f23 (a surface in R^3), f2 folded and swirled, polynomials.

Prior N(0, I); f2 after the fold z -> (z_1^2, z_2 + 0.4 z_1) is not injective (claim `folds`), after the swirl it has
the same likelihood (claim `spurious-solutions`).
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.families import Shear, Swirl


@pytest.fixture
def float32():
    """JAX without float64, for one test (`jax.enable_x64` is newer than the lowest JAX)."""
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)


def f2(z):
    """B tanh(y/2) + 0.8 y with y = (z1 + .5 tanh z2, 1.3 z2 + .4 sin z1)."""
    y = jnp.stack([z[0] + 0.5 * jnp.tanh(z[1]), 1.3 * z[1] + 0.4 * jnp.sin(z[0])])
    return jnp.array([[1.0, 0.6], [-0.2, 1.1]]) @ jnp.tanh(y / 2) + 0.8 * y


def f3(z):
    """The same form with three latents."""
    y = jnp.stack(
        [
            z[0] + 0.5 * jnp.tanh(z[1]) + 0.2 * z[2],
            1.3 * z[1] + 0.4 * jnp.sin(z[0]),
            z[2] + 0.3 * z[1] * jnp.cos(z[0]),
        ]
    )
    matrix = jnp.array([[1.0, 0.6, -0.3], [-0.2, 1.1, 0.4], [0.5, -0.3, 0.9]])
    return matrix @ jnp.tanh(y / 2) + 0.8 * y


def f23(z):
    """A curved surface in R^3."""
    return jnp.stack(
        [
            z[0] + 0.3 * z[1] + 0.2 * jnp.sin(z[1]),
            z[1] - 0.25 * z[0] + 0.15 * z[0] ** 2,
            0.5 * jnp.sin(z[0]) + 0.4 * jnp.cos(z[1]) + 0.2 * z[0] * z[1],
        ]
    )


def folded(z):
    """f2(z1^2, z2 + .4 z1)."""
    return f2(jnp.stack([z[0] ** 2, z[1] + 0.4 * z[0]]))


def swirled(z):
    """f2(R(|z|^2 / 2) z); the preimage of f2(g) is a^-1(g)."""
    return f2(Swirl(np.array(1.0))(z))


def cubic(z):
    """A polynomial decoder of three latents, as quick to compile as can be."""
    y = jnp.stack([z[0] + 0.3 * z[1] ** 2, z[1] - 0.2 * z[0] * z[2], z[2] + 0.1 * z[0] ** 3])
    return jnp.array([[1.0, 0.6, -0.3], [-0.2, 1.1, 0.4], [0.5, -0.3, 0.9]]) @ y


def cubic2(z):
    """The same with two latents."""
    return cubic(jnp.append(z, 0.1))[:2]


def unit_normal(decoder, z):
    """The unit normal J_1 x J_2 / |.| of a surface in R^3."""
    jacobian = jax.jacfwd(decoder)(z)
    normal = jnp.cross(jacobian[:, 0], jacobian[:, 1])
    return normal / jnp.linalg.norm(normal)


@pytest.fixture(scope="session")
def examples():
    """Decoders f2, f3, f23, folded, swirled, shear, cubic, cubic2 and the points of the tables."""
    return SimpleNamespace(
        f2=f2,
        f3=f3,
        f23=f23,
        cubic=cubic,
        cubic2=cubic2,
        unit_normal=unit_normal,
        folded=folded,
        swirled=swirled,
        shear=Shear(np.array([[1.0, 0.5], [-0.2, 1.2]]), np.array([0.5]), np.array([0.2])),
        folded_branches=np.array([[0.9, -0.3], [-0.9, 0.42]]),  # two preimages under `folded`
        g2=jnp.array([0.7, -0.4]),
        g3=jnp.array([0.7, -0.4, 0.3]),
    )
