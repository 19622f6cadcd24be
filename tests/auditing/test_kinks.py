"""Kinks of decoders: found where the derivative jumps, not where it is only steep; and measured right there."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.entries import Setting, expanded_at, measured_at
from elbogap.auditing.inputs.decoder import Decoder, as_decoder
from elbogap.auditing.kinks import find_kinks, on_a_kink
from elbogap.numerics.model import LatentModel
from scipy.stats import norm

POINTS = np.random.default_rng(0).standard_normal((30, 2))
WEIGHT = np.random.default_rng(1).standard_normal((6, 2))
PLACE = 1e-6
"""A line of length 6, of which a cell is halved at least twenty times."""


@pytest.mark.parametrize(
    ("function", "kinked"),
    [
        (lambda z: jax.nn.relu(WEIGHT @ z), True),
        (lambda z: jnp.concatenate([z, jnp.abs(z)]), True),
        (lambda z: jnp.clip(z, -1, 1), True),
        (lambda z: jnp.tanh(50 * WEIGHT @ z), False),
        (lambda z: jax.nn.softplus(20 * WEIGHT @ z), False),
        (lambda z: WEIGHT @ z, False),
    ],
    ids=["relu", "abs", "clip", "steep tanh", "softplus", "linear"],
)
def test_kinks_are_told_from_steep_places(function, kinked: bool) -> None:
    """ReLU, abs and clamps have kinks; steep smooth functions and linear ones have none."""
    found = find_kinks(Decoder(function, (6,), "jax"), POINTS)
    assert found.found == kinked and (found.jump > 0.01) == kinked


def test_the_place_of_a_kink_is_on_it() -> None:
    """Halving ends at the kink: of clamps one latent is at a bound, of absolute values one is zero."""
    clamp = find_kinks(Decoder(lambda z: jnp.clip(z, -1, 1), (2,), "jax"), POINTS).where
    assert np.min(np.abs(np.abs(clamp) - 1)) < PLACE
    size = find_kinks(Decoder(lambda z: jnp.concatenate([z + z**3, jnp.abs(z)]), (4,), "jax"), POINTS).where
    assert np.min(np.abs(size)) < PLACE


def test_points_on_a_kink_are_counted() -> None:
    """A point at which the derivative jumps, whatever side it takes there, and none beside it or on a steep slope."""
    decoder = Decoder(lambda z: jnp.concatenate([jnp.abs(z), jnp.tanh(50 * z)]), (4,), "jax")
    points = np.array([[0.0, 0.7], [1e-3, 0.7], [0.4, 0.0], [0.2, -0.5]])
    assert list(on_a_kink(decoder, points)) == [True, False, True, False]
    found = find_kinks(decoder, points)
    assert found.found and (found.points_on, found.points) == (2, 4)
    assert not np.any(on_a_kink(Decoder(lambda z: jnp.tanh(50 * z), (2,), "jax"), points))
    assert not np.any(on_a_kink(Decoder(lambda z: z**2, (2,), "jax"), points)), "a fold is no kink"


def test_float32_noise_is_no_kink() -> None:
    """The derivative of a smooth decoder in float32 jitters, and has no kink."""
    weight = jnp.asarray(WEIGHT, jnp.float32)
    assert not find_kinks(as_decoder(lambda z: jnp.tanh(weight @ z.astype(jnp.float32)), 2), POINTS).found
    coarse = as_decoder(lambda z: jnp.tanh(weight.astype(jnp.bfloat16) @ z.astype(jnp.bfloat16)), 2)
    assert find_kinks(coarse, POINTS).points_on == 0


def test_a_point_on_a_clamp_is_measured_within_its_error_or_not_at_all() -> None:
    """For clip(z, -1, 1) and x = 1, where half the posterior is the prior's tail, log p is the exact integral.

    At eps = 1e-6 no sample of an encoder is exact enough, and the point counts as failed.
    """
    model = LatentModel(as_decoder(lambda z: jnp.clip(z, -1, 1), 1), 1, noise_var=1e-2)
    z, deviation = np.linspace(-1, 1, 2_000_001), 0.1
    exact = np.log(np.trapezoid(norm.pdf(z) * norm.pdf(1.0, z, deviation), z) + norm.sf(1) * norm.pdf(0, 0, deviation))
    setting, one = Setting(model, np.ones(1), 1024, kinked=True), jnp.ones(1)
    found = measured_at(setting, one, one, None, np.random.default_rng(0))
    assert found is not None and found.sampled
    error = float(found.found.gap_error)
    assert abs(float(found.found.log_likelihood) - exact) <= error < 0.1
    assert float(found.found.gap) > -error
    tiny = replace(setting, model=model.with_noise(1e-6))
    assert measured_at(tiny, one, one, None, np.random.default_rng(0)) is None


def test_kinks_leave_no_a1() -> None:
    """At a kinked decoder the contrast is that of the Jacobian, a1 is left out, and the reason is told."""
    model = LatentModel(as_decoder(lambda z: jax.nn.relu(WEIGHT @ z) + z[0], 2), 2, noise_var=1e-4)
    setting = Setting(model, np.ones(2), 1024, kinked=True)
    found = expanded_at(setting, model.decoder(jnp.array([0.3, 0.8])), jnp.array([0.3, 0.8]), 0.5)
    assert np.isnan(found.a1) and found.left_out == "kinks" and not found.finite_noise and found.contrast > 0
