"""The claim `ppca`: the ELBO that it trains."""

import numpy as np
import pytest
from elbogap.numerics.families.draws import orthogonal
from elbogap.proofs_checks.claims import ppca

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-4 or 1e-5 of functions of size one."""


def test_the_linear_elbo_has_the_gradient_it_says():
    """The gradient of the average linear ELBO agrees with central differences."""
    rng = np.random.default_rng(1)
    axes = orthogonal(rng, 4)
    S = (axes * [3.0, 1.5, 0.7, 0.3]) @ axes.T
    point = 0.5 * rng.standard_normal(2 * 4 * 2 + 2 + 1)
    _, gradient = ppca.elbo_and_gradient(point, S, 2)
    for i in range(point.size):
        shift = 1e-5 * np.eye(point.size)[i]
        rise = ppca.elbo_and_gradient(point + shift, S, 2)[0] - ppca.elbo_and_gradient(point - shift, S, 2)[0]
        assert gradient[i] == pytest.approx(rise / 2e-5, abs=DIFFERENCE * (1 + abs(gradient[i])))
