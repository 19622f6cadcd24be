"""The identities of an optimal encoder: they hold at the optimum, bound the errors, and fail beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.encoder import optimal_encoder
from elbogap.numerics.model import LatentModel
from elbogap.numerics.stationarity import stationarity

W = jnp.array([[1.2, 0.4], [-0.3, 0.9]])
EPS = 1e-2
X = jnp.array([0.5, -0.7])


@pytest.fixture(scope="module")
def linear():
    """A linear model, and its best mean-field encoder in closed form."""
    precision = W.T @ W / EPS + jnp.eye(2)
    mean = jnp.linalg.solve(precision, W.T @ X / EPS)
    return LatentModel(lambda z: W @ z, 2, noise_var=EPS), mean, 1 / jnp.sqrt(jnp.diagonal(precision))


def test_the_closed_form_is_stationary(linear) -> None:
    """At the exact optimum the force vanishes, the precision is 1/sigma^2, and the stated errors are round-off."""
    model, mean, std = linear
    found = stationarity(model, X, mean, std)
    assert np.allclose(found.force * std, 0.0, atol=1e-11)
    assert np.allclose(found.precision * std**2, 1.0, rtol=1e-12)
    assert np.all(found.mean_error < 1e-12) and np.all(found.variance_error < 1e-13)


@pytest.mark.parametrize("shift", [1e-6, 1e-3])
def test_the_stated_errors_bound_the_true_ones(linear, shift: float) -> None:
    """Beside the optimum the true errors lie below the stated ones, which are no larger than need be."""
    model, mean, std = linear
    moved_mean, moved_std = mean + shift * jnp.array([1.0, -0.5]) * std, std * (1 + shift * jnp.array([0.5, 1.0]))
    found = stationarity(model, X, moved_mean, moved_std)
    true_mean, true_variance = jnp.abs(moved_mean - mean), jnp.abs(moved_std**2 - std**2)
    # The bound of the mean is a Newton step, exact for a quadratic but for its sum of absolute values.
    assert np.all(true_mean <= found.mean_error) and np.all(found.mean_error <= 1.01 * true_mean + 1e-12)
    assert np.all(true_variance <= found.variance_error)
    assert np.all(found.variance_error <= 1.01 * true_variance + 1e-13)


def test_a_found_encoder_is_stationary(examples) -> None:
    """What the search calls converged satisfies both identities far below the posterior's width."""
    model = LatentModel(examples.f2, 2, noise_var=1e-3)
    x = examples.f2(examples.g2)
    found = jax.jit(lambda x: optimal_encoder(model, x, start=examples.g2))(x)
    left = jax.jit(lambda mean, std: stationarity(model, x, mean, std))(found.mean, found.std)
    assert found.converged and np.all(left.mean_error < 1e-8 * found.std)
    assert np.all(left.variance_error < 1e-8 * found.std**2)
