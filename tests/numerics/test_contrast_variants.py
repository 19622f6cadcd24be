"""Block, metric, finite-noise and conformal contrasts, column correlations and the Amari distance.

References are mpmath formulas in 80 digits from the float64 entries, or the reference values.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from elbogap.numerics.contrast import (
    amari_distance,
    block_contrast,
    column_correlation,
    conformal_contrast,
    contrast_of_jacobian,
    finite_noise_contrast,
    metric_contrast,
)

EPS = np.finfo(np.float64).eps
BLOCKS = ((0, 3), (1,), (2, 4))
JACOBIANS = np.random.default_rng(0).standard_normal((3, 7, 5))
ROUND_OFF = 100 * EPS  # the condition numbers of JACOBIANS are below 10


def log_det(matrix, index):
    """log det of the principal submatrix, in the current mpmath precision."""
    return mpmath.log(mpmath.det(mpmath.matrix([[matrix[a, b] for b in index] for a in index])))


def metric_in_many_digits(jacobian):
    """J'J without rounding."""
    matrix = mpmath.matrix(np.asarray(jacobian).tolist())
    return matrix.T * matrix


def test_block_contrast_is_the_difference_of_log_determinants():
    """contrast_B = 1/2 [sum_B log det A_BB - log det A], from J and from A = J'J, in 80 digits."""
    values = block_contrast(JACOBIANS, BLOCKS)
    for jacobian, value in zip(JACOBIANS, values, strict=True):
        with mpmath.workdps(80):
            metric = metric_in_many_digits(jacobian)
            expected = sum(log_det(metric, block) for block in BLOCKS) / 2 - log_det(metric, range(5)) / 2
        assert abs(float(value) - float(expected)) <= ROUND_OFF
        assert abs(metric_contrast(jacobian.T @ jacobian, BLOCKS) - float(expected)) <= 10 * ROUND_OFF


def test_block_contrast_is_not_that_of_the_covariance_blocks():
    """Control: with three blocks, blocks of A^-1 instead of A give another number; with two, the same."""
    metric = JACOBIANS[0].T @ JACOBIANS[0]
    for blocks, differs in ((BLOCKS, True), (((0, 3, 1), (2, 4)), False)):
        right = block_contrast(JACOBIANS[0], blocks)
        wrong = metric_contrast(np.linalg.inv(metric), blocks)
        assert (abs(right - wrong) > 1e-3) == differs


def test_blocks_between_the_extremes():
    """Singletons give the contrast, one block gives zero, and the chain rule links them (claim `block-encoder`)."""
    singletons = block_contrast(JACOBIANS, tuple((k,) for k in range(5)))
    total = contrast_of_jacobian(JACOBIANS)
    np.testing.assert_allclose(singletons, total, rtol=0, atol=ROUND_OFF)
    np.testing.assert_allclose(block_contrast(JACOBIANS, (range(5),)), 0.0, atol=ROUND_OFF)
    within = sum(contrast_of_jacobian(JACOBIANS[..., list(block)]) for block in BLOCKS)
    np.testing.assert_allclose(block_contrast(JACOBIANS, BLOCKS) + within, total, rtol=0, atol=ROUND_OFF)
    assert np.min(within) > 0.01  # the two differ


def test_small_block_contrasts_keep_their_digits():
    """With blocks orthogonal up to 1e-9 the relative error is at most 100 eps / sqrt(c), whatever is within a block."""
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    inner = np.zeros((6, 4))
    inner[:2, :2], inner[2:4, 2:] = rng.standard_normal((2, 2)), rng.standard_normal((2, 2))
    jacobian = rotation @ (inner + 1e-9 * rng.standard_normal((6, 4)))
    blocks = ((0, 1), (2, 3))
    with mpmath.workdps(80):
        metric = metric_in_many_digits(jacobian)
        expected = float(sum(log_det(metric, block) for block in blocks) / 2 - log_det(metric, range(4)) / 2)
    assert 1e-20 < expected < 1e-16
    assert abs(block_contrast(jacobian, blocks) - expected) <= 100 * EPS * np.sqrt(expected)


@pytest.mark.parametrize("blocks", [((0, 1), (1, 2, 3, 4)), ((0, 1),), ((), (0, 1, 2, 3, 4))])
def test_blocks_must_be_a_partition(blocks):
    """Overlapping, missing or empty blocks raise ValueError."""
    with pytest.raises(ValueError, match=r"partition of range\(5\)"):
        block_contrast(JACOBIANS, blocks)


def test_dependent_columns_within_a_block_give_nan():
    """log det A_BB is -infinity on both sides then: the difference is not defined; between blocks it is +infinity."""
    jacobian = np.array(JACOBIANS[0])
    jacobian[:, 3] = 2.0 * jacobian[:, 0]
    assert np.isnan(block_contrast(jacobian, BLOCKS))
    assert block_contrast(jacobian, ((0,), (3, 1), (2, 4))) == jnp.inf


def test_metric_contrast_needs_positive_definiteness():
    """An indefinite M, as beyond a focal radius (claim `rectangular`), gives nan."""
    assert np.isnan(metric_contrast(np.array([[1.0, 2.0], [2.0, 1.0]])))
    assert metric_contrast(np.array([[1.0, 0.5], [0.5, 1.0]])) == pytest.approx(-0.5 * np.log(0.75), abs=EPS)


