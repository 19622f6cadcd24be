"""Triangular factor of a matrix with few columns, by modified Gram-Schmidt: compiled as plain array operations.

Notation: J (D, d), D >= d, is held by rows, `columns` (d, D), so that each column is contiguous in memory. U
is J with columns scaled to length one, U = Q R with R upper triangular. Modified Gram-Schmidt gives the exact
R of U + E with |E| of the size of round-off, as Householder's method does (Bjorck, BIT 7, 1967); for matrices
with few columns it fuses with the computation of J, which a library call cannot.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

UNROLLED_COLUMNS = 16  # beyond this many columns the elimination is a compiled loop, which compiles faster


def unit_columns(columns: Inexact[Array, "d D"]) -> tuple[Inexact[Array, "d D"], Inexact[Array, "d"]]:
    """Columns of J, given as rows, scaled to length one, and the logarithms of their lengths.

    Divided by the largest entry first, so that squares neither overflow nor vanish. A zero column stays zero,
    with logarithm -inf.
    """
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(columns), axis=-1))
    positive = largest > 0
    scaled = columns / jnp.where(positive, largest, 1.0)[:, None]
    length = jnp.sqrt(jnp.where(positive, jnp.sum(scaled**2, axis=-1), 1.0))
    logarithm = jnp.where(positive, jnp.log(jnp.where(positive, largest, 1.0)) + jnp.log(length), -jnp.inf)
    return scaled / length[:, None], logarithm


def triangular_factor(unit: Inexact[Array, "d D"]) -> tuple[Inexact[Array, "d"], Inexact[Array, "d"]]:
    """Squared multiple correlations rho_k^2 and pivots R_kk by modified Gram-Schmidt of the rows."""
    size = len(unit)
    if size > UNROLLED_COLUMNS:
        return _triangular_factor_loop(unit)
    rest = [(unit[k], jnp.zeros((), unit.dtype)) for k in range(size)]
    multiple, pivot = [], []
    while rest:
        (column, correlation), *rest = rest
        direction, length = _direction(column)
        multiple.append(correlation)
        pivot.append(length)
        entries = [jnp.sum(other * direction) for other, _ in rest]
        rest = [(u - r * direction, rho + r**2) for (u, rho), r in zip(rest, entries, strict=True)]
    return jnp.stack(multiple), jnp.stack(pivot)


def _triangular_factor_loop(unit: Inexact[Array, "d D"]) -> tuple[Inexact[Array, "d"], Inexact[Array, "d"]]:
    """The same elimination as a compiled loop over masked matrices, for many columns."""

    def eliminate(k: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        rest, multiple, pivot = state
        direction, length = _direction(rest[k])
        entries = jnp.where(jnp.arange(len(rest)) > k, rest @ direction, 0.0)
        return rest - jnp.outer(entries, direction), multiple + entries**2, pivot.at[k].set(length)

    zeros = jnp.zeros_like(unit[:, 0])
    _, multiple, pivot = jax.lax.fori_loop(0, len(unit), eliminate, (unit, zeros, zeros))
    return multiple, pivot


def _direction(column: Inexact[Array, "D"]) -> tuple[Inexact[Array, "D"], Inexact[Array, ""]]:
    """Unit vector and length; zero and zero for a zero column, with finite derivatives there."""
    square = jnp.sum(column**2)
    positive = square > 0.0
    length = jnp.sqrt(jnp.where(positive, square, 1.0))
    return column / length, jnp.where(positive, length, 0.0)


@jax.jit
def contrast_of_columns(columns: Inexact[Array, "d D"]) -> Inexact[Array, ""]:
    """The contrast of the matrix whose columns are given as rows, so that each is contiguous in memory."""
    unit, logarithm = unit_columns(columns)
    multiple, pivot = triangular_factor(unit)
    contrast = contrast_of_factor(multiple, pivot)
    dependent = jnp.min(pivot) < 4 * len(unit) * jnp.finfo(unit.dtype).eps
    contrast = jnp.where(dependent, jnp.inf, contrast)
    return jnp.where(jnp.all(logarithm > -jnp.inf), contrast, jnp.nan)


def contrast_of_factor(multiple: Inexact[Array, "d"], pivot: Inexact[Array, "d"]) -> Inexact[Array, ""]:
    """sum_k -1/2 log(1 - rho_k^2) = sum_k -log R_kk, by the form that is accurate for each k."""
    small = multiple <= 0.5
    # Both branches stay finite where the other is taken, so that no derivative becomes nan.
    from_correlation = -0.5 * jnp.log1p(-jnp.where(small, multiple, 0.0))
    from_pivot = -jnp.log(jnp.where(small | (pivot == 0.0), 1.0, pivot))
    return jnp.sum(jnp.where(small, from_correlation, from_pivot))
