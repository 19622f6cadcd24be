"""The claim `entropy-sums`: the ELBO that it maximises, and its points."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import entropy_sums as claim

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-5 of functions of size one to ten."""


def test_the_elbo_of_curves_has_the_gradient_it_says() -> None:
    """The gradient of the average ELBO agrees with central differences."""
    x, rng = claim._data(1), np.random.default_rng(2)
    point = 0.3 * rng.standard_normal(claim.CURVE + 1 + 2 * claim.POINTS)
    _, gradient = claim.curve_elbo(point, x)
    for i in range(point.size):
        shift = 1e-5 * np.eye(point.size)[i]
        rise = claim.curve_elbo(point + shift, x)[0] - claim.curve_elbo(point - shift, x)[0]
        assert gradient[i] == pytest.approx(rise / 2e-5, abs=DIFFERENCE * (1 + abs(gradient[i])))


def test_the_linear_elbo_is_stationary_where_the_slopes_vanish() -> None:
    """At the best scales and noise the linear ELBO falls in every direction."""
    G, W, eps, S = claim._given(3, 1e-2)
    best = claim.linear_elbo(W, eps, S)
    for factor in (0.99, 1.01):
        assert claim.linear_elbo(W, factor * eps, S) < best
        assert claim.linear_elbo(W * [factor, 1], eps, S) < best
    assert np.allclose(W / G, (W / G)[0])
