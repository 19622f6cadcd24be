"""The search for the best Gaussian encoder of one latent."""

import numpy as np
from elbogap.numerics.special.one_latent import HALF_LOG_2PIE, expected, maximise

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""


def test_the_search_is_exact_for_a_gaussian_posterior():
    """Maximising F over N(mu, sigma^2) gives the evidence, mean and width of a Gaussian exponent."""
    mean, width = np.array([0.3, -2.0, 5.0]), np.array([0.01, 1.0, 4.0])

    def exponent(z):
        r = (z - mean[:, None]) / width[:, None]
        return -0.5 * r**2, -r / width[:, None], -1 / width[:, None] ** 2 + 0 * z

    value, mu, tau = maximise(lambda m, t: expected(m, t, exponent, 4).with_entropy(t), mean + 2 * width, 0 * mean)
    assert np.allclose(value + HALF_LOG_2PIE, np.log(np.sqrt(2 * np.pi) * width), atol=ROUND_OFF)
    assert np.allclose(mu, mean) and np.allclose(np.exp(tau), width)
