"""One fold: its profile, and the gap at finite noise."""

import numpy as np
import pytest
from elbogap.numerics.special import fold
from elbogap.proofs_checks.formulas import predict
from scipy.integrate import simpson

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""


def test_fold_encoders_are_equally_good_at_the_switch():
    """At xi* the encoder of mean zero and the one on a branch reach the same value; at 0 Gamma has its closed form."""
    mu, s = fold.branch_optimum(fold.SWITCH)
    branch = fold.flat_objective(fold.SWITCH, float(mu), float(s))
    zero = fold.flat_objective(fold.SWITCH, 0.0, float(fold.zero_mean_scale(fold.SWITCH)))
    assert branch == pytest.approx(zero, abs=ROUND_OFF)
    assert fold.profile(0.0) == pytest.approx(float(predict("fold_value", 1)), abs=1e-9)


def test_the_gap_at_a_fold_tends_to_its_profile():
    """At x = f(w rho) and tiny noise the gap is Gamma(rho), on either side of the switch."""
    eps, a, b = (np.full(2, value) for value in (1e-10, 1.3, 0.1))
    rho = np.array([0.8, 2.0])
    u = rho * np.sqrt(np.sqrt(eps) / a)
    found = fold.gap(u, eps, a, b, rho**2 > fold.SWITCH)
    assert np.allclose(found, [fold.profile(r) for r in rho], atol=1e-4)


def test_the_excess_of_the_profile_is_that_of_a_sum_on_a_grid():
    """Simpson's rule on either side of the switch, out to rho = 60, and C rho^-4 beyond give the same integral."""
    switch = np.sqrt(fold.SWITCH)
    parts = []
    for low, high, panels in ((0.0, switch, 200), (switch, 8.0, 400), (8.0, 60.0, 400)):
        rho = np.linspace(low, high, panels + 1)
        parts.append(simpson([fold.profile(r) - np.log(2) for r in rho], x=rho))
    tail = (fold.profile(60.0) - np.log(2)) * 60.0 / 3
    assert fold.profile_excess() == pytest.approx(2 * (sum(parts) + tail), abs=1e-7)
