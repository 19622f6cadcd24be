"""Inputs on which numbers used to be wrong in silence: overflow, and directions that hardly move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.expansion import expansion
from elbogap.numerics.gap import gap, measure_gap
from elbogap.numerics.model import LatentModel

START = np.zeros(1)


def line(z):
    """One latent, two outputs."""
    return jnp.array([0.8 * z[0], 0.6 * z[0]])


FAR = jax.jit(lambda x: measure_gap(LatentModel(line, 1, noise_var=1e-12), x, start=START))


@pytest.mark.parametrize("x", [(1e3, -3e3), (300.0, -1000.0)])
def test_far_off_the_manifold_the_gap_is_right(x):
    """The gap of one linear latent is 0; at eps = 1e-12, far from the line, it is so within a small stated error."""
    found = FAR(np.array(x))
    assert bool(found.converged) and abs(float(found.gap)) <= float(found.gap_error) < 1e-3


def test_an_error_that_is_too_large_for_the_caller_raises():
    """`gap` raises in one line where its error exceeds `largest_error`."""
    model = LatentModel(line, 1, noise_var=1e-12)
    with pytest.raises(ArithmeticError, match="expected an error of at most 1e-09 nat, got"):
        gap(model, np.array([300.0, -1000.0]), start=START, largest_error=1e-9)


@pytest.fixture(scope="module")
def plane():
    """The expansion of z -> J z at 0, one program for all J."""
    return jax.jit(lambda jacobian: expansion(LatentModel(lambda z: jacobian @ z, 2), np.zeros(2)))


def test_a_direction_that_hardly_moves_is_seen(plane):
    """Columns that differ by 1e-4: the smallest curvature is 5e-9, though no diagonal entry of M is small."""
    jacobian = np.array([[1.0, 1.0], [0.0, 1e-4], [0.5, 0.5]])
    found = plane(jacobian)
    exact = np.linalg.svd(jacobian, compute_uv=False)[-1] ** 2
    # M = J'J loses the digits of a square.
    assert float(found.smallest_curvature) == pytest.approx(exact, rel=1e-6)
    assert 1 / float(np.max(found.variance)) > 1.0 and exact < 1e-8


def test_a_direction_that_does_not_move_is_refused(plane):
    """Columns that differ by 1e-9 are dependent beyond round-off of M: no expansion."""
    with pytest.raises(Exception, match="Hess V to be positive definite"):
        jax.block_until_ready(plane(np.array([[1.0, 1.0], [0.0, 1e-9], [0.5, 0.5]])))