@pytest.mark.parametrize("noise_var", [1e-12, 1e-4, 1.0, 1e8])
def test_finite_noise_contrast(noise_var):
    """1/2 [sum log(1 + A_kk/eps) - log det(I + A/eps)] in 80 digits: c in the limit, quadratic in A for large eps."""
    jacobian = JACOBIANS[0]
    with mpmath.workdps(80):
        metric = mpmath.eye(5) + metric_in_many_digits(jacobian) / mpmath.mpf(noise_var)
        expected = float((sum(mpmath.log(metric[k, k]) for k in range(5)) - log_det(metric, range(5))) / 2)
    error = abs(finite_noise_contrast(jacobian, noise_var) - expected)
    assert error <= 100 * EPS * min(1.0, np.sqrt(expected))  # relative where the contrast is small
    if noise_var == 1e-12:
        assert abs(finite_noise_contrast(jacobian, noise_var) - contrast_of_jacobian(jacobian)) < 1e-10
    if noise_var == 1.0:  # control: without "1 +" it would be the contrast itself
        assert abs(expected - float(contrast_of_jacobian(jacobian))) > 0.01


def test_conformal_contrast():
    """d/2 log(tr A / d) - 1/2 log det A in 80 digits: at least c, zero for multiples of orthonormal columns."""
    values = conformal_contrast(JACOBIANS)
    for jacobian, value in zip(JACOBIANS, values, strict=True):
        with mpmath.workdps(80):
            metric = metric_in_many_digits(jacobian)
            trace = sum(metric[k, k] for k in range(5))
            expected = mpmath.mpf(5) / 2 * mpmath.log(trace / 5) - log_det(metric, range(5)) / 2
        assert abs(float(value) - float(expected)) <= ROUND_OFF
    assert np.all(values > contrast_of_jacobian(JACOBIANS) + 1e-3)
    orthonormal = np.linalg.qr(JACOBIANS[0])[0]
    assert abs(conformal_contrast(1e100 * orthonormal)) <= EPS**1.5
    # orthogonal columns of different lengths: contrast 0, conformal contrast not
    stretched = orthonormal * np.array([1.0, 1.0, 1.0, 1.0, 1.0 + 1e-8])
    assert conformal_contrast(stretched) == pytest.approx(1e-16 * 4 / 5, rel=1e-6)


def test_column_correlation():
    """Cosines between columns: unit diagonal, symmetric, blind to column scales, nan for a zero column."""
    correlation = column_correlation(JACOBIANS)
    np.testing.assert_array_equal(np.diagonal(correlation, axis1=1, axis2=2), 1.0)
    scaled = column_correlation(JACOBIANS * np.array([1e150, 1.0, -2.0, 1e-150, 3.0]))
    sign = np.where(np.arange(5) == 2, -1.0, 1.0)
    np.testing.assert_allclose(scaled, correlation * np.outer(sign, sign)[None], atol=ROUND_OFF)
    lengths = np.linalg.norm(JACOBIANS[0], axis=0)
    np.testing.assert_allclose(
        correlation[0], JACOBIANS[0].T @ JACOBIANS[0] / np.outer(lengths, lengths), atol=ROUND_OFF
    )
    # the contrast is -1/2 log det of it: both are functions of the same angles
    np.testing.assert_allclose(
        -0.5 * np.linalg.slogdet(correlation)[1], contrast_of_jacobian(JACOBIANS), atol=10 * ROUND_OFF
    )
    assert np.isnan(column_correlation(np.array([[1.0, 0.0], [0.0, 0.0]]))).tolist() == [[False, True], [True, True]]


def test_amari_distance():
    """Zero for permuted and rescaled columns, one for a matrix of equal entries, symmetric in neither, in [0, 1]."""
    permuted = JACOBIANS[..., [2, 0, 4, 1, 3]] * np.array([2.0, -1.0, 0.1, 5.0, 1.0])
    np.testing.assert_allclose(amari_distance(JACOBIANS, permuted), 0.0, atol=ROUND_OFF)
    assert amari_distance(np.eye(4), np.ones((4, 4))) == pytest.approx(1.0)
    rotated = JACOBIANS @ np.linalg.qr(np.random.default_rng(2).standard_normal((5, 5)))[0]  # control
    assert np.min(amari_distance(JACOBIANS, rotated)) > 0.1
    assert amari_distance(np.ones((2, 1)), 3.0 * np.ones((2, 1))) == 0.0


def test_variants_are_differentiable_and_take_batches():
    """Gradients are finite under vmap and jit and leading axes are kept; integers are refused."""
    stacked = jnp.asarray(JACOBIANS[:, :3, :2])[None]
    blocks = ((0,), (1,))
    assert block_contrast(stacked, blocks).shape == (1, 3)
    assert column_correlation(stacked).shape == (1, 3, 2, 2)

    def total(matrix):
        return (
            block_contrast(matrix, blocks)
            + finite_noise_contrast(matrix, 0.1)
            + conformal_contrast(matrix)
            + metric_contrast(matrix.T @ matrix)
        )

    assert jnp.isfinite(jax.jit(jax.vmap(jax.grad(total)))(stacked[0])).all()
    with pytest.raises(TypeError, match="floating"):
        conformal_contrast(np.ones((3, 2), dtype=int))
