"""Where searches begin: fixed points of the prior, solutions of f(z) = x, and refused requests."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.model import LatentModel
from elbogap.numerics.starts import as_starts, fixed_starts, normal_points


def test_the_fixed_points_are_fixed_and_begin_at_the_origin() -> None:
    """The same points at every call, the origin first, all different."""
    points = normal_points(3)
    assert np.array_equal(points, normal_points(3)) and np.array_equal(points[0], np.zeros(3))
    assert len(np.unique(points, axis=0)) == len(points)


def test_every_start_solves_a_decoder_that_is_onto() -> None:
    """For an invertible decoder each fixed start ends at the preimage, wherever the noise puts its metric."""
    W = jnp.array([[1.2, 0.4], [-0.3, 0.9]])
    x = jnp.array([0.5, -0.7])
    model = LatentModel(lambda z: W @ z, 2, noise_var=jnp.array([1e-2, 4e-2]))
    starts = fixed_starts(model, x)
    # Levenberg-Marquardt stops at a relative step of 1e-6.
    assert np.allclose(starts, jnp.linalg.solve(W, x), atol=1e-5)


def test_both_branches_of_a_fold_are_found() -> None:
    """For f(z) = z^2 the fixed starts reach the preimage on either side of the fold."""
    model = LatentModel(lambda z: z**2, 1, noise_var=1e-2)
    starts = np.asarray(fixed_starts(model, jnp.array([1.44])))[:, 0]
    assert np.any(np.abs(starts - 1.2) < 1e-5) and np.any(np.abs(starts + 1.2) < 1e-5)


@pytest.mark.parametrize("shape", [(3,), (0, 2), (2, 2, 2)])
def test_a_start_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Starts are (d,) or (S, d) with at least one; anything else is refused with what came."""
    with pytest.raises(ValueError, match="start: expected shape"):
        as_starts(2, np.zeros(shape))
    assert as_starts(2, np.zeros(2)).shape == (1, 2)
