"""The claim `posterior-collapse`: the objective that it maximises, and the small decoders that it perturbs with."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import posterior_collapse as claim

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-5 of functions of size one."""


def test_the_objective_has_the_gradient_it_says() -> None:
    """The gradient of the average beta-ELBO agrees with central differences."""
    rng = np.random.default_rng(1)
    point, L = 0.5 * rng.standard_normal(2 * claim.SIZE + claim.LATENT_DIM), np.array([1.5, 0.7, 0.3])
    _, gradient = claim.objective(point, L, 0.4, 1.7)
    for i in range(point.size):
        shift = 1e-5 * np.eye(point.size)[i]
        rise = claim.objective(point + shift, L, 0.4, 1.7)[0] - claim.objective(point - shift, L, 0.4, 1.7)[0]
        assert gradient[i] == pytest.approx(rise / 2e-5, abs=DIFFERENCE * (1 + abs(gradient[i])))


def test_an_even_decoder_leaves_the_collapsed_solution_at_the_same_threshold() -> None:
    """A decoder without a linear part gains below the largest eigenvalue of the data and loses above it."""
    x = claim.sample(3)[0]
    values, axes = np.linalg.eigh(x.T @ x / claim.POINTS)
    even = 1e-2 * np.stack([0 * axes[:, -1], axes[:, -1], 0 * axes[:, -1]])
    for factor, sign in ((0.9, 1), (1.1, -1)):
        gain = sum(claim._best(point, even, factor * values[-1], 1.0) for point in x)
        assert np.sign(gain) == sign
