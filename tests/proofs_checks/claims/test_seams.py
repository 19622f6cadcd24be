"""The claim `seams`: its decoders in layers, their gradients and lengths."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import seams as claim

DIFFERENCE = 1e-7
"""Central differences with a step of 1e-5."""


@pytest.mark.parametrize("which", [0, 1])
def test_lengths_and_gradients_are_those_of_the_decoder(which: int) -> None:
    """a_k is the squared length of column k, the columns are orthogonal, and J'(f - x) is the gradient of V."""
    model = claim._pair(7)[which]
    z = np.array([0.4, -0.3])
    J = model.jacobian(z)
    assert np.allclose(J.T @ J, np.diag(model.lengths(z)), atol=1e-13, rtol=0)
    u = 0.2 * np.array([[0.7, -1.0]])
    for k in range(2):
        shift = 1e-5 * np.eye(2)[k]
        rise = np.sum(model.residual(u + shift) ** 2) - np.sum(model.residual(u - shift) ** 2)
        assert model.pull(u)[0, k] == pytest.approx(rise / 4e-5, abs=DIFFERENCE)
