"""The ELBO and its maximiser: exact identities on linear models, bounds on others, families and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from budgets import budget
from elbogap.numerics.blocks import blocks_of
from elbogap.numerics.encoder import best_optimum, elbo, optimal_encoder
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.modes import find_modes, highest
from hypothesis import given
from hypothesis import strategies as st

WEIGHT = np.array([[1.0, 0.6], [-0.2, 1.1], [0.4, 0.3]])
NOISE = 0.05
DATA = np.array([0.4, -0.7, 0.2])

# Quadratic integrands: Gauss-Hermite is exact, and |terms| / eps stays below 1e3.
ROUND_OFF = 1e-11


def linear_model():
    """A linear decoder with a standard normal prior, whose posterior is Gaussian."""
    return LatentModel(lambda z: WEIGHT @ z, 2, noise_var=NOISE)


def posterior():
    """Mean, covariance and log-evidence in closed form."""
    precision = np.eye(2) + WEIGHT.T @ WEIGHT / NOISE
    covariance = np.linalg.inv(precision)
    mean = covariance @ WEIGHT.T @ DATA / NOISE
    marginal = NOISE * np.eye(3) + WEIGHT @ WEIGHT.T
    evidence = -0.5 * (DATA @ np.linalg.solve(marginal, DATA) + np.linalg.slogdet(2 * np.pi * marginal)[1])
    return mean, covariance, evidence


def divergence(mean, covariance, other_mean, other):
    """KL( N(mean, covariance) || N(other_mean, other) )."""
    inverse = np.linalg.inv(other)
    difference = mean - other_mean
    ratio = np.linalg.slogdet(other)[1] - np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.sum(inverse * covariance) - len(mean) + difference @ inverse @ difference + ratio)


@pytest.fixture(scope="module")
def bound():
    """The ELBO of the linear model as one program of mean and covariance factor."""
    model = linear_model()
    return jax.jit(lambda mean, factor: elbo(model, DATA, mean, factor))


@budget(0.2)
@given(
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    log_std=st.tuples(st.floats(-2, 0), st.floats(-2, 0)),
    skew=st.floats(-1, 1),
)
def test_elbo_is_evidence_minus_divergence(bound, shift, log_std, skew):
    """ELBO(q) = log p(x) - KL(q || posterior) for every Gaussian q, not with the KL reversed."""
    mean, covariance, evidence = posterior()
    centre = mean + np.array(shift)
    factor = np.array([[np.exp(log_std[0]), 0.0], [skew, np.exp(log_std[1])]])
    value = float(bound(centre, factor))
    expected = evidence - divergence(centre, factor @ factor.T, mean, covariance)
    assert value == pytest.approx(expected, abs=ROUND_OFF * (1 + abs(expected)))
    reversed_ = evidence - divergence(mean, covariance, centre, factor @ factor.T)
    assert abs(expected - reversed_) < 1e-6 or abs(value - reversed_) > 1e-8


def test_std_and_factor_agree(bound):
    """A vector std is the factor diag(std)."""
    std = np.array([0.3, 0.2])
    direct = jax.jit(lambda s: elbo(linear_model(), DATA, np.zeros(2), s))(std)
    assert float(direct) == pytest.approx(float(bound(np.zeros(2), np.diag(std))), abs=ROUND_OFF)


def test_linear_optimum_is_known():
    """Full covariance finds the posterior and the evidence; mean field finds its mean and inverse precisions."""
    mean, covariance, evidence = posterior()
    full = jax.jit(lambda x: optimal_encoder(linear_model(), x, family="full", start=np.zeros(2)))(DATA)
    assert bool(full.converged) and bool(full.agreed)
    np.testing.assert_allclose(full.mean, mean, atol=ROUND_OFF)
    np.testing.assert_allclose(full.covariance, covariance, atol=ROUND_OFF)
    assert float(full.elbo) == pytest.approx(evidence, abs=ROUND_OFF)
    field = jax.jit(lambda x: optimal_encoder(linear_model(), x, start=np.zeros(2)))(DATA)
    np.testing.assert_allclose(field.mean, mean, atol=ROUND_OFF)
    np.testing.assert_allclose(field.std**-2, np.diag(np.linalg.inv(covariance)), rtol=1e-9)
    assert float(field.elbo) < evidence


def test_search_without_a_start(examples):
    """The default search finds the optimum of a polynomial decoder, the starts agree, no encoder nearby is better."""
    model = LatentModel(examples.cubic2, 2, noise_var=1e-2)
    x = examples.cubic2(examples.g2)
    found = jax.jit(lambda point: optimal_encoder(model, point))(x)
    assert bool(found.converged) and bool(found.agreed)
    value = jax.jit(lambda mean, std: elbo(model, x, mean, std))
    assert float(value(found.mean, found.std)) == pytest.approx(float(found.elbo), abs=float(found.error))
    rng = np.random.default_rng(5)
    for _ in range(5):
        mean = found.mean + 0.1 * found.std * rng.normal(size=2)
        std = found.std * np.exp(0.1 * rng.normal(size=2))
        assert float(value(mean, std)) < float(found.elbo)
    evidence = jax.jit(lambda point: log_likelihood(model, point, start=examples.g2))(x)
    assert float(evidence) > float(found.elbo)


def test_families_are_partitions():
    """Names and partitions are understood; anything else raises with what was received."""
    assert blocks_of("mean-field", 3) == ((0,), (1,), (2,))
    assert blocks_of("full", 3) == ((0, 1, 2),)
    assert blocks_of(((2, 0), (1,)), 3) == ((0, 2), (1,))
    for family in ("diagonal", ((0, 1),), ((0, 1), (1, 2))):
        with pytest.raises(ValueError, match="family: expected"):
            blocks_of(family, 3)


def test_bad_shapes_are_refused():
    """Wrong shapes of x, mean, std and start are named with expected and received."""
    model = linear_model()
    with pytest.raises(ValueError, match=r"x: expected shape \(3,\)"):
        elbo(model, np.zeros(2), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match=r"std: expected shape \(2,\) or \(2, 2\), got \(3,\)"):
        elbo(model, DATA, np.zeros(2), np.ones(3))
    with pytest.raises(ValueError, match=r"start: expected shape \(2,\) or \(S, 2\), got \(3,\)"):
        optimal_encoder(model, DATA, start=np.zeros(3))


def test_a_frugal_search_ends_where_a_full_one_ends():
    """In three dimensions the search of an account, begun with few nodes, finds the same encoder, to 1e-9."""
    first, second = np.random.default_rng(0).normal(size=(16, 3)), np.random.default_rng(1).normal(size=(9, 16)) / 4

    @jax.jit
    def both(eps):
        model = LatentModel(lambda z: jnp.tanh(second @ jnp.tanh(first @ z)), 3, noise_var=eps)
        x = model.decoder(jnp.asarray([0.5, -0.3, 0.2])) + 0.5 * jnp.sqrt(eps)
        modes = find_modes(model, x, jnp.zeros((1, 3)))
        return [best_optimum(model, x, modes, "mean-field", highest(modes), way)[1] for way in (False, True)]

    for eps in (1e-1, 1e-2):
        full, frugal = both(eps)
        assert bool(full.converged & frugal.converged)
        assert np.asarray(frugal.mean) == pytest.approx(np.asarray(full.mean), abs=1e-9)
        assert float(frugal.value) == pytest.approx(float(full.value), abs=1e-11)
