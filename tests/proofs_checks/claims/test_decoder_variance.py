"""The claim `decoder-variance`: its average over data, and the update from means."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import decoder_variance as claim

SAMPLED = 0.02
"""Five standard errors of a mean of 20 000 squares, relative."""


def test_the_average_error_of_a_line_is_that_of_the_linear_vae() -> None:
    """With b = 0 the parabola is a line: E R = (D - d) eps0 + eps^2 (1 + eps0)/(1 + eps)^2 + eps/(1 + eps)."""
    eps, eps0 = 0.03, 0.02
    exact = eps0 + eps**2 * (1 + eps0) / (1 + eps) ** 2 + eps / (1 + eps)
    assert claim.mean_squares(eps, eps0, 0.0) == pytest.approx(exact, rel=1e-12)


def test_the_update_from_means_goes_to_zero_and_that_from_samples_stays() -> None:
    """eps <- |x - f(mu*)|^2 / D squares the noise again and again; eps <- R/D is eps to first order on a square map."""
    seed = 11
    eps = 0.02
    for _ in range(3):
        after = claim.error_of_means(eps, seed)[0]
        assert after < eps**1.5
        assert claim.error_of_samples(eps, seed) / 2 == pytest.approx(eps, rel=0.05)
        eps = after
    assert np.isfinite(eps)
