"""Which points of a search are distinct, the largest mass first; near is measured in their Gauss-Newton deviations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def distinct_ranks(
    places: Float[Array, "W d"], curvature: Float[Array, "W d d"], mass: Float[Array, " W"], kept: int
) -> Int[Array, " W"]:
    """Return 0 for the largest mass, 1 for the largest beyond one deviation of it, and so on; `kept` for the rest.

    Deviations are the smaller ones of the two points: one that is stuck where the decoder turns is near to nothing.
    """

    def take(rank: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        free, ranks = state
        best = jnp.argmax(free)
        gaps = places - places[best][None, :]
        from_best = jnp.einsum("na,ab,nb->n", gaps, curvature[best], gaps)
        to_best = jnp.einsum("na,nab,nb->n", gaps, curvature, gaps)
        close = jnp.maximum(from_best, to_best) < 1.0
        taken = close | (jnp.arange(len(mass)) == best)
        return jnp.where(taken, -jnp.inf, free), ranks.at[best].min(rank)

    return jax.lax.fori_loop(0, kept, take, (mass, jnp.full(len(mass), kept)))[1]
