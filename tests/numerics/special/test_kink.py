"""One kink: nothing without it, and the gap in double precision."""

import numpy as np
from elbogap.numerics.special import kink as module
from elbogap.numerics.special import plane_shear
from elbogap.numerics.special.kink import Kink
from elbogap.numerics.special.kink import gap as kink_gap
from elbogap.numerics.special.kink import profile as kink_profile

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""

DIFFERENCE = 1e-8
"""Central differences with a step of 1e-5 of functions of size ten."""


def test_no_kink_no_gap():
    """With equal slopes on both sides the gap and the profile vanish."""
    kink = Kink(np.array([1.2]), np.array([1.2]), np.array([0.3]))
    assert np.allclose(kink_gap(np.array([0.4]), np.array([1e-3]), kink), 0.0, atol=ROUND_OFF)
    assert np.allclose(kink_profile(np.array([0.7]), kink)[0], 0.0, atol=1e-10)


def test_derivatives_of_objectives_are_difference_quotients():
    """Newton's method gets the first and second derivatives of what it maximises, for a kink and for a shear."""
    kink = Kink(np.array([1.2]), np.array([0.7]), np.array([0.3]))
    shears = plane_shear.draw(np.random.default_rng(6), 1)
    fibre = plane_shear._Fibre.at(shears, np.array([[0.4, -0.3]]), np.array([0.2]))
    mu, tau, h = np.array([0.15]), np.array([-0.8]), 1e-5
    r = np.array([0.2])
    for objective in (
        lambda m, t: module._objective(m, t, r, r, kink),
        lambda m, t: module._flat_objective(m, t, r, kink.near, kink.far),
        fibre.objective,
    ):
        here = objective(mu, tau)
        for axis, shift in (("mu", (h, 0.0)), ("tau", (0.0, h))):
            ahead, behind = (objective(mu + sign * shift[0], tau + sign * shift[1]) for sign in (1, -1))
            other = "tau" if axis == "mu" else "mu"
            pairs = {f"by_{axis}": "value", f"by_{axis}_{axis}": f"by_{axis}", "by_mu_tau": f"by_{other}"}
            for higher, lower in pairs.items():
                quotient = (getattr(ahead, lower) - getattr(behind, lower)) / (2 * h)
                assert np.allclose(getattr(here, higher), quotient, rtol=1e-7, atol=DIFFERENCE), (axis, higher)
