"""What users of variational inference look for: Pareto k, effective draws, entropies, the collapse threshold."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.account import Account, Entry, Weights
from elbogap.auditing.inference import collapse, entropies, weights_summary
from elbogap.auditing.points import Points
from elbogap.auditing.weights import weight_limit, weights_of
from elbogap.numerics.model import LatentModel
from scipy import stats

ROUND_OFF = 1e-12
FIT = 0.15  # of k = 0.27 from the largest 271 of 8192 weights
SAMPLED = 0.02  # of an effective share of nine tenths, from 8192 draws: its standard error is 0.008

EPS = 0.05
COLUMNS = np.array([[1.0, 0.1], [0.2, 0.9], [0.0, 0.3]])


def test_the_limit_is_one_less_the_smallest_eigenvalue_of_the_correlations() -> None:
    """Of two columns with cosine rho it is |rho|, whatever their lengths."""
    metric = np.array([[4.0, -2 * 0.3 * 5], [-2 * 0.3 * 5, 25.0]])
    assert weight_limit(metric) == pytest.approx(0.3, abs=ROUND_OFF)


def test_the_effective_share_of_a_linear_decoder_is_that_of_the_closed_form() -> None:
    """1 / E w^2 = det(I + 2(R - I))^(1/2) / det R for the best encoder, R the correlations of A + eps I."""
    model = LatentModel(lambda z: jnp.asarray(COLUMNS) @ z, 2, noise_var=EPS)
    precision = COLUMNS.T @ COLUMNS + EPS * np.eye(2)
    mean = np.linalg.solve(precision, COLUMNS.T @ np.ones(3))
    std = np.sqrt(EPS / np.diag(precision))
    normal = np.random.default_rng(0).standard_normal((8192, 2))
    _, share = weights_of(model, jnp.ones(3), (mean, std), normal)
    scale = np.sqrt(np.diag(precision))
    R = precision / np.outer(scale, scale)
    expected = np.sqrt(np.linalg.det(np.eye(2) + 2 * (R - np.eye(2)))) / np.linalg.det(R)
    assert 0.85 < expected < 0.95 and share == pytest.approx(expected, abs=SAMPLED)
    shape, _ = weights_of(model, jnp.ones(3), (mean, std), normal)
    assert shape == pytest.approx(weight_limit(precision), abs=FIT)
    wide, _ = weights_of(model, jnp.ones(3), (mean, 2 * std), normal)
    narrow, _ = weights_of(model, jnp.ones(3), (mean, 0.5 * std), normal)
    assert wide < 0.4 < 0.7 < narrow


def test_the_sum_of_entropies_is_the_mean_elbo_where_everything_is_stationary() -> None:
    """Probabilistic PCA of a sample: the sum is its mean log-likelihood by SciPy, and mean mu^2 + sigma^2 is 1."""
    data = np.random.default_rng(1).standard_normal((50, 4)) @ np.diag([3.0, 2.0, 0.6, 0.5])
    data -= data.mean(axis=0)
    values, vectors = np.linalg.eigh(data.T @ data / len(data))
    eps = float(np.mean(values[:2]))
    W = vectors[:, 2:] * np.sqrt(values[2:] - eps)
    precision = np.diag(W.T @ W) + eps
    means = data @ W / precision
    blank = Entry(**(dict.fromkeys(Entry._fields, 0.0)))  # type: ignore[arg-type]
    std, marginal = np.sqrt(eps / precision), stats.multivariate_normal(np.zeros(4), W @ W.T + eps * np.eye(4))
    entries = tuple(
        blank._replace(encoder_mean=mean, encoder_std=std, log_likelihood=float(marginal.logpdf(x)))
        for mean, x in zip(means, data, strict=True)
    )
    model = LatentModel(lambda z: jnp.asarray(W) @ z, 2, noise_var=eps)
    found = entropies(model, Account(entries, 0), 4)
    assert found is not None and found.entropy_sum == pytest.approx(found.elbo, abs=1e-10)
    np.testing.assert_allclose(found.second_moments, 1.0, rtol=1e-10)
    trained_too_little = entropies(model.with_noise(2 * eps), Account(entries, 0), 4)
    assert trained_too_little is not None and abs(trained_too_little.entropy_sum - found.elbo) > 1


def test_the_collapse_threshold_is_the_largest_eigenvalue_of_the_covariance() -> None:
    """That of NumPy's covariance; with eps between the second and the third two latents stay."""
    data = np.random.default_rng(2).standard_normal((200, 4)) @ np.diag([3.0, 2.0, 0.6, 0.5])
    values = np.linalg.eigvalsh(np.cov(data.T))[::-1]
    model = LatentModel(lambda z: jnp.concatenate([z, z[:1]]), 3, noise_var=float(np.sqrt(values[1] * values[2])))
    found = collapse(model, Points(np.zeros((200, 3)), np.arange(200), data), 3)
    assert found is not None and found.largest == pytest.approx(values[0], rel=1e-10)
    assert found.above == 2 and found.rows == 200


def test_the_summary_has_medians_of_what_there_is() -> None:
    """Medians over the points, nan left out; None for what no point has, and for an account without weights."""
    blank = Entry(**(dict.fromkeys(Entry._fields, 0.0) | {"weights": None}))  # type: ignore[arg-type]
    shapes = (0.1, 0.3, np.nan)
    weights = [Weights(one, 0.2, 0.9, np.nan, np.nan) for one in shapes]
    found = weights_summary(Account(tuple(blank._replace(weights=one) for one in weights), 0))
    assert found is not None and found["best_shape"] == pytest.approx(0.2)
    assert (found["limit"], found["best_share"]) == (0.2, 0.9)
    assert found["given_shape"] is found["given_share"] is found["largest_given_shape"] is None
    given = weights_summary(Account((blank._replace(weights=weights[0]._replace(given_shape=0.8)),), 0))
    assert given is not None and given["largest_given_shape"] == 0.8
    assert weights_summary(Account((blank,), 0)) is None
