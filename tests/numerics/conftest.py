"""The decoders of the reference tables, f2 and f3 (square), f23 (a surface in R^3), and polynomials."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest


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
    """Decoders f2, f3, f23, cubic, cubic2 and the points g2, g3 of the tables."""
    return SimpleNamespace(
        f2=f2,
        f3=f3,
        f23=f23,
        cubic=cubic,
        cubic2=cubic2,
        unit_normal=unit_normal,
        g2=jnp.array([0.7, -0.4]),
        g3=jnp.array([0.7, -0.4, 0.3]),
    )
