"""A Laplace prior at its kink: the closed form of the gap."""

import numpy as np
from elbogap.numerics.special.laplace_prior import gap_at_kink
from elbogap.proofs_checks.potential import metric


def test_without_a_kink_the_closed_form_is_that_of_the_linear_vae():
    """A Laplace scale so large that the prior is flat leaves 1/2 [log P s^2]: the contrast with one prior precision."""
    eps = np.array([1e-1, 1e-3])
    A = metric(np.array([[[1.0, 0.4], [-0.3, 0.9]]]))
    gap = gap_at_kink(A, np.array([1e14]), np.array([0.7]), eps)
    regularised = A[0, 1, 1] + eps
    expected = -0.5 * np.log(1 - A[0, 0, 1] ** 2 / (A[0, 0, 0] * regularised))
    # A scale of 1e14 leaves a cost of 1e-14 or less.
    assert np.allclose(gap[0], expected, atol=1e-12)
