"""The contrast: accuracy against 80 digits, degenerate columns, derivatives, batches, memory and bad input.

Reference: c = sum_k log |J_k| - 1/2 log det J'J in mpmath with 80 digits from the float64 entries of J, exact
for them.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from elbogap.numerics.contrast import _contrast_of_batch, contrast_of_jacobian, ima_contrast

EPS = np.finfo(np.float64).eps
REVERSE = jax.jit(jax.jacrev(contrast_of_jacobian))
FORWARD = jax.jit(jax.jacfwd(contrast_of_jacobian))


def reference(jacobian):
    """c in 80 digits."""
    with mpmath.workdps(80):
        matrix = mpmath.matrix(np.asarray(jacobian).tolist())
        metric = matrix.T * matrix
        diagonal = sum(mpmath.log(metric[k, k]) for k in range(metric.rows))
        return (diagonal - mpmath.log(mpmath.det(metric))) / 2


def reference_gradient(jacobian):
    """dc/dJ = J diag(1/A_kk) - J A^-1 in 80 digits, as float64."""
    with mpmath.workdps(80):
        matrix = mpmath.matrix(np.asarray(jacobian).tolist())
        metric = matrix.T * matrix
        inverse = mpmath.inverse(metric)
        difference = mpmath.diag([1 / metric[k, k] for k in range(metric.rows)]) - inverse
        return np.array((matrix * difference).tolist(), dtype=float)


def orthonormal(rng, rows, columns):
    """Orthonormal columns, up to round-off."""
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def with_condition(rng, rows, columns, condition):
    """A matrix with logarithmically spaced singular values from 1 down to 1 / condition."""
    singular = np.logspace(0, -np.log10(condition), columns)
    return orthonormal(rng, rows, columns) * singular @ orthonormal(rng, columns, columns)


def gram_contrast(jacobian):
    """The usual formula, which squares the condition number."""
    metric = jacobian.T @ jacobian
    return 0.5 * np.sum(np.log(np.diag(metric))) - 0.5 * np.linalg.slogdet(metric)[1]


def net(rng, sizes):
    """A tanh network as a plain function."""
    weights = [jnp.asarray(rng.standard_normal((b, a)) / np.sqrt(a)) for a, b in itertools.pairwise(sizes)]

    def decoder(z):
        for weight in weights[:-1]:
            z = jnp.tanh(weight.astype(z.dtype) @ z)
        return weights[-1].astype(z.dtype) @ z

    return decoder


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (30, 5), (24, 20)])
@pytest.mark.parametrize(("condition", "tolerance"), [(1e0, 1e-14), (1e2, 1e-13), (1e4, 1e-11), (1e8, 1e-7)])
def test_the_contrast_is_accurate_up_to_the_condition_number_itself(rows, columns, condition, tolerance):
    """The error is at most about 10 eps cond, whatever the scales of the columns."""
    rng = np.random.default_rng(1)
    for _ in range(3):
        jacobian = with_condition(rng, rows, columns, condition) * 10.0 ** rng.uniform(-3, 3, columns)
        assert abs(float(contrast_of_jacobian(jacobian)) - float(reference(jacobian))) <= tolerance


def test_the_gram_formula_fails_where_the_contrast_does_not():
    """Control: at condition 1e8 the Gram determinant is wrong in the second digit, so the table above can fail."""
    jacobian = with_condition(np.random.default_rng(1), 3, 3, 1e8)
    assert abs(gram_contrast(jacobian) - float(reference(jacobian))) > 1e-3


@pytest.mark.parametrize("contrast", [1e-2, 1e-8, 1e-14, 1e-20, 1e-26])
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (30, 5), (24, 20)])
def test_near_orthogonality_relative_accuracy_is_kept(contrast, rows, columns):
    """For rotated, nearly orthogonal columns the relative error is at most 100 eps / sqrt(c)."""
    rng = np.random.default_rng(2)
    mixed = np.triu(rng.standard_normal((columns, columns)), 1)
    mixed *= np.sqrt(2 * contrast) / np.linalg.norm(mixed)
    jacobian = orthonormal(rng, rows, columns) @ (np.eye(columns) + mixed)
    expected = float(reference(jacobian))
    assert abs(float(contrast_of_jacobian(jacobian)) - expected) <= 100 * EPS / np.sqrt(expected) * expected
    if contrast < 1e-13:  # control: the difference of two sums of logarithms has an absolute error of eps
        assert abs(gram_contrast(jacobian) - expected) > 100 * EPS / np.sqrt(expected) * expected


def test_column_scales_do_not_matter():
    """Columns scaled by 1e-150 and 1e150 change the contrast by a few units of round-off, at any scale."""
    jacobian = with_condition(np.random.default_rng(3), 5, 3, 10.0)
    plain = contrast_of_jacobian(jacobian)
    for scales in ([1e-150, 1.0, 1e150], [1e150] * 3, [1e-150] * 3):
        assert abs(contrast_of_jacobian(jacobian * np.array(scales)) - plain) <= 20 * EPS
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # control: the Gram formula overflows
        assert not np.isfinite(gram_contrast(jacobian * 1e160))


@pytest.mark.parametrize("columns", [3, 20])
def test_dependent_columns_give_infinity_and_harm_nobody_else(columns):
    """A pivot below 4 d eps gives +inf; values and gradients of the rest of the batch stay finite and right."""
    rng = np.random.default_rng(4)
    batch = rng.standard_normal((3, columns + 2, columns))
    batch[1, :, 2] = 3.0 * batch[1, :, 0] - batch[1, :, 1]
    values = contrast_of_jacobian(batch)
    assert values[1] == jnp.inf and np.isfinite(values[0]) and np.isfinite(values[2])

    def finite_sum(matrices):
        contrast = contrast_of_jacobian(matrices)
        return jnp.sum(jnp.where(jnp.isfinite(contrast), contrast, 0.0))

    gradient = jax.jit(jax.grad(finite_sum))(jnp.asarray(batch))
    assert jnp.isfinite(gradient).all()
    # eps times the square of the condition number, here at most about 30
    np.testing.assert_allclose(gradient[0], reference_gradient(batch[0]), atol=1e4 * EPS)
    # control: above the threshold a pivot gives a finite contrast
    batch[1, :, 2] += 1e-10 * rng.standard_normal(columns + 2)
    assert 15.0 < contrast_of_jacobian(batch)[1] < 40.0


def test_a_zero_column_gives_nan_and_harms_nobody_else():
    """The contrast of a latent without effect is not defined: nan there, finite values and gradients elsewhere."""
    rng = np.random.default_rng(5)
    batch = rng.standard_normal((2, 4, 3))
    batch[0, :, 1] = 0.0
    values, gradient = jax.jit(jax.vmap(jax.value_and_grad(contrast_of_jacobian)))(jnp.asarray(batch))
    assert np.isnan(values[0]) and np.isfinite(values[1])
    np.testing.assert_allclose(gradient[1], reference_gradient(batch[1]), atol=1e4 * EPS)


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (24, 20)])
@pytest.mark.parametrize("mixing", [1.0, 1e-5, 1e-10])
def test_gradients_are_relatively_accurate_also_near_orthogonality(rows, columns, mixing):
    """Forward and reverse derivatives equal J diag(1/A_kk) - J A^-1, of size `mixing`, to 100 eps."""
    rng = np.random.default_rng(6)
    upper = np.triu(rng.uniform(0.2, 1.0, (columns, columns)), 1) / columns
    jacobian = jnp.asarray(orthonormal(rng, rows, columns) @ (np.eye(columns) + mixing * upper))
    expected = reference_gradient(jacobian)
    tolerance = 100 * EPS  # absolute: a cosine is known to eps only
    for gradient in (REVERSE, FORWARD):
        assert np.abs(gradient(jacobian) - expected).max() <= tolerance
    assert np.abs(expected).max() > 0.02 * mixing  # so that the comparison is not empty


def test_second_derivatives_at_orthogonal_columns():
    """At orthonormal columns c is 1/2 the sum of squared cosines to second order: the Hessian follows, no nan."""
    direction = jnp.asarray(np.random.default_rng(7).standard_normal((3, 2)))
    start = jnp.eye(3, 2)

    def along(t):
        return contrast_of_jacobian(start + t * direction)

    cosine_slope = direction[1, 0] + direction[0, 1]
    assert abs(jax.jit(jax.grad(jax.grad(along)))(0.0) - cosine_slope**2) <= 20 * EPS


def test_batches_chunks_and_transformations_agree():
    """Leading axes, chunk sizes, vmap and jit give the contrast of the Jacobian of each point."""
    rng = np.random.default_rng(8)
    decoder = net(rng, (2, 8, 5))
    points = jnp.asarray(rng.standard_normal((2, 4, 2)))
    expected = contrast_of_jacobian(jax.jit(jax.vmap(jax.vmap(jax.jacfwd(lambda z: decoder(z)))))(points))
    tolerance = {"rtol": 0, "atol": 100 * EPS}
    assert ima_contrast(decoder, points[0, 0]).shape == ()
    for chunk in (None, 3):
        np.testing.assert_allclose(ima_contrast(decoder, points, chunk=chunk), expected, **tolerance)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda z: ima_contrast(decoder, z)))(points), expected, **tolerance)
    assert ima_contrast(decoder, jnp.zeros((0, 2))).shape == (0,)


def test_the_contrast_is_differentiable_in_the_point():
    """The gradient in z agrees with central differences to their truncation error h^2 + eps / h."""
    decoder = net(np.random.default_rng(9), (2, 8, 3))
    point, direction, step = jnp.array([0.3, -0.2]), jnp.array([0.6, 0.8]), 1e-5
    difference = (ima_contrast(decoder, point + step * direction) - ima_contrast(decoder, point - step * direction)) / (
        2 * step
    )
    slope = jax.jit(jax.grad(lambda z: ima_contrast(decoder, z)))(point) @ direction
    assert abs(slope - difference) <= 1e-8
    assert abs(slope) > 1e-3  # else the comparison would be empty


def test_single_precision_is_accepted():
    """float32 points give a float32 contrast with the accuracy of float32."""
    decoder = net(np.random.default_rng(10), (3, 8, 5))
    point = np.array([0.1, 0.4, -0.3])
    single = ima_contrast(decoder, jnp.asarray(point, dtype=jnp.float32))
    assert single.dtype == jnp.float32
    assert abs(float(single) - float(ima_contrast(decoder, jnp.asarray(point)))) <= 100 * 2**-23


def test_memory_does_not_grow_with_the_batch():
    """The temporary memory of the compiled program is that of one chunk, for a decoder with 3072 outputs."""
    decoder = net(np.random.default_rng(11), (2, 4, 3072))

    def temporary(batch, chunk):
        function = jax.jit(lambda z: _contrast_of_batch(decoder, z, chunk))
        compiled = function.lower(jnp.zeros((batch, 2))).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(256, 4) <= temporary(16, 4) + 256 * 100  # 100 bytes a point for inputs and results
    assert temporary(16, 16) > 2 * temporary(16, 4)  # control: the measurement sees a chunk of four times the size


def linear(matrices):
    """A decoder whose Jacobian at (k, 0, ..., 0) is matrices[k], exactly: the point chooses the matrix."""
    stack = jnp.asarray(matrices)

    def decoder(z):
        index = jax.lax.stop_gradient(z[0]).astype(int)
        return stack[index] @ z

    points = jnp.zeros((len(stack), stack.shape[2])).at[:, 0].set(jnp.arange(float(len(stack))))
    return decoder, points


def test_tall_jacobians_are_as_accurate():
    """With D >= 16 d the matrix of cosines serves well-conditioned chunks: every case meets the same tolerances."""
    rng = np.random.default_rng(12)
    conditions = np.array([1.0, 1.5, 3.0, 1e2, 1e4, 1e8])
    matrices = np.stack([with_condition(rng, 64, 4, c) * 10.0 ** rng.uniform(-3, 3, 4) for c in conditions])
    decoder, points = linear(matrices)
    expected = np.array([float(reference(m)) for m in matrices])
    for chunk in (1, 6):  # alone, each goes its own way; together, all go the long one
        error = np.abs(ima_contrast(decoder, points, chunk=chunk) - expected)
        assert np.all(error <= 50 * EPS * conditions), error
    small = np.array([1e-2, 1e-14, 1e-26])
    upper = np.triu(rng.standard_normal((4, 4)), 1) / 2
    orthogonal = np.stack([orthonormal(rng, 64, 4) @ (np.eye(4) + np.sqrt(c) * upper) for c in small])
    decoder, points = linear(orthogonal)
    expected = np.array([float(reference(m)) for m in orthogonal])
    assert np.all(np.abs(ima_contrast(decoder, points) - expected) <= 100 * EPS * np.sqrt(expected))
    # control: the short way alone would be wrong at condition 1e8
    cosines = matrices[-1] / np.linalg.norm(matrices[-1], axis=0)
    assert abs(-0.5 * np.linalg.slogdet(cosines.T @ cosines)[1] - float(reference(matrices[-1]))) > 1e-3


def test_tall_degenerate_members_do_not_harm_the_others():
    """A dependent and a zero column among tall Jacobians: inf, nan, finite gradients for every decoder parameter."""
    rng = np.random.default_rng(13)
    matrices = rng.standard_normal((4, 40, 2))
    matrices[1, :, 1] = 2.0 * matrices[1, :, 0]
    matrices[2, :, 1] = 0.0
    matrices[3] *= 1e-200
    matrices = jnp.asarray(matrices)

    def total(matrices):
        decoder, points = linear(matrices)
        values = jax.vmap(lambda z: ima_contrast(decoder, z))(points)  # under vmap both ways run
        return jnp.sum(jnp.where(jnp.isfinite(values), values, 0.0)), values

    (_, values), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(matrices)
    for contrast in (values, ima_contrast(*linear(matrices))):
        assert np.isfinite(contrast[0]) and contrast[1] == jnp.inf and np.isnan(contrast[2])
        assert abs(contrast[3] - float(reference(matrices[3] * 1e200))) < 100 * EPS
    assert np.isfinite(gradient[:3]).all()
    np.testing.assert_allclose(gradient[0], reference_gradient(matrices[0]), atol=100 * EPS)


def test_single_precision_products_are_not_rounded_further():
    """The traced program asks for the highest precision of matrix products, which matters on accelerators."""
    decoder = net(np.random.default_rng(14), (2, 4, 3))
    traced = str(jax.make_jaxpr(lambda z: ima_contrast(decoder, z))(jnp.zeros(2, jnp.float32)))
    assert traced.count("Precision.HIGHEST") >= traced.count("dot_general[") > 0


@pytest.mark.parametrize(
    ("decoder", "z", "error", "words"),
    [
        (lambda z: z, np.array([1, 2]), TypeError, "floating"),
        (lambda z: jnp.round(z).astype(int), np.ones(2), TypeError, "floating array of shape"),
        (lambda z: (z, z), np.ones(2), TypeError, "floating array of shape"),
        (lambda z: jnp.outer(z, z), np.ones(2), ValueError, r"shape \(D,\) with D >= d = 2, got shape \(2, 2\)"),
        (lambda z: z[:1], np.ones(2), ValueError, r"D >= d = 2, got shape \(1,\)"),
        (lambda z: jnp.sqrt(z), np.array([[1.0, 2.0], [-1.0, 1.0]]), ValueError, "at 1 of 2 points"),
    ],
)
def test_bad_decoders_and_points_are_named(decoder, z, error, words):
    """Wrong dtypes, ranks, sizes and non-finite Jacobians raise one line that says what was received."""
    with pytest.raises(error, match=words):
        ima_contrast(decoder, z)


def test_non_finite_jacobians_raise_under_jit():
    """Inside a compiled function the error is raised at run time."""
    function = eqx.filter_jit(lambda z: ima_contrast(jnp.sqrt, z))
    assert np.isfinite(function(jnp.array([1.0, 2.0])))
    # JAX 0.7 turns Equinox's error into a ValueError with the same words.
    with pytest.raises((eqx.EquinoxRuntimeError, ValueError), match="must be finite"):
        function(jnp.array([-1.0, 2.0]))


def test_a_chunk_below_one_and_a_wide_jacobian_are_refused():
    """chunk = 0 and D < d raise ValueError with what was received."""
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ima_contrast(lambda z: z, np.ones(2), chunk=0)
    with pytest.raises(ValueError, match=r"D >= d, got .*\(2, 3\)"):
        contrast_of_jacobian(np.ones((2, 3)))
