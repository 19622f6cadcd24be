"""Bent decoders in NumPy: their derivatives, their encoder and their posterior against independent routes."""

import numpy as np
import pytest
from elbogap.proofs_checks.bent import draw, encoder, force, log_joint, posterior
from elbogap.theory.formulas import gaussian

DIFFERENCE = 1e-7
"""Central differences with a step of 1e-5 of functions of size one to ten over eps = 0.1."""

FIRST_ORDER = 0.02
"""The slope of the gap at eps = 1e-3, relative to its limit."""


@pytest.mark.parametrize(("d", "D"), [(1, 2), (2, 2), (2, 3)])
def test_the_force_is_the_gradient_of_the_log_joint(d: int, D: int) -> None:
    """Gradient and log-joint agree by central differences."""
    rng = np.random.default_rng(d + D)
    model, u = draw(rng, d, D), 0.3 * rng.standard_normal((1, d))
    for k in range(d):
        shift = 1e-5 * np.eye(d)[k]
        rise = log_joint(model, u + shift, 0.1) - log_joint(model, u - shift, 0.1)
        assert force(model, u, 0.1)[0, k] == pytest.approx(rise[0] / 2e-5, abs=DIFFERENCE * 100)


def test_the_gap_has_the_slope_of_theory() -> None:
    """log p by the grid less the best ELBO is the contrast plus a1 eps."""
    model = draw(np.random.default_rng(4), 2, 3)
    components = gaussian.with_metric(model.derivatives)
    slope = sum(gaussian.likelihood_slope_terms(components).values())
    slope -= sum(gaussian.elbo_slope_terms(components).values())
    A = model.metric
    contrast = 0.5 * (np.sum(np.log(A.diagonal())) - np.linalg.slogdet(A)[1])
    gap = posterior(model, 1e-3).log_likelihood - encoder(model, 1e-3).elbo
    assert (gap - contrast) / 1e-3 == pytest.approx(slope, rel=FIRST_ORDER)
    assert encoder(model, 1e-3, full=True).elbo > encoder(model, 1e-3).elbo


def test_a_random_decoder_bends_across_its_columns() -> None:
    """c has no part along J n, so that f is injective, and singular values keep their range; alpha and beta, too."""
    rng = np.random.default_rng(5)
    for d, D in [(2, 2), (3, 3), (2, 4)] * 5:
        model = draw(rng, d, D, bend=0.4)
        assert abs(model.n @ np.linalg.lstsq(model.J, model.c, rcond=None)[0]) < 1e-12
        singular = np.linalg.svd(model.J, compute_uv=False)
        assert singular.min() > 0.7 - 1e-12 and singular.max() < 1.6 + 1e-12
        assert np.linalg.norm(model.n) == pytest.approx(1.0) and np.linalg.norm(model.c) > 0.01
        assert all(0.2 <= abs(value) <= 0.4 for value in (model.alpha, model.beta))
