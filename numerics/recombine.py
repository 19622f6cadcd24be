"""A second look at the joint density: from what a first one has found, its surroundings and combinations of its finds.

Where latents act on separate outputs the modes of the posterior are combinations: with (a1, a2) and (b1, b2) there are
(a1, b2) and (b1, a2); where they act so in turned coordinates, with a, b and c often a + b - c. No spacing of a scan
finds all of many such modes, their combinations do (the crossover and the differences of evolutionary search: Storn
and Price, J. Global Optim. 11, 1997, 341-359). Far out, where the scan is coarse, modes that it has passed over lie
along the axes from those that it met. From each new point a few steps of Gauss-Newton are made (what one step predicts
is far too high where the decoder turns); those near what is known already are left out, and the distinct ones of the
largest mass are polished; twice, so that combinations of combinations are found as well: the second time sums are made
of three finds chosen at random among all, since those of the best end among the best.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float, Int

from .distinct import distinct_finds, log_gaussian
from .frame import NARROW, Frame, Local
from .listed import polished_where

# Finds whose coordinates are exchanged, the best of them that are summed, new points polished, how often all is done.
_PARENTS, _SUMMED, _NEW, _GENERATIONS = 32, 10, 128, 2

# Distinct finds that are known; sums of three of them, chosen at random, are tried once those of the best have been.
_KNOWN = 256
_OF_BEST = np.indices([_SUMMED] * 3).reshape(3, -1)
_OF_KNOWN = np.random.default_rng(0).integers(_KNOWN, size=_OF_BEST.shape)

# Distances along the axes, in prior standard deviations.
_DISTANCES = np.concatenate([sign * np.geomspace(0.05, 20.0, 24) for sign in (-1, 1)])

# Steps before a new point is judged, and after.
_FEW, _LONG = 3, 24

# How much smaller in log is a mass whose combinations are not looked for.
_NEGLIGIBLE = 50.0

# Squared distance in posterior standard deviations within which a point belongs to a known one.
_NEAR = 9.0


def surroundings(
    points: Float[Array, "P d"], factor: Float[Array, "d d"], triples: Float[Array, "3 T d"]
) -> Float[Array, "N d"]:
    """Return each point with each coordinate of each other one, sums a + b - c of triples, and points along the axes.

    factor: its columns are the axes, as long as the prior's standard deviations; triples: every a, b and c.
    """
    d = points.shape[1]
    axis = jnp.eye(d, dtype=bool)[None, None]
    swapped = jnp.where(axis, points[None, :, None], points[:, None, None]).reshape(-1, d)
    first, second, third = triples
    along = points[:, None, None] + _DISTANCES[None, :, None, None] * factor.T[None, None]
    return jnp.concatenate([swapped, first + second - third, along.reshape(-1, d)])


def recombined(
    found: Local, frame: Frame, polish: Callable[[Float[Array, " d"], int | Array], Local], cell: float
) -> tuple[Local, Float[Array, ""]]:
    """Return the finds (stacked) followed by those of each generation, and log of the mass that the last added.

    found: distinct ones, the exponent of others -inf, as it is in what is returned; polish: so many steps of
    Gauss-Newton from a point; cell: the spacing of the first look. A second generation is tried only where the first
    adds more than next to nothing. The mass is that of modes narrower than the spacing, up to the constant of
    `log_gaussian`: as much may be missing still.
    """
    size = len(found.exponent)
    # Room for what is added.
    room = jax.tree.map(lambda leaf: leaf[jnp.arange(size + _GENERATIONS * _NEW) % size], found)
    room = room._replace(exponent=room.exponent.at[size:].set(-jnp.inf))
    steps = jnp.asarray([_FEW, _LONG])

    def generation(state: tuple[Array, Local, Array]) -> tuple[Array, Local, Array]:
        index, found, _ = state
        masses, best = jax.lax.top_k(log_gaussian(found), min(_KNOWN, len(found.exponent)))
        known, total = jax.tree.map(lambda leaf: leaf[best], found), jnp.sum(masses > -jnp.inf)
        triples = jnp.where(index == 0, _OF_BEST, _OF_KNOWN % jnp.maximum(total, 1))
        tried = surroundings(known.point[:_PARENTS], frame.factor, known.point[triples])
        counts = _from_distinct(masses > -jnp.inf, triples, tried.shape[1])

        def phase(index: Array, state: tuple[Array, Array, Local]) -> tuple[Array, Array, Local]:
            points, counts, _ = state
            local = polished_where(lambda z: polish(z, steps[index]), points, counts)
            new = distinct_finds(frame, _beyond(frame, local, known, total), _NEW)[0]
            new = jax.tree.map(lambda leaf: leaf[:_NEW], new)
            going_on = jnp.zeros_like(counts).at[:_NEW].set(new.exponent > -jnp.inf)
            return points.at[:_NEW].set(new.point), going_on, new

        new = jax.lax.fori_loop(0, len(steps), phase, (tried, counts, jax.tree.map(lambda leaf: leaf[:_NEW], found)))[2]
        late = logsumexp(jnp.where(_narrow(frame, new, cell), log_gaussian(new), -jnp.inf))
        put = lambda all_, more: jax.lax.dynamic_update_slice_in_dim(all_, more, size + index * _NEW, 0)  # noqa: E731
        return index + 1, jax.tree.map(put, found, new), late

    def unfinished(state: tuple[Array, Local, Array]) -> Array:
        index, found, late = state
        return (index < _GENERATIONS) & (late > logsumexp(log_gaussian(found)) - _NEGLIGIBLE)

    _, found, late = jax.lax.while_loop(unfinished, generation, (jnp.asarray(0), room, jnp.asarray(jnp.inf)))
    return found, late


def _from_distinct(counts: Bool[Array, " K"], triples: Int[Array, "3 T"], d: int) -> Bool[Array, " N"]:
    """Which of `surroundings` come from finds that count, none twice: of those that repeat another one, none."""
    parents = counts[:_PARENTS]
    first, second = (jnp.asarray(index) for index in np.indices((_PARENTS, _PARENTS)))
    swapped = jnp.repeat(((first != second) & parents[first] & parents[second]).reshape(-1), d)
    a, b, c = triples
    summed = (a <= b) & (a != c) & (b != c) & counts[a] & counts[b] & counts[c]
    return jnp.concatenate([swapped, summed, jnp.repeat(parents, d * len(_DISTANCES))])


def _beyond(frame: Frame, local: Local, known: Local, total: Int[Array, ""]) -> Local:
    """Return the points (stacked), the exponent -inf where one belongs to the first `total` known ones."""
    places, theirs = local.point @ frame.inverse.T, known.point @ frame.inverse.T
    near = _near(places, local.curvature, theirs, known.curvature, total)
    return local._replace(exponent=jnp.where(near, -jnp.inf, local.exponent))


def _narrow(frame: Frame, local: Local, cell: float) -> Bool[Array, " N"]:
    """Whether the curvature at a point (stacked) is that of a mode which may hide in a cell."""
    at = local.point @ frame.inverse.T
    widths = cell * jnp.sqrt(1 + at**2) * jnp.sqrt(jnp.diagonal(local.curvature, axis1=1, axis2=2))
    return jnp.max(widths, axis=1) > NARROW


def _near(
    places: Float[Array, "N d"],
    curvature: Float[Array, "N d d"],
    others: Float[Array, "P d"],
    their_curvature: Float[Array, "P d d"],
    total: Int[Array, ""],
) -> Bool[Array, " N"]:
    """Whether a point belongs to one of the first `total` others, by both curvatures.

    One that is stuck where the decoder turns would have everything near to it, by its own. One by one: all distances at
    once would take more memory than everything else.
    """

    def or_near(index: Array, near: Bool[Array, " N"]) -> Bool[Array, " N"]:
        gaps = places - others[index][None, :]
        theirs = jnp.einsum("na,ab,nb->n", gaps, their_curvature[index], gaps)
        own = jnp.einsum("na,nab,nb->n", gaps, curvature, gaps)
        return near | (jnp.maximum(theirs, own) < _NEAR)

    return jax.lax.fori_loop(0, total, or_near, jnp.zeros(len(places), dtype=bool))
