"""Observations with other parameters: densities, Fisher information and draws against SciPy; and bad parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.model import LatentModel
from elbogap.numerics.observation_parameters import (
    BernoulliProbability,
    Categorical,
    DecodedNegativeBinomial,
    NegativeBinomial,
    PoissonRate,
)
from scipy import stats

ROUND_OFF = 1e-11  # of sums of a few logarithms of size ten
DIFFERENCES = 1e-7  # relative: central differences of the log-density, with a step of 1e-5
FAR = 6000  # counts beyond which the terms of the sums over x are below round-off

THETA = np.array([0.7, 3.0])


def binomial(n, x, f):
    """Log-probabilities, elementwise."""
    return stats.binom(n, f).logpmf(x)


def negative_binomial(x, mu, theta):
    """Mean and inverse dispersion in SciPy's words."""
    return stats.nbinom(theta, theta / (theta + mu)).logpmf(x)


CASES = {
    "bernoulli": (BernoulliProbability(), [0.3, 0.9], [0.0, 1.0], lambda x, f: binomial(1, x, f), 2),
    "binomial": (BernoulliProbability(7), [0.3, 0.9], [2.0, 6.0], lambda x, f: binomial(7, x, f), 8),
    "poisson": (PoissonRate(4), [0.3, 5.0], [2.0, 17.0], lambda x, f: stats.poisson(4 * f).logpmf(x), 200),
    "negative binomial": (
        NegativeBinomial(THETA, 3),
        [0.3, 5.0],
        [2.0, 17.0],
        lambda x, f: negative_binomial(x, 3 * f, 3 * THETA),
        FAR,
    ),
}
"""Observation, f, x, the log-probability of every entry by SciPy, and the counts that matter."""


def log_density(observation, f, x):
    """log p(x | f) by a model whose decoder gives f whatever z is."""
    model = LatentModel(lambda z: jnp.asarray(f) + 0.0 * z[0], 1, observation=observation)
    return float(model.log_joint(jnp.zeros(1), jnp.asarray(x))) - stats.norm.logpdf(0.0)


@pytest.mark.parametrize("name", CASES)
def test_density_moments_and_information_are_those_of_scipy(name: str) -> None:
    """log p, mean and variance are SciPy's; the squared whitened direction is n^-1 times the variance of the score."""
    observation, f, x, reference, counts = CASES[name]
    f, n = np.array(f), float(observation.n)
    assert log_density(observation, f, x) == pytest.approx(np.sum(reference(np.array(x), f)), abs=ROUND_OFF)
    k = np.arange(counts, dtype=float)[:, None]
    p = np.exp(reference(k, f))
    mean = np.sum(p * k, axis=0)
    np.testing.assert_allclose(observation.mean(f), mean, rtol=1e-9)
    np.testing.assert_allclose(observation.variance(f), np.sum(p * (k - mean) ** 2, axis=0), rtol=1e-9)
    step = 1e-5 * f
    score = (reference(k, f + step) - reference(k, f - step)) / (2 * step)
    information = np.nansum(p * np.where(p > 0, score, 0.0) ** 2, axis=0) / n
    np.testing.assert_allclose(np.asarray(observation.whiten(jnp.ones(2), f)) ** 2, information, rtol=DIFFERENCES)


@pytest.mark.parametrize(("mu", "theta"), [(0.5, 0.5), (3.0, 2.0), (40.0, 0.05), (40.0, 30.0)])
def test_a_decoded_dispersion_has_the_information_of_its_score(mu: float, theta: float) -> None:
    """Density, and both entries of the information, are those of SciPy's probabilities summed over x."""
    observation, f = DecodedNegativeBinomial(), np.array([mu, theta])
    assert log_density(observation, f, [4.0]) == pytest.approx(negative_binomial(4.0, mu, theta), abs=ROUND_OFF)
    k = np.arange(FAR if theta > 0.1 else 40 * FAR, dtype=float)
    p = np.exp(negative_binomial(k, mu, theta))
    scores = []
    for direction in np.diag(1e-4 * f):
        upper, lower = (negative_binomial(k, *(f + sign * direction)) for sign in (1, -1))
        scores.append((upper - lower) / (2 * direction.sum()))
    expected = np.einsum("ak,bk,k->ab", scores, scores, p)
    found = np.array([observation.whiten(direction, f) for direction in np.eye(2)])
    # Mean and dispersion are orthogonal: what is left beside the diagonal is that of the differences.
    np.testing.assert_allclose(found @ found.T, expected, rtol=1e-5, atol=1e-7 * np.sqrt(expected[0, 0]))


def test_categorical_blocks_are_multinomial() -> None:
    """Counts of two blocks of three classes: SciPy's log-probability, and R'R = diag(p) - p p' in each block."""
    observation, f = Categorical(3, n=5), np.array([0.1, -0.4, 1.2, 2.0, 0.0, -1.0])
    x = np.array([1.0, 0, 4, 2, 2, 1])
    p = np.asarray(jax.nn.softmax(f.reshape(2, 3)))
    expected = sum(
        stats.multinomial(5, block / block.sum()).logpmf(c) for block, c in zip(p, x.reshape(2, 3), strict=True)
    )
    assert log_density(observation, f, x) == pytest.approx(expected, abs=ROUND_OFF)
    root = np.array([observation.whiten(direction, f) for direction in np.eye(6)])
    np.testing.assert_allclose((root @ root.T)[:3, :3], np.diag(p[0]) - np.outer(p[0], p[0]), atol=ROUND_OFF)
    np.testing.assert_allclose((root @ root.T)[:3, 3:], 0.0, atol=ROUND_OFF)


def test_saturated_probabilities_are_finite_and_their_round_off_is_stated() -> None:
    """At probability 1 in float64 log p of a one is 0 to round-off; that of a zero is finite, with a stated error."""
    model = LatentModel(lambda z: 1.0 + 0.0 * z, 1, observation=BernoulliProbability())
    assert float(model.potential(jnp.zeros(1), jnp.ones(1))) == pytest.approx(0.0, abs=ROUND_OFF)
    assert 30 < float(model.potential(jnp.zeros(1), jnp.zeros(1))) < 40
    halfway = LatentModel(lambda z: 1 - 2.0**-50 + 0.0 * z, 1, observation=BernoulliProbability())
    assert (
        float(halfway.rounding(jnp.zeros(1), jnp.zeros(1)))
        > 0.1
        > 1e-10
        > float(halfway.rounding(jnp.zeros(1), jnp.ones(1)))
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NegativeBinomial(-1.0), "dispersion: expected"),
        (lambda: NegativeBinomial(np.ones((2, 2))), "dispersion: expected a scalar"),
        (lambda: Categorical(1), "classes: expected a whole number >= 2"),
        (lambda: PoissonRate(0.0), "n: expected"),
        (lambda: LatentModel(lambda z: jnp.full(5, z[0]), 1, observation=Categorical(3)), "blocks of 3 outputs, got 5"),
        (lambda: LatentModel(lambda z: jnp.full(5, z[0]), 1, observation=DecodedNegativeBinomial()), "got 5 outputs"),
        (lambda: LatentModel(lambda z: jnp.full(5, z[0]), 1, observation=NegativeBinomial(np.ones(4))), "5 outputs"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(make, message: str) -> None:
    """Dispersions that are not positive or of another length, blocks that do not divide the outputs: one line."""
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
