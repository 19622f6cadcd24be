"""The ELBO of a Gaussian by sampling, where it is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.importance_sampling import draws, sampled_elbo
from elbogap.numerics.model import LatentModel

ROUND_OFF = 1e-11
"""Sums of some dozen terms of size ten."""


@pytest.mark.parametrize("bend", [0.0, 0.3])
def test_the_sampled_elbo_is_that_of_the_formula(bend: float):
    """A linear decoder has no sampling error at all; the square of a latent adds b^2 Var z^2 / (2 eps), within it."""
    A = np.array([[1.0, 0.4], [-0.2, 0.9], [0.5, 0.5]])
    mean, std, eps = np.array([0.3, -0.5]), np.array([0.2, 0.4]), 0.1
    x = np.array([0.1, -0.6, 0.2])

    def decoder(z):
        return jnp.append(jnp.asarray(A) @ z, bend * z[0] ** 2)

    model = LatentModel(decoder, 2, noise_var=eps)
    data = jnp.append(jnp.asarray(x), 0.0)
    found = sampled_elbo(
        model, data, jnp.asarray(mean), jnp.asarray(std), jnp.zeros(()), draws(np.random.default_rng(1), 64, 2)
    )
    misfit = np.sum((x - A @ mean) ** 2) + np.sum((A * std) ** 2)
    fourth = mean[0] ** 4 + 6 * mean[0] ** 2 * std[0] ** 2 + 3 * std[0] ** 4
    misfit += bend**2 * fourth
    prior = -0.5 * np.sum(mean**2 + std**2) - np.log(2 * np.pi)
    exact = -0.5 * misfit / eps + prior + np.sum(np.log(std)) + np.log(2 * np.pi * np.e)
    constant = float(model.exponent(jnp.zeros(2), data)) - (-0.5 * np.sum(x**2) / eps - np.log(2 * np.pi))
    assert abs(float(found.value) - constant - exact) <= float(found.error) + ROUND_OFF
    assert float(found.error) < (ROUND_OFF if bend == 0 else 0.02)
