"""Block-diagonal Gaussian encoders: their partition, their parameters and what a search for the best one returns.

With g a mode, M the Hessian of V - eps ell there, C = blockdiag(chol((M_BB)^-1)) and h = sqrt(eps), an encoder is z
= g + h C (u + R xi), xi ~ N(0, I), R lower triangular within each block. It is linear in its parameters p = (u, R):
with phi = (1, xi) and the parameters listed as (row k, feature l), d z / d p_(k,l) = h C e_k phi_l. The optimum has
u = O(h) and R = I + O(h^2).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..errors import RequestError

Family = str | tuple[tuple[int, ...], ...]
Blocks = tuple[tuple[int, ...], ...]


class Optimum(NamedTuple):
    """Mode started from, mean, covariance factor L, and the ELBO without log C, relative to a reference exponent."""

    mode: Float[Array, " d"]
    mean: Float[Array, " d"]
    factor: Float[Array, "d d"]
    value: Float[Array, ""]
    error: Float[Array, ""]
    converged: Bool[Array, ""]


class Parameters(NamedTuple):
    """Row and feature of every parameter (P,), and which of them are the diagonal of R."""

    rows: Int[np.ndarray, " P"]
    features: Int[np.ndarray, " P"]
    diagonal: Int[np.ndarray, " d"]


def blocks_of(family: Family, d: int) -> Blocks:
    """Return the partition of range(d): "mean-field" (singletons), "full" (one block), or the blocks themselves."""
    if family == "mean-field":
        return tuple((k,) for k in range(d))
    if family == "full":
        return (tuple(range(d)),)
    if isinstance(family, str) or not _is_partition(family, d):
        raise RequestError(f'family: expected "mean-field", "full" or a partition of range({d}), got {family!r}')
    return tuple(tuple(sorted(block)) for block in family)


def _is_partition(family: tuple[tuple[int, ...], ...], d: int) -> bool:
    try:
        members = [k for block in family for k in block]
        whole = all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in members)
        return whole and all(len(block) > 0 for block in family) and sorted(members) == list(range(d))
    except TypeError:
        return False


def parameters_of(blocks: Blocks) -> Parameters:
    """List the parameters: feature 0 is the mean, feature 1 + l the column l of R."""
    d = sum(len(block) for block in blocks)
    pairs = [(k, 0) for k in range(d)]
    pairs += [(k, 1 + j) for block in blocks for k in block for j in block if j <= k]
    rows, features = (np.array(column) for column in zip(*pairs, strict=True))
    return Parameters(rows, features, np.flatnonzero(rows == features - 1))


def matrix_of(p: Float[Array, " P"], parameters: Parameters) -> Float[Array, "d d1"]:
    """Return the parameters as the matrix [u, R] of shape (d, 1 + d)."""
    d = len(parameters.diagonal)
    return jnp.zeros((d, 1 + d), p.dtype).at[parameters.rows, parameters.features].set(p)


def identity(parameters: Parameters) -> Float[Array, " P"]:
    """Return the parameters of u = 0, R = I: the Laplace approximation restricted to the blocks."""
    return jnp.asarray((parameters.rows == parameters.features - 1).astype(float))


def block_factor(hessian: Float[Array, "d d"], blocks: Blocks) -> Float[Array, "d d"]:
    """Return C with C C' = blockdiag((M_BB)^-1), lower triangular within each block."""
    factor = jnp.zeros_like(hessian)
    for size in {len(block) for block in blocks}:
        # All blocks of one size at once: mean field at d = 64 is one operation, not 64.
        group = np.array([block for block in blocks if len(block) == size])
        rows, columns = group[:, :, None], group[:, None, :]
        inverse = jnp.linalg.inv(hessian[rows, columns])
        factor = factor.at[rows, columns].set(jnp.linalg.cholesky(inverse))
    return factor
