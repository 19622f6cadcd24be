"""Strict promotion of dtypes: no public call of the library mixes integers, booleans or precisions silently."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics import (
    LatentModel,
    Poisson,
    amari_distance,
    block_contrast,
    conformal_contrast,
    contrast_of_jacobian,
    expansion,
    finite_noise_contrast,
    gap,
)
from elbogap.numerics.derivatives import decoder_derivatives
from elbogap.numerics.families.registry import FAMILIES


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """JAX refuses to promote anything but Python's own numbers."""
    with jax.numpy_dtype_promotion("strict"):
        yield


def curve(z: jax.Array) -> jax.Array:
    """z and a sine of it: D = 2 d."""
    return jnp.concatenate([z, jnp.sin(2 * z)])


def test_the_setting_refuses_what_it_should() -> None:
    """A boolean times a float is refused, so that the other tests can fail."""
    with pytest.raises(ValueError, match="no available implicit dtype promotion"):
        (jnp.ones(2) > 0) * jnp.ones(2)


@pytest.mark.parametrize("d", [1, 5])
def test_the_gap_promotes_nothing(d: int) -> None:
    """The gap with its searches, quadrature and cubature, and by sampling above d = 4, is traced under strict rules."""
    model = LatentModel(curve, d, noise_var=1e-2)
    assert jax.eval_shape(lambda: gap(model, curve(0.3 * jnp.ones(d)))).dtype == jnp.float64


def test_contrasts_expansion_and_counts_promote_nothing() -> None:
    """So are the contrasts in either precision, the expansion, and the gap of counts."""
    matrix = np.random.default_rng(0).standard_normal((3, 2))
    for dtype in (jnp.float32, jnp.float64):
        J = jnp.asarray(matrix, dtype)
        calls = (contrast_of_jacobian, conformal_contrast, lambda J: block_contrast(J, ((0, 1),)))
        for call in (*calls, lambda J: finite_noise_contrast(J, 0.1), lambda J: amari_distance(J[:2], J[:2])):
            assert jax.eval_shape(call, J).dtype == dtype
    z = 0.3 * jnp.ones(2)
    assert jax.eval_shape(lambda: expansion(LatentModel(curve, 2, noise_var=1e-2), z)).gap_slope.dtype == jnp.float64
    counts = LatentModel(curve, 2, observation=Poisson(10.0))
    assert jax.eval_shape(lambda: gap(counts, jnp.ones(4), start=z)).dtype == jnp.float64


@pytest.mark.parametrize("name", FAMILIES)
def test_families_promote_nothing(name: str) -> None:
    """So are the decoders of every family with three derivatives."""
    rng = np.random.default_rng(0)
    decoder, point = FAMILIES[name].draw(rng, 2), FAMILIES[name].point(rng, 2)
    assert jax.eval_shape(lambda: decoder_derivatives(decoder, jnp.asarray(point), 3)) is not None
