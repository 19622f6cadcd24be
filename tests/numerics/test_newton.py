"""The globalised Newton minimiser on functions whose minimum is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.newton import minimise, second_derivatives


def rosenbrock(y):
    """Minimum 0 at (1, 1), along a curved valley."""
    return 100 * (y[1] - y[0] ** 2) ** 2 + (1 - y[0]) ** 2


@pytest.fixture(scope="module")
def search():
    """The minimiser of Rosenbrock's function from a traced start, mapped over starts."""
    return jax.jit(jax.vmap(lambda start: minimise(second_derivatives(rosenbrock), start)))


def test_curved_valley_from_many_starts(search):
    """Every start, far ones included, ends at the minimum, and says so."""
    starts = np.random.default_rng(0).normal(scale=5.0, size=(20, 2))
    found = search(starts)
    assert bool(jnp.all(found.converged))
    # The decrement 1e-10 bounds the error relative to a curvature of at least 0.4.
    np.testing.assert_allclose(found.point, 1.0, atol=1e-8)


def test_start_that_is_not_finite_is_not_converged(search):
    """A start with nan is reported as not converged instead of looping or raising."""
    found = search(jnp.array([[jnp.nan, 0.0], [0.0, 0.0]]))
    assert not bool(found.converged[0])
    assert bool(found.converged[1])


def test_saddle_is_left_and_maximum_is_no_minimum():
    """Near a saddle the modified Hessian descends to a minimum; at an exact maximum converged is False."""

    def double_well(y):
        return (y[0] ** 2 - 1) ** 2 + y[1] ** 2

    run = jax.jit(lambda start: minimise(second_derivatives(double_well), start))
    left = run(jnp.array([1e-3, 0.5]))
    assert bool(left.converged)
    np.testing.assert_allclose(left.point, [1.0, 0.0], atol=1e-8)
    assert not bool(run(jnp.array([0.0, 0.0])).converged)


def test_steps_into_the_undefined_are_rejected():
    """Where a full step leaves the domain (log of a negative number), damping brings it back."""
    run = jax.jit(lambda start: minimise(second_derivatives(lambda y: jnp.sum(y - jnp.log(y))), start))
    found = run(jnp.array([5.0, 1e-3]))
    assert bool(found.converged)
    np.testing.assert_allclose(found.point, 1.0, atol=1e-9)


def test_unbounded_below_does_not_converge():
    """A function without a minimum is reported as not converged."""
    found = jax.jit(lambda start: minimise(second_derivatives(lambda y: jnp.sum(y)), start, max_steps=30))(jnp.ones(1))
    assert not bool(found.converged)
