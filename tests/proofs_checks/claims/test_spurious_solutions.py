"""The data of the Darmois decoders: sources turned by an angle, as the density of the data says."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims.spurious_solutions import rotated

ROUND_OFF = 1e-15
"""A few units in the last place of numbers of size one."""


def test_sources_are_turned() -> None:
    """Lengths stay, and the angle between a source and its datum is the angle of the rotation, counted from x to y."""
    y = np.random.default_rng(0).standard_normal((5, 2))
    angle = np.linspace(-1.0, 1.2, 5)
    before, after = y[:, 0] + 1j * y[:, 1], rotated(y, angle) @ np.array([1, 1j])
    assert after / before == pytest.approx(np.exp(1j * angle), abs=4 * ROUND_OFF)
