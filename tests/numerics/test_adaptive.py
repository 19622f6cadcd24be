"""Proposals for posteriors without a smooth mode: where there is one, they have its moments."""

import jax.numpy as jnp
import numpy as np
from elbogap.numerics.adaptive import adapted_modes
from elbogap.numerics.importance_sampling import Draws, draws
from elbogap.numerics.model import LatentModel

SAMPLED = 0.1
"""Of moments from 1024 pairs, most of which count."""

WIDENED = 1.1
"""The fitted covariance is widened by this factor."""


def test_the_proposal_of_a_linear_decoder_has_its_posteriors_moments():
    """Mean and covariance of the first "mode" are the posterior's, the second is as wide as the prior."""
    A, eps, x = np.array([[1.0, 0.4], [-0.2, 0.9], [0.5, 0.5]]), 0.05, np.array([0.4, -0.3, 0.1])
    model = LatentModel(lambda z: jnp.asarray(A) @ z, 2, noise_var=eps)
    rng = np.random.default_rng(0)
    rounds = Draws(*(np.stack(part) for part in zip(*(draws(rng, 1024, 2) for _ in range(3)), strict=True)))
    found = adapted_modes(model, jnp.asarray(x), jnp.zeros((1, 2)), jnp.ones(2), rounds)
    precision = A.T @ A / eps + np.eye(2)
    mean, root = np.linalg.solve(precision, A.T @ x / eps), np.linalg.cholesky(precision)
    assert bool(np.all(found.converged))
    assert np.linalg.norm(root.T @ (found.point[0] - mean)) < SAMPLED
    covariance = root.T @ np.linalg.inv(np.asarray(found.hessian[0]) / eps) @ root
    assert np.allclose(covariance, WIDENED * np.eye(2), rtol=0, atol=SAMPLED)
    assert np.allclose(found.point[1], 0.0) and np.allclose(found.hessian[1], eps * np.eye(2))
