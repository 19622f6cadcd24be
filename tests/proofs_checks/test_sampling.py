"""Moments of rows that come in parts."""

import numpy as np
from elbogap.proofs_checks.sampling import Moments

ROUND_OFF = 1e-12
"""Sums of some hundred terms of size ten."""


def test_moments_of_parts_are_those_of_the_whole():
    """Unequal parts with means of their own give the count, mean, squares and covariance of all rows together."""
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((count, 3)) + shift for count, shift in ((40, 0.0), (7, 2.0), (91, -1.0))]
    centre = parts[0].mean(axis=0)
    first, second, third = (Moments.of(rows, centre) for rows in parts)
    rows = np.concatenate(parts)
    for found in (first.with_(second).with_(third), first.with_(second.with_(third))):
        assert found.count == len(rows)
        assert np.allclose(found.mean, rows.mean(axis=0), rtol=0, atol=ROUND_OFF)
        assert np.allclose(found.largest, np.max((rows - centre) ** 2, axis=0), rtol=0, atol=ROUND_OFF)
        means = found.means(np.ones(3))
        assert np.allclose(means.covariance, np.cov(rows.T) / len(rows), rtol=0, atol=ROUND_OFF)
