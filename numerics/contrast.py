"""The IMA contrast c(f, z) = sum_k log |J_k| - 1/2 log det J'J, accurately and for decoders of any size.

Notation: J (D, d) the decoder's Jacobian at z, J_k its columns, D >= d; A = J'J. c >= 0 by Hadamard's
inequality, and c = 0 exactly when the columns are orthogonal (claim `contrast`; Gresele et al., NeurIPS 2021,
4.4).

Method. Columns are scaled to length one, which leaves c unchanged, and orthogonalised by modified
Gram-Schmidt, whose triangular factor R is that of J + E with |E| of the size of round-off (Bjorck, BIT 7,
1967). With rho_k^2 = sum_{j<k} R_jk^2 the squared multiple correlation of column k with those before it and
the pivot R_kk,

    c = sum_k -1/2 log(1 - rho_k^2) = sum_k -log R_kk;

the first form keeps the relative accuracy near orthogonality (error about eps / sqrt(c)), the second the
accuracy of nearly dependent columns (error about eps times the condition number, which is never squared).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Inexact, Shaped

from ..errors import RequestError
from .affine_output import shortened
from .chunks import contrasts_of_chunk
from .orthogonalise import contrast_of_columns, unit_columns
from .program import Frozen
from .requests import array_of, positive, real_array

CHUNK_BYTES = 2**20  # of Jacobians held at once: about what a core's cache holds
CHUNK_POINTS = 256  # at most so many points at once: a decoder's hidden layers need cache, too
VECTOR = 8  # float64 numbers of the widest vectors: chunks of other lengths take up to half as long again


def ima_contrast(
    decoder: Callable[[Array], Array], z: Shaped[Array | np.ndarray, "*batch d"], *, chunk: int | None = None
) -> Inexact[Array, "*batch"]:
    """c(f, z) = sum_k log |J_k| - 1/2 log det J'J, J the Jacobian of f at z, by forward mode (claim `contrast`).

    decoder: JAX-traceable, (d,) -> (D,), D >= d. z: (d,) or (..., d); the result has the leading axes, and
    c >= 0. At most `chunk` Jacobians are held at a time (default: as many as make 1 MiB, at most 256).

    +inf where columns are linearly dependent to working precision (a pivot below 4 d eps), nan where a column
    is zero; the other members of the batch, and their derivatives, are not affected.

    Raises TypeError where z or f(z) is not floating, RequestError where f(z) is not a vector with D >= d
    entries, where chunk < 1, or where J is not finite (under `jit`: an equinox runtime error).

    A shear of the plane by 1/2 has contrast 1/2 log 1.25:

        >>> print(f"{ima_contrast(lambda z: jnp.array([z[0] + 0.5 * z[1], z[1]]), jnp.zeros(2)):.6f}")
        0.111572
    """
    if not callable(decoder):
        raise RequestError(f"decoder: expected a function (d,) -> (D,), got {type(decoder).__name__} {decoder!r:.40}")
    z = array_of("z", z)
    if z.ndim == 0 or not jnp.issubdtype(z.dtype, jnp.floating):
        raise TypeError(f"z must be floating with shape (..., d), got {z.dtype} with shape {z.shape}")
    output = jax.eval_shape(decoder, jax.ShapeDtypeStruct(z.shape[-1:], z.dtype))
    _check_output(output, z.shape[-1])
    if chunk is not None and chunk < 1:
        raise RequestError(f"chunk must be at least 1, got {chunk}")
    if not any(eqx.is_array(leaf) for leaf in jax.tree.leaves(decoder)):
        decoder = Frozen(decoder, z.shape[-1], z.dtype)
    contrast, finite = _contrast_of_batch(decoder, z.reshape(-1, z.shape[-1]), chunk)
    message = "the Jacobian of the decoder must be finite, got nan or inf"
    if not isinstance(finite, jax.core.Tracer):
        if not finite.all():
            raise RequestError(f"{message} at {int((~finite).sum())} of {finite.size} points")
    else:
        contrast = eqx.error_if(contrast, ~finite, message)
    return contrast.reshape(z.shape[:-1])


def contrast_of_jacobian(jacobian: Shaped[Array | np.ndarray, "*batch D d"]) -> Inexact[Array, "*batch"]:
    """c = sum_k log |J_k| - 1/2 log det J'J of each matrix; conventions as `ima_contrast`. RequestError if D < d.

    Column scales from 1e-150 to 1e150 do not matter; nan where a column is zero or an entry is not finite.
    """
    return _over_batch(lambda matrix: contrast_of_columns(matrix.T), jacobian)


def metric_contrast(
    metric: Shaped[Array | np.ndarray, "*batch d d"], blocks: Sequence[Sequence[int]] | None = None
) -> Inexact[Array, "*batch"]:
    """contrast_B(M) = 1/2 [sum_B log det M_BB - log det M], M symmetric positive definite (claim `general-limit`).

    blocks: a partition of range(d); None means singletons, 1/2 [sum_k log M_kk - log det M]. nan where M is
    not positive definite. Accurate to about eps times the condition number of the correlation matrix of M.
    """
    partition = None if blocks is None else _partition(blocks, metric.shape[-1])

    def contrast(matrix: Array) -> Array:
        scale = jnp.sqrt(jnp.diagonal(matrix))
        factor = jnp.linalg.cholesky(matrix / jnp.outer(scale, scale))  # M = L L', so J = L'
        return contrast_of_columns(factor) if partition is None else _contrast_of_blocks(factor, partition)

    return _over_batch(contrast, metric)


def block_contrast(
    jacobian: Shaped[Array | np.ndarray, "*batch D d"], blocks: Sequence[Sequence[int]]
) -> Inexact[Array, "*batch"]:
    """1/2 [sum_B log det (J'J)_BB - log det J'J]: what a block-diagonal encoder pays (claim `block-encoder`).

    blocks: a partition of range(d), such as ((0, 1), (2,)). Singletons give the contrast, a single block 0.
    Columns within a block may be replaced by an orthonormal basis of their span, which makes this the
    contrast of the new columns. nan where the columns of one block are dependent; RequestError where `blocks`
    is not a partition.
    """
    jacobian = array_of("jacobian", jacobian)
    if jacobian.ndim < 2:
        raise RequestError(f"expected shape (..., D, d) with D >= d, got {jacobian.shape}")
    partition = _partition(blocks, jacobian.shape[-1])
    return _over_batch(lambda matrix: _contrast_of_blocks(matrix.T, partition), jacobian)


def finite_noise_contrast(
    jacobian: Shaped[Array | np.ndarray, "*batch D d"], noise_var: ArrayLike
) -> Inexact[Array, "*batch"]:
    """1/2 [sum_k log(1 + A_kk / eps) - log det(I + A / eps)], A = J'J: the linearised gap (claim `linear-vae`).

    It is the contrast of J / sqrt(eps) with the identity appended below, so that nothing is squared.
    noise_var = eps > 0.
    """

    eps = positive("noise_var", real_array("noise_var", noise_var))

    def contrast(matrix: Array) -> Array:
        scaled = matrix / jnp.sqrt(eps).astype(matrix.dtype)
        return contrast_of_columns(jnp.vstack([scaled, jnp.eye(scaled.shape[-1], dtype=scaled.dtype)]).T)

    return _over_batch(contrast, jacobian)


def conformal_contrast(jacobian: Shaped[Array | np.ndarray, "*batch D d"]) -> Inexact[Array, "*batch"]:
    """d/2 log(tr A / d) - 1/2 log det A, A = J'J: what an encoder with covariance sigma^2 I pays.

    Never below the contrast; 0 exactly when A is a multiple of the identity, J conformal (arithmetic against
    geometric mean of the eigenvalues; the measure of Buchholz, Besserve and Schoelkopf, NeurIPS 2022, is of
    this kind).
    """

    def contrast(matrix: Array) -> Array:
        _, logarithm = unit_columns(matrix.T)
        deviation = 2.0 * (logarithm - jnp.mean(logarithm))
        # log of the mean of exp(deviation), whose terms of first order cancel
        excess = jnp.log1p(jnp.mean(jnp.expm1(deviation) - deviation))
        return contrast_of_columns(matrix.T) + 0.5 * len(deviation) * excess

    return _over_batch(contrast, jacobian)


def column_correlation(jacobian: Shaped[Array | np.ndarray, "*batch D d"]) -> Inexact[Array, "*batch d d"]:
    """R_kl = J_k . J_l / (|J_k| |J_l|), the cosines between columns; unit diagonal, nan for zero columns."""

    def correlation(matrix: Array) -> Array:
        unit, logarithm = unit_columns(matrix.T)
        product = unit @ unit.T
        product = jnp.where(jnp.eye(len(unit), dtype=bool), 1.0, product)
        present = logarithm > -jnp.inf
        return jnp.where(jnp.outer(present, present), product, jnp.nan)

    return _over_batch(correlation, jacobian)


def amari_distance(
    jacobian: Shaped[Array | np.ndarray, "*batch D d"], other: Shaped[Array | np.ndarray, "*batch D d"]
) -> Inexact[Array, "*batch"]:
    """How far two Jacobians are from equality up to permutation and scaling of columns, in [0, 1]; d = 1 gives 0.

    With P = pinv(J) J_other: [sum_i (sum_j |P_ij| / max_j |P_ij| - 1) + the same over columns] / (2 d (d -
    1)) (Amari, Cichocki and Yang, NeurIPS 1996). 0 exactly when P is a permutation times a diagonal matrix.
    """
    size = jacobian.shape[-1]

    def distance(first: Array, second: Array) -> Array:
        q, r = jnp.linalg.qr(first)
        size_of = jnp.abs(jax.scipy.linalg.solve_triangular(r, q.T @ second))
        rows = jnp.sum(size_of, axis=1) / jnp.max(size_of, axis=1) - 1.0
        columns = jnp.sum(size_of, axis=0) / jnp.max(size_of, axis=0) - 1.0
        return (jnp.sum(rows) + jnp.sum(columns)) / max(1, 2 * size * (size - 1))

    return _over_batch(distance, jacobian, other)


def _over_batch(function: Callable[..., Array], *matrices: Shaped[Array | np.ndarray, "*batch D d"]) -> Array:
    """Applies `function` to each matrix (D, d) of arrays (..., D, d) with the same leading axes; checks their shape."""
    arrays = [array_of("Jacobian", matrix) for matrix in matrices]
    for array in arrays:
        if array.ndim < 2 or array.shape[-2] < array.shape[-1] or array.shape != arrays[0].shape:
            raise RequestError(f"expected shape (..., D, d) with D >= d, got {[a.shape for a in arrays]}")
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"expected floating entries, got {array.dtype}")
    batch = arrays[0].shape[:-2]
    result = jax.vmap(function)(*(array.reshape(-1, *array.shape[-2:]) for array in arrays))
    return result.reshape(*batch, *result.shape[1:])


def _partition(blocks: Sequence[Sequence[int]], size: int) -> tuple[tuple[int, ...], ...]:
    """The blocks as nested tuples; RequestError where they are not a partition of range(size)."""
    partition = tuple(tuple(int(k) for k in block) for block in blocks)
    if sorted(k for block in partition for k in block) != list(range(size)) or not all(partition):
        raise RequestError(f"blocks must be a partition of range({size}), got {partition}")
    return partition


@partial(jax.jit, static_argnums=1)
def _contrast_of_blocks(columns: Inexact[Array, "d D"], blocks: tuple[tuple[int, ...], ...]) -> Inexact[Array, ""]:
    """The contrast of the columns after each block of them is replaced by an orthonormal basis of its span."""
    unit, logarithm = unit_columns(columns)
    factors = [jnp.linalg.qr(unit[jnp.asarray(block)].T) for block in blocks]
    pivots = jnp.concatenate([jnp.abs(jnp.diagonal(r)) for _, r in factors])
    independent = jnp.min(pivots) >= 4 * len(unit) * jnp.finfo(unit.dtype).eps
    contrast = contrast_of_columns(jnp.concatenate([q.T for q, _ in factors]))
    return jnp.where(independent & jnp.all(logarithm > -jnp.inf), contrast, jnp.nan)


def _check_output(output: Any, latent_dim: int) -> None:
    """The decoder returns a floating vector with D >= d entries, or a clear error says what it returned."""
    if not isinstance(output, jax.ShapeDtypeStruct) or not jnp.issubdtype(output.dtype, jnp.floating):
        raise TypeError(f"the decoder must return one floating array of shape (D,), got {output}")
    if output.ndim != 1 or output.size < latent_dim:
        raise RequestError(f"the decoder must return shape (D,) with D >= d = {latent_dim}, got shape {output.shape}")


def _even(count: int, most: int) -> int:
    """At most `most` points a chunk, of whole vectors where there are several, so that the last one is nearly full."""
    unit = VECTOR if most >= VECTOR else 1
    chunk = -(-count // -(-count // (most // unit * unit)))
    return min(count, -(-chunk // unit) * unit)


@eqx.filter_jit
def _contrast_of_batch(
    decoder: Callable[[Array], Array], points: Inexact[Array, "n d"], chunk: int | None
) -> tuple[Inexact[Array, "n"], Bool[Array, "n"]]:
    """Contrasts, and whether each Jacobian is finite; `chunk` points at a time, the Jacobians never leave the map."""
    count, size = points.shape
    if count == 0:
        return jnp.zeros(0, points.dtype), jnp.ones(0, bool)
    decoder = shortened(decoder, size, points.dtype)
    if chunk is None:
        output = jax.eval_shape(decoder, points[0])
        chunk = max(1, min(CHUNK_POINTS, CHUNK_BYTES // (output.size * size * output.dtype.itemsize)))
    chunk = _even(count, chunk)
    basis = jnp.eye(size, dtype=points.dtype)

    def columns_at(point: Array) -> Array:
        return jax.vmap(lambda e: jax.jvp(decoder, (point,), (e,))[1])(basis)

    def of_chunk(points: Array) -> tuple[Array, Array]:
        return contrasts_of_chunk(jax.vmap(columns_at)(points))

    # The last chunk is filled up with copies of the last point, so that all have one shape.
    padded = jnp.pad(points, ((0, -count % chunk), (0, 0)), mode="edge")
    with jax.default_matmul_precision("highest"):  # else some accelerators round float32 products to 10 bits
        contrast, finite = jax.lax.map(of_chunk, padded.reshape(-1, chunk, size))
    return contrast.reshape(-1)[:count], finite.reshape(-1)[:count]
