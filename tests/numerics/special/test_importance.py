"""Means of importance weights, without Monte Carlo."""

import numpy as np
import pytest
from elbogap.numerics.special.importance import correlation, limit_weights, log_means

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""


def test_one_importance_sample_gives_the_contrast():
    """For K = 1 the limit is the contrast of R, and no other counts than powers of two are taken."""
    A = np.array([[[2.0, 0.7], [0.7, 1.1]], [[1.0, 0.0], [0.0, 3.0]]])
    R = correlation(A)
    found = -log_means(limit_weights(R), (1, 2, 4))
    assert np.allclose(found[:, 0], -0.5 * np.linalg.slogdet(R)[1], atol=ROUND_OFF)
    assert np.all(np.diff(found[0]) < 0) and np.allclose(found[1], 0.0, atol=ROUND_OFF)
    with pytest.raises(ValueError, match="power of two"):
        log_means(limit_weights(R), (3,))
