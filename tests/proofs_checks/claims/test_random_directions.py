"""The claim `random-directions`: the expectation."""

import numpy as np
from elbogap.proofs_checks.claims import random_directions


def test_one_random_direction_has_no_contrast():
    """E c vanishes for one column, and grows with the number of columns."""
    assert random_directions.mean(7.0, 1) == 0
    means = [random_directions.mean(7.0, d) for d in range(1, 8)]
    assert np.all(np.diff(means) > 0)
