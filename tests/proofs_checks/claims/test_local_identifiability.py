"""The claim `local-identifiability`: its decoders have orthogonal columns, and its deformations keep the prior."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import local_identifiability as claim
from elbogap.proofs_checks.complex_step import jacobian

ROUND_OFF = 1e-13
"""Complex steps of functions of size one."""


@pytest.mark.parametrize("seed", range(4))
def test_decoders_are_orthogonal_and_deformations_keep_the_radius(seed: int) -> None:
    """J'J is diagonal, not a multiple of the identity; |phi_t(z)| = |z|."""
    case = claim._case(seed)
    J = jacobian(lambda z: claim._decode(z, case), case["z"])
    A = J.T @ J
    assert np.allclose(A, np.diag(A.diagonal()), atol=ROUND_OFF, rtol=0)
    assert np.ptp(A.diagonal()) > 1e-3 * A.diagonal().max()
    moved = claim._deform(case["z"], 0.7, case)
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(case["z"]), abs=ROUND_OFF)
    assert np.linalg.norm(moved - case["z"]) > 1e-2
