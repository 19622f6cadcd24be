"""The gap far from a kink, at the digits that it takes."""

import numpy as np
import pytest
from elbogap.numerics.special.kink import Kink
from elbogap.numerics.special.kink import gap as kink_gap
from elbogap.proofs_checks.kink_digits import tiny_gap

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""


def test_the_kink_gap_agrees_with_forty_digits():
    """Double precision and many digits give the same gap where both can see it."""
    values = (0.3, 3e-3, 1.0, 0.4, 0.2)
    r, eps, near, far, mean = (np.array([value]) for value in values)
    double = kink_gap(r, eps, Kink(near, far, mean))[0]
    assert double == pytest.approx(float(tiny_gap(*values)[0]), abs=ROUND_OFF)
