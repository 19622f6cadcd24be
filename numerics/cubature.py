"""Adaptive cubature in boxes for d <= 3, as one `lax.while_loop`: a global rule beside the lattices around modes.

Rule of a box: Clenshaw-Curtis with 17 nodes and, inside it, 9 (d = 1); the fully symmetric rule of degree 7 of Genz and
Malik with its embedded rule of degree 5 (d = 2, 3; Genz and Malik, J. Comput. Appl. Math. 6, 1980, 295-302). The
difference of the two is the error of a box. In every pass the boxes with the largest errors are halved, along the axis
with the largest fourth difference, until the errors add up to little or no room is left.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class BoxRule(NamedTuple):
    """Nodes in [-1, 1]^d, the weights of two rules for the mean over the box, and the nodes of fourth differences."""

    nodes: Float[np.ndarray, "N d"]
    fine: Float[np.ndarray, " N"]
    coarse: Float[np.ndarray, " N"]
    differences: Float[np.ndarray, "d N"]


class Boxes(NamedTuple):
    """Centres and half-widths of boxes, their integrals, errors, and the axis along which each would be halved.

    unseen and infinite are the parts of the error that are owed for mass known from elsewhere, and for values that are
    not finite.
    """

    centre: Float[Array, "B d"]
    half: Float[Array, "B d"]
    value: Float[Array, " B"]
    error: Float[Array, " B"]
    axis: Int[Array, " B"]
    unseen: Float[Array, " B"]
    infinite: Float[Array, " B"]


def _clenshaw_curtis(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n + 1 nodes and weights for the mean over [-1, 1], n even."""
    angles = np.pi * np.arange(n + 1) / n
    weights = np.zeros(n + 1)
    for i, angle in enumerate(angles):
        k = np.arange(1, n // 2 + 1)
        terms = np.where(2 * k == n, 1.0, 2.0) * np.cos(2 * k * angle) / (4 * k**2 - 1)
        weights[i] = (1.0 if 0 < i < n else 0.5) * (1 - terms.sum()) / n
    return np.cos(angles), weights


@lru_cache
def box_rule(d: int) -> BoxRule:
    """Return the rule of a box for d = 1, 2 or 3."""
    if d == 1:
        x, fine = _clenshaw_curtis(16)
        coarse = np.zeros_like(fine)
        coarse[::2] = _clenshaw_curtis(8)[1]
        return BoxRule(x[:, None], fine, coarse, np.zeros((1, len(x))))
    inner, outer, corner = np.sqrt(9 / 70), np.sqrt(9 / 10), np.sqrt(9 / 19)
    axes = np.concatenate([np.eye(d), -np.eye(d)])
    pairs = []
    for i, j in combinations(range(d), 2):
        for signs in product((1.0, -1.0), repeat=2):
            pairs.append(np.zeros(d))
            pairs[-1][[i, j]] = signs
    corners = np.array(list(product((1.0, -1.0), repeat=d)))
    orbits = [np.zeros((1, d)), inner * axes, outer * axes, outer * np.array(pairs), corner * corners]
    inside = [(12824 - 9120 * d + 400 * d**2) / 19683, 980 / 6561, (1820 - 400 * d) / 19683, 200 / 19683]
    inside.append(6859 / 19683 / 2**d)
    rough = [(729 - 950 * d + 50 * d**2) / 729, 245 / 486, (265 - 100 * d) / 1458, 25 / 729, 0.0]
    sizes = [len(orbit) for orbit in orbits]
    differences = np.zeros((d, sum(sizes)))
    for k in range(d):
        near, far = 1 + k, 1 + 2 * d + k
        ratio = (inner / outer) ** 2
        differences[k, [near, near + d]] = 1.0
        differences[k, [far, far + d]] = -ratio
        differences[k, 0] = -2 * (1 - ratio)
    return BoxRule(np.concatenate(orbits), np.repeat(inside, sizes), np.repeat(rough, sizes), differences)


def adapt(
    rate: Callable[[Array, Array], tuple[Array, Array, Array, Array, Array]],
    centre: Float[np.ndarray, "B0 d"],
    half: Float[np.ndarray, "B0 d"],
    *,
    capacity: int,
    split: int,
    tolerance: float,
) -> Boxes:
    """Halve boxes until the errors sum to `tolerance` times (1 + integral), or `capacity` is reached.

    rate(centre, half) -> (value, error, axis, unseen, infinite) of one box. Boxes not in use have half-width 0, value
    and error 0.
    """
    count, d = centre.shape
    begin = -(-count // (2 * split))  # passes that measure the given boxes, by the program that measures halves
    room_for_first = begin * 2 * split

    def padded(leaf: np.ndarray) -> Array:
        return jnp.asarray(np.concatenate([leaf, np.zeros((room_for_first - count, d))]).reshape(begin, 2 * split, d))

    centres, halves = padded(centre), padded(half)

    def unfinished(state: tuple[Array, Array, Boxes]) -> Array:
        step, used, boxes = state
        room = used + split <= capacity
        inexact = jnp.sum(boxes.error) > tolerance * (1 + jnp.abs(jnp.sum(boxes.value)))
        return (step < begin) | (room & inexact)

    def halve(used: Array, boxes: Boxes) -> tuple[Array, Array, Array]:
        _, worst = jax.lax.top_k(boxes.error, split)
        # A box that is already exact stays as it is: its other half has width 0.
        cut = jnp.where((boxes.error[worst] > 0)[:, None], jax.nn.one_hot(boxes.axis[worst], d), 0.0)
        half = boxes.half[worst] * (1 - 0.5 * cut)
        shift = cut * half
        other = jnp.where(jnp.any(cut > 0, axis=1)[:, None], half, 0.0)
        into = jnp.concatenate([worst, (used + jnp.arange(split)).astype(worst.dtype)])
        centre = jnp.concatenate([boxes.centre[worst] - shift, boxes.centre[worst] + shift])
        return into, centre, jnp.concatenate([half, other])

    def measure(state: tuple[Array, Array, Boxes]) -> tuple[Array, Array, Boxes]:
        step, used, boxes = state
        into, centre, half = halve(used, boxes)
        given, place = step < begin, jnp.minimum(step, begin - 1)
        into = jnp.where(given, (place * 2 * split + jnp.arange(2 * split)).astype(into.dtype), into)
        centre, half = jnp.where(given, centres[place], centre), jnp.where(given, halves[place], half)
        new = Boxes(centre, half, *jax.vmap(rate)(centre, half))
        boxes = jax.tree.map(lambda old, fresh: old.at[into].set(fresh), boxes, new)
        return step + 1, jnp.where(given, used, used + split), boxes

    shapes = jax.eval_shape(lambda: jax.vmap(rate)(centres[0], halves[0]))
    empty = Boxes(*(jnp.zeros((capacity, d)) for _ in range(2)), *(jnp.zeros(capacity, leaf.dtype) for leaf in shapes))
    return jax.lax.while_loop(unfinished, measure, (jnp.asarray(0), jnp.asarray(count), empty))[2]
