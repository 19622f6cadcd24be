"""The contrast of Darmois' construction, by quadrature."""

import numpy as np
from elbogap.numerics.special.darmois_contrast import darmois_contrast, gaussian_density, rotated_density


def test_darmois_contrast_vanishes_for_independent_observations():
    """Independent coordinates need no mixing: c = 0; correlated ones give the Cholesky factor's contrast."""
    x = np.array([[0.3, -0.8], [1.0, 0.5]])
    W = np.array([np.diag([1.3, 0.6]), [[1.0, 0.0], [0.8, 0.5]]])
    assert np.allclose(darmois_contrast(gaussian_density(W), x), [0.0, 0.5 * np.log1p(0.8**2)], atol=1e-10)
    straight = rotated_density(np.zeros(2), np.full((2, 2), 0.7))
    assert np.allclose(darmois_contrast(straight, x), 0.0, atol=1e-10)
