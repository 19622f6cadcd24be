"""The model's density, priors, noise and observations, each against an independent formula; and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as stats
from elbogap.numerics.model import LatentModel
from elbogap.numerics.noise import DiagonalNoise, FullNoise, ScalarNoise, StateNoise, as_noise
from elbogap.numerics.observations import Bernoulli, Binomial, Poisson
from elbogap.numerics.precision import require_float64
from elbogap.numerics.priors import (
    Bimodal,
    Choice,
    CorrelatedNormal,
    Laplace,
    Logistic,
    Normal,
    StudentT,
    UniformLogitNormal,
)

# A handful of float64 operations on numbers of size 1 to 100.
ROUND_OFF = 1e-12

POINT = np.array([0.3, -1.2])
COVARIANCE = np.array([[1.0, 0.4], [0.4, 0.7]])

PRIORS = {
    "normal": (Normal(0.5, 2.0), lambda z: stats.norm(0.5, 2.0).logpdf(z).sum()),
    "correlated": (
        CorrelatedNormal(np.array([0.1, 0.2]), COVARIANCE),
        stats.multivariate_normal([0.1, 0.2], COVARIANCE).logpdf,
    ),
    "logistic": (Logistic(), lambda z: stats.logistic.logpdf(z).sum()),
    "laplace": (Laplace(0.8), lambda z: stats.laplace(scale=0.8).logpdf(z).sum()),
    "bimodal": (
        Bimodal(0.9, 0.8),
        lambda z: np.log(0.5 * (stats.norm(-0.9, 0.8).pdf(z) + stats.norm(0.9, 0.8).pdf(z))).sum(),
    ),
    "student": (StudentT(3.0), lambda z: stats.t(3).logpdf(z).sum()),
}


@pytest.mark.parametrize("name", PRIORS)
def test_prior_is_the_density_it_says(name):
    """log_prob agrees with SciPy, and samples have that density's log-likelihood on average."""
    prior, reference = PRIORS[name]
    assert float(prior.log_prob(POINT)) == pytest.approx(float(reference(POINT)), abs=ROUND_OFF)
    rng = np.random.default_rng(3)
    samples = np.array([prior.sample(rng, 2) for _ in range(2000)])
    # E exp(-|z|^2) estimated from the samples and by a Riemann sum of the density: 5 standard errors.
    values = np.exp(-np.sum(samples**2, axis=1))
    grid = np.linspace(-6, 6, 121)
    plane = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(np.asarray(jax.vmap(prior.log_prob)(plane)) - np.sum(plane**2, axis=1))
    expected = density.sum() * (grid[1] - grid[0]) ** 2
    # 1e-3: the Riemann sum at Laplace's kink.
    assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(len(values)) + 1e-3


def test_uniform_prior_is_logistic_in_the_logits():
    """With z = sigmoid(y), the logistic density of y times dy/dz is the uniform density of z (claim `priors`)."""
    jacobian = np.sum(-POINT - 2 * np.log1p(np.exp(-POINT)))
    assert float(UniformLogitNormal().log_prob(POINT)) == pytest.approx(jacobian, abs=ROUND_OFF)


def test_choice_is_traced():
    """One program serves all priors of a Choice, and an index out of range is refused."""
    options = (Normal(), Logistic(), Laplace(0.8))
    program = jax.jit(jax.vmap(lambda index: Choice(options, index).log_prob(POINT)))
    expected = [float(prior.log_prob(POINT)) for prior in options]
    np.testing.assert_allclose(program(jnp.arange(3)), expected, rtol=ROUND_OFF)
    with pytest.raises(Exception, match="0 <= index < 3"):
        Choice(options, 3)


def decoder(z):
    """A curved map from the plane to the plane."""
    return jnp.stack([z[0] + 0.5 * jnp.sin(z[1]), 1.5 * z[1] - 0.2 * z[0] ** 2])


def state_shape(z):
    """A covariance that depends on z."""
    return jnp.array([[1.0, 0.2], [0.2, 0.8]]) * (1 + 0.1 * z[0] ** 2)


NOISES = {
    "scalar": (0.01, 0.01 * np.eye(2)),
    "diagonal": (np.array([0.01, 0.03]), np.diag([0.01, 0.03])),
    "full": (0.02 * COVARIANCE, 0.02 * COVARIANCE),
    "state": (StateNoise(0.02, state_shape), 0.02 * np.asarray(state_shape(POINT))),
    "state scalar": (lambda z: 0.01 * (1 + z[0] ** 2), 0.01 * (1 + POINT[0] ** 2) * np.eye(2)),
}


