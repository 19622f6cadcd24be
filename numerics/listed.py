"""A function of those points of a list that count, a chunk at a time: shapes are fixed, the cost is theirs alone."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .frame import Local

Result = TypeVar("Result")

_CHUNK = 32


def those_first(counts: Bool[Array, " N"]) -> Int[Array, " N"]:
    """Return the indices of the points that count, in their order, then 0 (a sort would take longer)."""
    size = len(counts)
    place = jnp.where(counts, jnp.cumsum(counts) - 1, size)
    return jnp.zeros(size, int).at[place].set(jnp.arange(size), mode="drop")


def listed(
    function: Callable[[Float[Array, " d"]], Result], points: Float[Array, "N d"], counts: Bool[Array, " N"]
) -> tuple[Result, Bool[Array, " N"]]:
    """Return function (a tree of arrays, stacked) at the points that count, and which of the results are theirs.

    Those come first, in their order; the rest repeats the first result.
    """
    size, total = len(points), jnp.sum(counts)
    chunk = min(_CHUNK, size)
    order = jnp.concatenate([those_first(counts), jnp.zeros(-size % chunk, int)])

    def at(begin: Array) -> Result:
        return jax.vmap(function)(points[jax.lax.dynamic_slice(order, (begin,), (chunk,))])

    def more(state: tuple[Array, Result]) -> tuple[Array, Result]:
        begin, results = state
        put = lambda all_, part: jax.lax.dynamic_update_slice_in_dim(all_, part, begin, 0)  # noqa: E731
        return begin + chunk, jax.tree.map(put, results, at(begin))

    empty = jax.tree.map(
        lambda leaf: jnp.zeros((len(order), *leaf.shape[1:]), leaf.dtype), jax.eval_shape(at, jnp.asarray(0))
    )
    _, results = jax.lax.while_loop(lambda state: state[0] < jnp.maximum(total, 1), more, (jnp.asarray(0), empty))
    index = jnp.arange(size)
    return jax.tree.map(lambda leaf: leaf[jnp.where(index < total, index, 0)], results), index < total


def polished_where(
    polish: Callable[[Float[Array, " d"]], Local], points: Float[Array, "N d"], counts: Bool[Array, " N"]
) -> Local:
    """Return what becomes of the points that count; of the others the exponent is -inf."""
    found, real = listed(polish, points, counts)
    return found._replace(exponent=jnp.where(real, found.exponent, -jnp.inf))
