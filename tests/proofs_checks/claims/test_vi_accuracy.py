"""The claim `vi-accuracy`: the tensors of a bent potential, and the tilted gap behind the errors of means."""

import numpy as np
import pytest
from elbogap.proofs_checks.bent import Bent, draw, encoder, posterior
from elbogap.proofs_checks.claims import vi_accuracy as claim

ROUND_OFF = 1e-12
"""Polynomials of size one."""

DIFFERENCE = 1e-7
"""Central differences with a step of 1e-4 of a gap known to 1e-13."""


def test_the_tensors_are_the_taylor_series_of_the_potential() -> None:
    """V(u) = sum of V_k u^k / k! up to k = 6, exactly."""
    rng = np.random.default_rng(2)
    model, u = draw(rng, 2, 3), rng.standard_normal(2)
    V = model.potential
    series, factorial = 0.0, 1
    for order, name in enumerate(("M", "V3", "V4", "V5", "V6"), 2):
        factorial *= order
        tensor = V[name]
        for _ in range(order):
            tensor = tensor @ u
        series += float(tensor) / factorial
    assert series == pytest.approx(np.sum(model.residual(u[None]) ** 2) / 2, abs=ROUND_OFF)


def test_the_error_of_a_mean_is_minus_the_gradient_of_the_gap_in_a_tilt() -> None:
    """mean - E = -d gap/dt for the prior tilted by t.z: N(0, I) moved by t, which moves g by -t in its coordinates."""
    model, e, eps, h = draw(np.random.default_rng(6), 2, 2), np.array([0.6, 0.8]), 0.03, 1e-4

    def gap(t: float) -> float:
        moved = Bent(model.J, model.c, model.n, model.alpha, model.beta, model.g - t * e)
        return posterior(moved, eps).log_likelihood - encoder(moved, eps).elbo

    error = eps * e @ (encoder(model, eps).m - posterior(model, eps).m)
    assert error == pytest.approx(-(gap(h) - gap(-h)) / (2 * h), abs=DIFFERENCE)
    assert claim.FALLING.values[0] < eps
