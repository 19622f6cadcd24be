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

from .distinct import distinct_ranks, ranked
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
    """Return the finds (stacked) followed by narrow ones of each generation, and log of the mass that the last added.

    polish: so many steps of Gauss-Newton from a point; cell: the spacing of the first look. Only distinct finds, few as
    a rule, are combined, and once only where next to nothing is added. The mass is that of modes narrower than the
    spacing, up to the constant of `_mass`: as much may be missing still.
    """
    size = len(found.exponent)
    # Room for what is added, until then repeats that count for nothing.
    room = jax.tree.map(lambda leaf: leaf[jnp.arange(size + _GENERATIONS * _NEW) % size], found)
    room = room._replace(exponent=room.exponent.at[size:].set(-jnp.inf))

    def generation(state: tuple[Array, Local, Array]) -> tuple[Array, Local, Array]:
        index, found, _ = state
        places, mass = found.point @ frame.inverse.T, _mass(found)
        ranks = distinct_ranks(places, found.curvature, mass, _KNOWN)
        known, total = ranked(ranks, _KNOWN), jnp.sum(ranks < _KNOWN)
        counts = jnp.arange(_KNOWN) < total
        triples = jnp.where(index == 0, _OF_BEST, _OF_KNOWN % jnp.maximum(total, 1))
        tried = surroundings(found.point[known[:_PARENTS]], frame.factor, found.point[known[triples]])
        local = polished_where(lambda z: polish(z, _FEW), tried, _from_distinct(counts, triples, tried.shape[1]))
        ranks = _new_ranks(frame, local, places[known], found.curvature[known], total)
        best, counts = ranked(ranks, _NEW), jnp.arange(_NEW) < jnp.sum(ranks < _NEW)
        new = polished_where(lambda z: polish(z, _LONG), local.point[best], counts)
        still = _new_ranks(frame, new, places[known], found.curvature[known], total)
        late = logsumexp(jnp.where((still < _NEW) & _narrow(frame, new, cell), _mass(new), -jnp.inf))
        put = lambda all_, more: jax.lax.dynamic_update_slice_in_dim(all_, more, size + index * _NEW, 0)  # noqa: E731
        return index + 1, jax.tree.map(put, found, new), late

    def unfinished(state: tuple[Array, Local, Array]) -> Array:
        index, found, late = state
        return (index < _GENERATIONS) & (late > logsumexp(_mass(found)) - _NEGLIGIBLE)

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


def _new_ranks(
    frame: Frame,
    local: Local,
    places: Float[Array, "P d"],
    curvature: Float[Array, "P d d"],
    total: Int[Array, ""],
) -> Int[Array, " N"]:
    """Return the ranks of points (stacked) that belong to none of the first `total` known; `_NEW` for the others."""
    targets = local.point @ frame.inverse.T
    near = _near(targets, local.curvature, places, curvature, total)
    return distinct_ranks(targets, local.curvature, jnp.where(near, -jnp.inf, _mass(local)), _NEW)


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


def _mass(local: Local) -> Float[Array, " N"]:
    """Return log of the mass of the Gaussian approximation at every point, but for a constant."""
    mass = local.exponent - 0.5 * local.log_det
    return jnp.where(jnp.isfinite(mass), mass, -jnp.inf)
