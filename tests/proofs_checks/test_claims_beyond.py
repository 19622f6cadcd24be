"""The closed forms and small solvers behind the claims on folds, kinks, importance weights, pPCA and their kin."""

import numpy as np
import pytest
from elbogap.numerics.families.draws import orthogonal
from elbogap.numerics.special import fold, plane_shear
from elbogap.numerics.special.darmois_contrast import darmois_contrast, gaussian_density, rotated_density
from elbogap.numerics.special.importance import correlation, limit_weights, log_means
from elbogap.numerics.special.kink import Kink
from elbogap.numerics.special.kink import gap as kink_gap
from elbogap.numerics.special.kink import profile as kink_profile
from elbogap.numerics.special.one_latent import HALF_LOG_2PIE, expected, maximise
from elbogap.proofs_checks.claims import ppca, random_directions
from elbogap.proofs_checks.claims.higher_orders import _log_prior
from elbogap.proofs_checks.kink_digits import tiny_gap
from elbogap.proofs_checks.registry import CLAIMS
from elbogap.theory.registry import DERIVATIONS
from elbogap.theory.series.decoders import latent_symbols

ROUND_OFF = 1e-12
"""Sums of a few hundred terms of size one."""

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-4 or 1e-5 of functions of size one."""

BEYOND = (
    "folds",
    "importance-weighted",
    "ppca",
    "random-directions",
    "spurious-solutions",
    "mean-slope",
    "kinks",
)


@pytest.mark.parametrize("name", BEYOND)
def test_claims_are_registered_with_their_derivations(name):
    """Each claim has laws, controls, assumptions and a derivation of the same name."""
    claim = CLAIMS[name]
    assert claim.derivation == name and name in DERIVATIONS
    assert claim.laws and claim.controls and claim.assumptions and claim.latex


def test_the_search_is_exact_for_a_gaussian_posterior():
    """Maximising F over N(mu, sigma^2) gives the evidence, mean and width of a Gaussian exponent."""
    mean, width = np.array([0.3, -2.0, 5.0]), np.array([0.01, 1.0, 4.0])

    def exponent(z):
        r = (z - mean[:, None]) / width[:, None]
        return -0.5 * r**2, -r / width[:, None], -1 / width[:, None] ** 2 + 0 * z

    value, mu, tau = maximise(lambda m, t: expected(m, t, exponent, 4).with_entropy(t), mean + 2 * width, 0 * mean)
    assert np.allclose(value + HALF_LOG_2PIE, np.log(np.sqrt(2 * np.pi) * width), atol=ROUND_OFF)
    assert np.allclose(mu, mean) and np.allclose(np.exp(tau), width)


def test_fold_encoders_are_equally_good_at_the_switch():
    """At xi* the encoder of mean zero and the one on a branch reach the same value; at 0 Gamma has its closed form."""
    mu, s = fold.branch_optimum(fold.SWITCH)
    branch = fold.flat_objective(fold.SWITCH, float(mu), float(s))
    zero = fold.flat_objective(fold.SWITCH, 0.0, float(fold.zero_mean_scale(fold.SWITCH)))
    assert branch == pytest.approx(zero, abs=ROUND_OFF)
    assert fold.profile(0.0) == pytest.approx(fold.critical_gap(), abs=1e-9)


def test_the_gap_at_a_fold_tends_to_its_profile():
    """At x = f(w rho) and tiny noise the gap is Gamma(rho), on either side of the switch."""
    eps, a, b = (np.full(2, value) for value in (1e-10, 1.3, 0.1))
    rho = np.array([0.8, 2.0])
    u = rho * np.sqrt(np.sqrt(eps) / a)
    found = fold.gap(u, eps, a, b, rho**2 > fold.SWITCH)
    assert np.allclose(found, [fold.profile(r) for r in rho], atol=1e-4)


def test_no_kink_no_gap():
    """With equal slopes on both sides the gap and the profile vanish."""
    kink = Kink(np.array([1.2]), np.array([1.2]), np.array([0.3]))
    assert np.allclose(kink_gap(np.array([0.4]), np.array([1e-3]), kink), 0.0, atol=ROUND_OFF)
    assert np.allclose(kink_profile(np.array([0.7]), kink)[0], 0.0, atol=1e-10)


def test_the_kink_gap_agrees_with_forty_digits():
    """Double precision and many digits give the same gap where both can see it."""
    values = (0.3, 3e-3, 1.0, 0.4, 0.2)
    r, eps, near, far, mean = (np.array([value]) for value in values)
    double = kink_gap(r, eps, Kink(near, far, mean))[0]
    assert double == pytest.approx(float(tiny_gap(*values)[0]), abs=ROUND_OFF)


def test_one_importance_sample_gives_the_contrast():
    """For K = 1 the limit is the contrast of R, and no other counts than powers of two are taken."""
    A = np.array([[[2.0, 0.7], [0.7, 1.1]], [[1.0, 0.0], [0.0, 3.0]]])
    R = correlation(A)
    found = -log_means(limit_weights(R), (1, 2, 4))
    assert np.allclose(found[:, 0], -0.5 * np.linalg.slogdet(R)[1], atol=ROUND_OFF)
    assert np.all(np.diff(found[0]) < 0) and np.allclose(found[1], 0.0, atol=ROUND_OFF)
    with pytest.raises(ValueError, match="power of two"):
        log_means(limit_weights(R), (3,))


def test_darmois_contrast_vanishes_for_independent_observations():
    """Independent coordinates need no mixing: c = 0; correlated ones give the Cholesky factor's contrast."""
    x = np.array([[0.3, -0.8], [1.0, 0.5]])
    W = np.array([np.diag([1.3, 0.6]), [[1.0, 0.0], [0.8, 0.5]]])
    assert np.allclose(darmois_contrast(gaussian_density(W), x), [0.0, 0.5 * np.log1p(0.8**2)], atol=1e-10)
    straight = rotated_density(np.zeros(2), np.full((2, 2), 0.7))
    assert np.allclose(darmois_contrast(straight, x), 0.0, atol=1e-10)


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


def test_one_random_direction_has_no_contrast():
    """E c vanishes for one column, and grows with the number of columns."""
    assert random_directions.expectation(7.0, 1)[0] == 0
    means = [random_directions.expectation(7.0, d)[0] for d in range(1, 8)]
    assert np.all(np.diff(means) > 0)


def test_higher_orders_take_the_priors_whose_series_they_have():
    """A prior that the series engine is not given by name is refused, not taken for another one."""
    assert _log_prior("normal", latent_symbols(1)) is None and _log_prior("logistic", latent_symbols(1)) is not None
    with pytest.raises(ValueError, match="expected one of normal, logistic, got 'Student t'"):
        _log_prior("Student t", latent_symbols(1))
