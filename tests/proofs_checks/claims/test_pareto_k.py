"""The claim `pareto-k`: its tail integral against samples, and the variance's threshold."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import pareto_k as claim

SAMPLED = 0.03
"""Five standard errors of the local index from 4000 weights beyond the threshold."""


def test_the_local_index_is_the_mean_excess_of_samples() -> None:
    """P/-P' agrees with the tail that samples of the weights have, where a sample reaches it."""
    kappa = np.array([0.6, -0.25, -0.35])
    s = 0.8
    y = np.random.default_rng(5).standard_normal((400_000, 3))
    logs = 0.5 * (y**2) @ kappa
    width = 0.05
    tail = np.mean(logs > s)
    density = np.mean(np.abs(logs - s) < width) / (2 * width)
    assert claim._local(s, kappa)[0] == pytest.approx(tail / density, abs=SAMPLED)


def test_the_variance_of_the_weights_is_finite_below_one_half() -> None:
    """chi2 of the claim importance-weighted, det R / sqrt(det(2R - I)) - 1, has its pole at kappa = 1/2."""
    for rho, finite in ((0.49, True), (0.51, False)):
        R = np.array([[1.0, rho], [rho, 1.0]])
        assert (np.min(np.linalg.eigvalsh(2 * R - np.eye(2))) > 0) == finite == (1 - np.linalg.eigvalsh(R)[0] < 0.5)
