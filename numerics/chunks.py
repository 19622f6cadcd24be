"""Contrasts of a chunk of Jacobians, with a short way for tall ones whose columns are far from dependent.

For images (D much larger than d) Gram-Schmidt reads J once a column, while the matrix of cosines C of the
columns takes one matrix product. Cholesky's factor of C squares the condition number, which does no harm
where that is small: with all squared pivots 1 - rho_k^2 at least 1/10 its error is some tens of eps. Any
other chunk goes the long way, as a whole. Columns are held as rows: `columns` (n, d, D).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Inexact

from .orthogonalise import contrast_of_columns, contrast_of_factor

TALL = 16  # D / d from which the short way is tried: below, Gram-Schmidt is as fast
SMALLEST_SQUARED_PIVOT = 0.1


def contrasts_of_chunk(
    columns: Inexact[Array, "n d D"],
) -> tuple[Inexact[Array, "n"], Bool[Array, "n"]]:
    """The contrast of each matrix, conventions as `ima_contrast`, and whether its entries are finite."""
    _, size, output = columns.shape
    if output < TALL * size:
        return _long_way(columns)
    gram = jnp.einsum("nij,nkj->nik", columns, columns)
    square = jnp.diagonal(gram, axis1=1, axis2=2)
    limits = jnp.finfo(columns.dtype)
    in_range = jnp.all((square > limits.tiny**0.5) & (square < limits.max**0.5))  # so no square over- or underflows
    scale = 1.0 / jnp.sqrt(jnp.where(in_range, square, 1.0))
    identity = jnp.eye(size, dtype=columns.dtype)[None]
    cosines = jnp.where(identity > 0, 1.0, gram * scale[:, :, None] * scale[:, None, :])
    trial = jnp.linalg.cholesky(jax.lax.stop_gradient(cosines))
    pivots = jnp.diagonal(trial, axis1=1, axis2=2)
    harmless = in_range & jnp.all(pivots**2 >= SMALLEST_SQUARED_PIVOT)  # false for nan

    def short_way() -> tuple[Array, Array]:
        # The identity stands in where this way is not taken: under vmap both ways run, and no derivative may
        # be nan.
        factor = jnp.linalg.cholesky(jnp.where(harmless, cosines, identity))
        multiple = jnp.sum(jnp.tril(factor, -1) ** 2, axis=-1)
        contrast = jax.vmap(contrast_of_factor)(multiple, jnp.diagonal(factor, axis1=1, axis2=2))
        return contrast, jnp.ones(len(columns), bool)

    return jax.lax.cond(harmless, short_way, lambda: _long_way(columns))


def _long_way(columns: Inexact[Array, "n d D"]) -> tuple[Inexact[Array, "n"], Bool[Array, "n"]]:
    """Gram-Schmidt, accurate for every matrix."""
    return jax.vmap(contrast_of_columns)(columns), jnp.all(jnp.isfinite(columns), axis=(1, 2))
