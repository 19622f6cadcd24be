"""One kink: nothing without it, and the gap in double precision."""

import numpy as np
from elbogap.numerics.special.kink import Kink
from elbogap.numerics.special.kink import gap as kink_gap
from elbogap.numerics.special.kink import profile as kink_profile

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""


def test_no_kink_no_gap():
    """With equal slopes on both sides the gap and the profile vanish."""
    kink = Kink(np.array([1.2]), np.array([1.2]), np.array([0.3]))
    assert np.allclose(kink_gap(np.array([0.4]), np.array([1e-3]), kink), 0.0, atol=ROUND_OFF)
    assert np.allclose(kink_profile(np.array([0.7]), kink)[0], 0.0, atol=1e-10)
