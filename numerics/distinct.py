"""Which points of a search are distinct, the largest mass first; near is measured in their Gauss-Newton deviations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .listed import those_first

# Points that are compared at once with one of them: what has no mass costs nothing.
_CHUNK = 128


def distinct_ranks(
    places: Float[Array, "W d"], curvature: Float[Array, "W d d"], mass: Float[Array, " W"], kept: int
) -> Int[Array, " W"]:
    """Return 0 for the largest mass, 1 for the largest beyond one deviation of it, and so on; `kept` for the rest.

    Points without mass (its log is -inf) belong to the rest. Deviations are the smaller ones of the two points: one
    that is stuck where the decoder turns is near to nothing.
    """
    size = len(mass)
    chunk = min(_CHUNK, size)
    counts = mass > -jnp.inf
    total = jnp.sum(counts)
    order = jnp.concatenate([those_first(counts), jnp.zeros(-size % chunk, int)])
    at, widths = places[order], curvature[order]
    free = jnp.where(jnp.arange(len(order)) < total, mass[order], -jnp.inf)
    chunks = -(-total // chunk)

    def take(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        rank, free, ranks = state
        best = jnp.argmax(free)

        def without_near(index: Array, free: Array) -> Array:
            part = lambda all_: jax.lax.dynamic_slice_in_dim(all_, index * chunk, chunk)  # noqa: E731
            gaps = part(at) - at[best][None, :]
            from_best = jnp.einsum("na,ab,nb->n", gaps, widths[best], gaps)
            to_best = jnp.einsum("na,nab,nb->n", gaps, part(widths), gaps)
            left = jnp.where(jnp.maximum(from_best, to_best) < 1.0, -jnp.inf, part(free))
            return jax.lax.dynamic_update_slice_in_dim(free, left, index * chunk, 0)

        free = jax.lax.fori_loop(0, chunks, without_near, free)
        return rank + 1, free.at[best].set(-jnp.inf), ranks.at[best].set(rank)

    def any_left(state: tuple[Array, Array, Array]) -> Array:
        rank, free, _ = state
        return (rank < kept) & (jnp.max(free) > -jnp.inf)

    ranks = jnp.full(len(order), kept)
    ranks = jax.lax.while_loop(any_left, take, (jnp.zeros((), ranks.dtype), free, ranks))[2]
    back = jnp.where(jnp.arange(len(order)) < total, order, size)
    return jnp.full(size, kept).at[back].set(ranks, mode="drop")


def ranked(ranks: Int[Array, " W"], kept: int) -> Int[Array, " {kept}"]:
    """Return the index of rank 0, of rank 1, and so on; 0 where there is none."""
    return jnp.zeros(kept, int).at[ranks].set(jnp.arange(len(ranks)), mode="drop")
