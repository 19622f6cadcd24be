"""Polynomial shears of the plane."""

import numpy as np
from elbogap.numerics.special import plane_shear

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-4 or 1e-5 of functions of size one."""


def test_derivatives_of_shears_agree_with_differences():
    """J, H and T of the plane's shears are derivatives of f and of each other."""
    shears = plane_shear.draw(np.random.default_rng(4), 3)
    z, step = np.random.default_rng(5).uniform(-1, 1, (3, 1, 2)), 1e-4
    here = shears.derivatives(z)
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        ahead, behind = shears.derivatives(z + shift), shears.derivatives(z - shift)
        image = np.einsum("nab,nkb->nka", shears.matrix, shears.unmixed(z + shift) - shears.unmixed(z - shift))
        assert np.allclose(here["J"][..., axis], image[:, 0] / (2 * step), atol=DIFFERENCE)
        for lower, higher in (("J", "H"), ("H", "T")):
            slope = (ahead[lower] - behind[lower]) / (2 * step)
            assert np.allclose(here[higher][..., axis], slope, atol=DIFFERENCE)
