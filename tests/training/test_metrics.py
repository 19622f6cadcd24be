"""Metrics of trained models against closed forms."""

import numpy as np
import pytest
from elbogap.training.metrics import (
    batched_mcc,
    bootstrap,
    bootstrap_spearman,
    contrasts,
    matching,
    mcc,
    mean_amari,
    spearman,
)

EXACT = 1e-9  # float64 sums of a few thousand terms


def test_mcc_finds_a_permutation_with_signs_and_scales() -> None:
    """Permuted, rescaled, sign-flipped sources have an MCC of 1, and the matching is the permutation."""
    sources = np.random.default_rng(0).uniform(size=(500, 3))
    latents = sources[:, [2, 0, 1]] * np.array([-2.0, 0.1, 5.0]) + 3.0
    value, order = matching(sources, latents)
    assert abs(value - 1) < EXACT
    assert order.tolist() == [1, 2, 0]


def test_mcc_of_a_rotation_has_its_closed_form() -> None:
    """Rotating two orthogonal sources by an angle t gives an MCC of cos t for t below 45 degrees."""
    grid = np.array([(a, b) for a in np.linspace(-1, 1, 9) for b in np.linspace(-1, 1, 9)])
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    assert abs(mcc(grid, grid @ turn.T) - np.cos(0.4)) < EXACT


def test_greedy_matching_would_be_wrong() -> None:
    """The assignment maximises the sum, not the largest entry first."""
    rng = np.random.default_rng(1)
    first, second, noise = np.linalg.qr(rng.standard_normal((300, 4)) - 0.0)[0][:, :3].T
    columns = [v - v.mean() for v in (first, second, noise)]
    basis = np.linalg.qr(np.stack(columns, axis=1))[0]
    sources = basis[:, :2]
    # Correlations [[.9, .8], [.8, 0]] up to normalisation: greedy takes .9 and is left with 0.
    latents = np.stack([0.9 * basis[:, 0] + 0.8 * basis[:, 1], 0.8 * basis[:, 0] + 0.6 * basis[:, 2]], axis=1)
    assert mcc(sources, latents) > 0.65


def test_spearman_sees_through_monotone_maps() -> None:
    """The rank version is 1 for any increasing transformation, the linear one is not."""
    sources = np.random.default_rng(2).uniform(size=(400, 2))
    latents = np.exp(6 * sources)
    assert abs(mcc(sources, latents, rank=True) - 1) < EXACT
    assert mcc(sources, latents) < 0.95
    assert abs(spearman(sources[:, 0], np.exp(sources[:, 0])) - 1) < EXACT


def test_a_collapsed_latent_has_no_correlation() -> None:
    """A latent that is constant up to float32 round-off counts as 0, not as noise."""
    sources = np.random.default_rng(3).uniform(size=(400, 2))
    latents = np.stack([sources[:, 0], np.full(400, 0.3)], axis=1)
    assert abs(mcc(sources, latents) - 0.5) < EXACT


def test_batches_of_64_are_biased_upwards() -> None:
    """For independent latents the MCC over batches of 64 is about 0.15 for d = 3, over all points it is near 0."""
    rng = np.random.default_rng(4)
    sources, latents = rng.uniform(size=(2, 6400, 3))
    assert mcc(sources, latents) < 0.04
    assert 0.13 < batched_mcc(sources, latents) < 0.17


def test_the_two_contrasts_differ() -> None:
    """Errors that change sign over space cancel in the mean Jacobian and not in the mean contrast."""
    tilt = np.array([[1.0, 0.3], [0.0, 1.0]])
    jacobians = np.stack([tilt, tilt * np.array([[1, -1], [1, 1]])])
    found = contrasts(jacobians)
    assert found.mean_jacobian < EXACT
    assert abs(found.point - 0.5 * np.log(1 + 0.3**2)) < EXACT


def test_amari_distance_ignores_permutation_and_scale() -> None:
    """Jacobians equal up to permutation and scaling of columns are at distance 0, others are not."""
    jacobian = np.random.default_rng(5).standard_normal((4, 3, 3))
    assert mean_amari(jacobian, jacobian[:, :, [1, 2, 0]] * np.array([2.0, -1.0, 0.5])) < EXACT
    assert mean_amari(jacobian, np.random.default_rng(6).standard_normal((4, 3, 3))) > 0.1


def test_bootstrap_interval_of_a_mean() -> None:
    """The interval of a mean of n values is about 1.96 standard errors wide on each side."""
    values = np.random.default_rng(7).standard_normal(400)
    found = bootstrap(values, np.random.default_rng(8), np.mean)
    assert found.low < found.value < found.high
    assert abs((found.high - found.low) / (2 * 1.96 * values.std() / 20) - 1) < 0.1
    with pytest.raises(ValueError, match="n >= 1"):
        bootstrap(np.zeros(0), np.random.default_rng(0))


def test_spearman_interval_excludes_zero_only_where_it_should() -> None:
    """A clear trend has an interval away from 0; a permuted one has 0 inside."""
    rng = np.random.default_rng(9)
    x = rng.uniform(size=80)
    y = -x + 0.3 * rng.standard_normal(80)
    trend, none = bootstrap_spearman(x, y, rng, draws=200), bootstrap_spearman(x, rng.permutation(y), rng, draws=200)
    assert trend.high < -0.3
    assert none.low < 0 < none.high


def test_mcc_refuses_what_it_cannot_match() -> None:
    """One nan, and fewer latents than sources, are refused: neither may count as a correlation of 0 or be left out."""
    sources = np.random.default_rng(4).uniform(size=(100, 3))
    broken = sources.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="latents: expected finite values, got nan or infinity"):
        mcc(sources, broken)
    with pytest.raises(ValueError, match="sources: expected finite values"):
        mcc(broken, sources)
    with pytest.raises(ValueError, match="latents: expected at least 3 columns, one a source, got 1"):
        mcc(sources, sources[:, :1])
