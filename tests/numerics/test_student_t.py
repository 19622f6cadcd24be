"""The heavy-tailed part of the proposals against SciPy's density and its own draws."""

import numpy as np
import pytest
from elbogap.numerics.student_t import DEGREES, log_student_t, stretches
from scipy.stats import ks_1samp, multivariate_t, t

ROUND_OFF = 1e-13  # relative: a few operations and two log-gammas of order 1 to 20
REJECTED = 1e-3  # level of the Kolmogorov-Smirnov test of one fixed sample
POINTS = np.random.default_rng(0).standard_normal((5, 16))


@pytest.mark.parametrize("d", [1, 3, 16])
def test_the_density_is_that_of_scipy(d: int) -> None:
    """The log-density at a squared norm is `multivariate_t`'s at a point of that norm."""
    points = POINTS[:, :d]
    expected = multivariate_t(np.zeros(d), np.eye(d), df=DEGREES).logpdf(points)
    np.testing.assert_allclose(log_student_t(np.sum(points**2, axis=1), d), expected, rtol=ROUND_OFF)


def test_a_stretched_normal_point_is_a_student_t_point() -> None:
    """Normal points times the stretches are distributed as Student-t, and without them they are not."""
    rng = np.random.default_rng(1)
    normal = rng.standard_normal(4000)
    assert ks_1samp(stretches(rng, 4000) * normal, t(DEGREES).cdf).pvalue > REJECTED
    assert ks_1samp(normal, t(DEGREES).cdf).pvalue < REJECTED
