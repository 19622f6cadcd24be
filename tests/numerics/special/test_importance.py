"""Means of importance weights, without Monte Carlo."""

import numpy as np
import pytest
from elbogap.numerics.special.importance import SAMPLES, correlation, limit_weights, log_mean_slopes, log_means

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


def test_slopes_are_difference_quotients():
    """With log w = log w0 + eps b the slope in eps is that of `log_means`; an odd a enters by its square alone."""
    even, h = np.cos(SAMPLES[:, :1].T), 1e-4
    log_w = limit_weights(correlation(np.array([[[2.0, 0.7], [0.7, 1.1]]])))
    counts = (1, 2, 8)
    found = log_mean_slopes(log_w, np.zeros_like(even), even, counts)
    quotient = (log_means(log_w + h * even, counts) - log_means(log_w - h * even, counts)) / (2 * h)
    assert np.allclose(found, quotient, rtol=0, atol=10 * h**2)
    odd = np.sin(SAMPLES[:, 1:].T)
    plus, minus = (log_mean_slopes(log_w, sign * odd, 0 * even, counts) for sign in (1, -1))
    middle, step = log_means(log_w, counts), np.sqrt(h) * odd
    second = (log_means(log_w + step, counts) + log_means(log_w - step, counts) - 2 * middle) / (2 * h)
    assert np.array_equal(plus, minus) and np.allclose(plus, second, rtol=0, atol=10 * h)
