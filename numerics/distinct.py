"""Which points of a search are distinct, the largest mass first; near is measured in their Gauss-Newton deviations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .frame import Frame, Local
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


def distinct_finds(frame: Frame, local: Local, kept: int) -> tuple[Local, Local]:
    """Return the distinct ones of these points (stacked) in the order of their ranks, and the others.

    Both have as many places as there are points, the exponent -inf at those that are left.
    """
    ranks = distinct_ranks(local.point @ frame.inverse.T, local.curvature, log_gaussian(local), kept)
    size = len(ranks)
    order = jnp.zeros(size, int).at[jnp.where(ranks < kept, ranks, size)].set(jnp.arange(size), mode="drop")
    taken = jnp.arange(size) < jnp.sum(ranks < kept)
    first = jax.tree.map(lambda leaf: leaf[order], local)
    others = local._replace(exponent=jnp.where(ranks < kept, -jnp.inf, local.exponent))
    return first._replace(exponent=jnp.where(taken, first.exponent, -jnp.inf)), others


def log_gaussian(local: Local) -> Float[Array, " N"]:
    """Return log of the mass of the Gaussian approximation at every point (stacked), but for a constant."""
    mass = local.exponent - 0.5 * local.log_det
    return jnp.where(jnp.isfinite(mass), mass, -jnp.inf)
