"""Arrays of symbols, symmetric tensors, adjugates: the components that index formulas are evaluated on.

Conventions: arrays are NumPy arrays of dtype object, entries SymPy expressions or ring elements; float arrays are
taken too (a formula evaluated in numbers, any d), and inverted by LAPACK instead of cofactors.
`independent` gives one symbol an entry (arguments of exported predictions: any numeric array can be put
in); `symmetric` gives one symbol an unordered index set (derivations: third derivatives commute). Latent
indices run over d, data indices over D.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from .indices import Scaled

Array = np.ndarray


def independent(name: str, shape: Sequence[int]) -> Array:
    """A real symbol for every entry, called ``name_i...``; shape () gives a 0-d array holding ``name``."""
    out = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*shape):
        label = "_".join([name, "".join(map(str, index))]) if index else name
        out[index] = sp.Symbol(label, real=True)
    return out


def symmetric(name: str, dimension: int, rank: int, lead: int | None = None) -> Array:
    """A totally symmetric tensor; with `lead`, an array (lead, d, ..., d) symmetric in the last indices."""
    shape = (dimension,) * rank if lead is None else (lead,) + (dimension,) * rank
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        ordered = tuple(sorted(index)) if lead is None else (index[0], *sorted(index[1:]))
        out[index] = sp.Symbol(f"{name}_{''.join(map(str, ordered))}", real=True)
    return out


def determinant(matrix: Array) -> Any:
    """Laplace expansion along the first row, not expanded further; symbolic ones for d <= 3 (and small blocks)."""
    if matrix.dtype == float:
        return np.linalg.det(matrix)
    size = matrix.shape[0]
    if size == 0:
        return sp.Integer(1)
    if size == 1:
        return matrix[0, 0]
    total: Any = 0
    for column in range(size):
        minor = np.delete(matrix[1:], column, axis=1)
        total = total + (-1) ** column * matrix[0, column] * determinant(minor)
    return total


def adjugate(matrix: Array) -> Array:
    """The matrix with ``matrix @ adjugate = det * identity``; entries are minors, nothing is divided."""
    size = matrix.shape[0]
    out = np.empty((size, size), dtype=object)
    for row, column in np.ndindex(size, size):
        minor = np.delete(np.delete(matrix, column, axis=0), row, axis=1)
        out[row, column] = (-1) ** (row + column) * determinant(minor)
    return out


def inverse(matrix: Array) -> Array:
    """adj / det, unexpanded; never call it on a symbolic matrix that is then expanded."""
    if matrix.dtype == float:
        return np.linalg.inv(matrix)
    return adjugate(matrix) / determinant(matrix)


def scaled_inverse(matrix: Array) -> Scaled:
    """adj and 1/det apart, for index formulas."""
    if matrix.dtype == float:
        return Scaled(np.linalg.inv(matrix), 1)
    return Scaled(adjugate(matrix), 1 / determinant(matrix))


def normal_blocks(dimension: int, blocks: Sequence[Sequence[int]] | None) -> tuple[tuple[int, ...], ...]:
    """The partition of {0, ..., d-1}; None means singletons. ValueError if it is not a partition."""
    if blocks is None:
        return tuple((k,) for k in range(dimension))
    partition = tuple(tuple(sorted(block)) for block in blocks)
    if sorted(k for block in partition for k in block) != list(range(dimension)):
        raise ValueError(f"blocks {partition} are no partition, expected each of 0..{dimension - 1} exactly once")
    return partition


def same_block(dimension: int, blocks: Sequence[Sequence[int]] | None) -> Array:
    """The 0/1 matrix that says which pairs of coordinates lie in one block."""
    out = np.full((dimension, dimension), sp.Integer(0), dtype=object)
    for block in normal_blocks(dimension, blocks):
        out[np.ix_(block, block)] = sp.Integer(1)
    return out


def block_inverse(matrix: Array, blocks: Sequence[Sequence[int]] | None) -> Array:
    """S = blockdiag((M_BB)^-1), the encoder's covariance in units of eps."""
    out = np.full(matrix.shape, sp.Integer(0), dtype=object)
    for block in normal_blocks(matrix.shape[0], blocks):
        out[np.ix_(block, block)] = inverse(matrix[np.ix_(block, block)])
    return out