@pytest.mark.parametrize("name", NOISES)
def test_log_joint_is_the_gaussian_density(name):
    """log p(x, z) = log N(x; f(z), covariance) + log p0(z) for every kind of noise, split in C, V and ell."""
    noise, covariance = NOISES[name]
    model = LatentModel(decoder, 2, noise_var=noise)
    x = np.array([0.1, -1.7])
    expected = stats.multivariate_normal(np.asarray(decoder(POINT)), covariance).logpdf(x)
    expected += stats.norm.logpdf(POINT).sum()
    assert float(model.log_joint(POINT, x)) == pytest.approx(expected, abs=1e-10)
    split = model.log_constant(x) - model.potential(POINT, x) / model.eps + model.log_prior(POINT)
    assert float(split) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("observation", "reference"),
    [
        (Binomial(7), lambda x, f: stats.binom(7, 1 / (1 + np.exp(-f))).logpmf(x).sum()),
        (Bernoulli(), lambda x, f: stats.bernoulli(1 / (1 + np.exp(-f))).logpmf(x).sum()),
        (Poisson(4), lambda x, f: stats.poisson(4 * np.exp(f)).logpmf(x).sum()),
    ],
)
def test_log_joint_is_the_observation_density(observation, reference):
    """log p(x, z) is the binomial, Bernoulli or pooled Poisson density times the prior, and `mean` its mean."""
    model = LatentModel(decoder, 2, observation=observation)
    x, f = np.array([1.0, 0.0]), np.asarray(decoder(POINT))
    expected = reference(x, f) + stats.norm.logpdf(POINT).sum()
    assert float(model.log_joint(POINT, x)) == pytest.approx(expected, abs=ROUND_OFF)
    # x = mean is where the likelihood is stationary in the natural parameter.
    slope = jax.grad(observation.potential)(jnp.asarray(f), model.mean(jnp.asarray(POINT)))
    np.testing.assert_allclose(slope, 0.0, atol=ROUND_OFF)


def test_as_noise_keeps_the_covariance():
    """A vector or matrix is split into scale and shape whose product is what was passed."""
    vector, matrix = np.array([0.1, 0.3]), 0.2 * COVARIANCE
    diagonal, full = as_noise(vector), as_noise(matrix)
    assert isinstance(diagonal, DiagonalNoise)
    assert isinstance(full, FullNoise)
    assert isinstance(as_noise(0.1), ScalarNoise)
    np.testing.assert_allclose(diagonal.scale * diagonal.shape, vector, rtol=ROUND_OFF)
    np.testing.assert_allclose(full.scale * full.shape, matrix, rtol=ROUND_OFF)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (0.0, "expected a finite value > 0, got 0"),
        (-1.0, "got -1"),
        (np.nan, "got nan"),
        (np.array([0.1, -0.1]), "noise"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
        (np.ones((2, 2, 2)), r"got \(2, 2, 2\)"),
        (np.ones(3), "expected size D = 2"),
    ],
)
def test_bad_noise_is_refused(noise, message):
    """Noise that is no covariance of the right size raises ValueError saying what was received."""
    with pytest.raises(ValueError, match=message):
        LatentModel(decoder, 2, noise_var=noise)


def test_bad_noise_inside_jit_is_refused():
    """A traced noise <= 0 raises from within the compiled program, never a silent nan."""
    program = jax.jit(lambda noise: LatentModel(decoder, 2, noise_var=noise).log_joint(POINT, np.zeros(2)))
    assert np.isfinite(float(program(0.1)))
    with pytest.raises(Exception, match="noise scale: expected a finite value > 0"):
        program(-0.1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda z: jnp.round(z).astype(int), "floating output, got int"),
        (lambda z: jnp.outer(z, z), r"got output \(2, 2\)"),
        (lambda z: jnp.sum(z), r"got output \(\)"),
        (lambda z: (z, z), "got output tuple"),
    ],
)
def test_bad_decoder_is_refused(bad, message):
    """Integer outputs, wrong ranks and tuples raise ValueError with what was received."""
    with pytest.raises(ValueError, match=message):
        LatentModel(bad, 2)


def test_bad_points_are_refused():
    """Wrong shapes and values that are not finite are named."""
    model = LatentModel(decoder, 2)
    with pytest.raises(ValueError, match=r"x: expected shape \(2,\) of the decoder's output, got \(3,\)"):
        model.check_data(np.zeros(3))
    with pytest.raises(ValueError, match="x: expected finite"):
        model.check_data(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"mean: expected shape \(2,\), got \(1,\)"):
        model.check_latent(np.zeros(1), "mean")
    with pytest.raises(ValueError, match="latent_dim"):
        LatentModel(decoder, 0)


def test_shape_annotations_are_enforced():
    """The type-checking hook is awake: a prior given a matrix for a point raises."""
    with pytest.raises(Exception, match=r"[Tt]ype"):
        Normal().log_prob(np.zeros((2, 2)))


def test_float32_is_refused_in_one_line(float32):
    """Without x64 the library says what to do instead of returning half of the digits."""
    with pytest.raises(RuntimeError, match="gap needs float64"):
        require_float64("gap")
