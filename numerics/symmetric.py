"""Fully symmetric rules for N(0, I_d) of degree 3, 5 and 7, one inside the other, for d > 4.

Smolyak's construction with one-dimensional differences D_i f = (f(r e_i) + f(-r e_i) - 2 f(0)) / 6, r = sqrt(3)
(degree 5 in one coordinate), and, at the last level, the rule with nodes 0, +-1, +-sqrt(6) and weights 1/3, 3/10,
1/30 (degree 7):

    Q3 = f(0) + sum_i D_i f,   Q5 = Q3 + sum_{i<j} D_i D_j f,
    Q7 = Q5 + sum_{i<j<k} D_i D_j D_k f + sum_i [U7_i - U5_i] f.

All nodes and weights are in closed form, every node is summed together with its mirror images, and values are
centred at f(0): odd functions cancel to round-off. Degree 5 misses sums of squared cubic terms; degree 7 has them.
Q7 costs 4/3 d^3 evaluations (3.4e5 at d = 64), in chunks; its weights grow in modulus like d^3 / 27, and so does
round-off.
"""

from collections.abc import Callable
from itertools import combinations, product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from .quadrature import Rule

_RADIUS = float(np.sqrt(3.0))
_OUTER = float(np.sqrt(6.0))

# Points evaluated at once.
_CHUNK = 512


class Levels(NamedTuple):
    """The values of the rules of degree 3, 5 and 7; their differences show how fast the rules settle."""

    degree3: Float[Array, ""]
    degree5: Float[Array, ""]
    degree7: Float[Array, ""]


def symmetric_rule(d: int, degree: int) -> Rule:
    """Return nodes and weights of Q5 (2 d^2 + 1 nodes) or Q7 (about 4/3 d^3); some weights are negative."""
    if degree not in (5, 7):
        raise RequestError(f"degree: expected 5 or 7, got {degree}")
    one, two, three = (_orbit(d, order, _RADIUS) for order in (1, 2, 3))
    weights = [1 / 6 - 2 * (d - 1) / 36, 1 / 36]
    orbits = [one, two]
    if degree == 7:
        weights[0] += 2 * (d - 1) * (d - 2) / 216 - 1 / 6
        weights[1] -= 2 * (d - 2) / 216
        weights += [1 / 216, 0.3, 1 / 30]
        orbits += [three, _orbit(d, 1, 1.0), _orbit(d, 1, _OUTER)]
    each = np.concatenate([np.full(len(orbit), w) for orbit, w in zip(orbits, weights, strict=True)])
    nodes = np.concatenate([np.zeros((1, d)), *orbits])
    return Rule(nodes, np.concatenate([[1 - each.sum()], each]))


def _orbit(d: int, order: int, radius: float) -> Float[np.ndarray, "N d"]:
    """Return radius * (+-e_i +-e_j ...) for all subsets of `order` coordinates and all signs."""
    subsets = list(combinations(range(d), order))
    signs = np.array(list(product((1.0, -1.0), repeat=order)))
    nodes = np.zeros((len(subsets), len(signs), d))
    for node, subset in zip(nodes, subsets, strict=True):
        node[:, list(subset)] = radius * signs
    return nodes.reshape(-1, d)


def symmetric_levels(function: Callable[[Array], Array], d: int) -> Levels:
    """Return Q3, Q5 and Q7 of a scalar function of xi (d,)."""
    centre = function(jnp.zeros(d))

    def total(order: int, radius: float) -> Array:
        """Sum f - f(0) over radius * (+-e_i +-e_j ...) for all subsets of `order` coordinates and all signs."""
        subsets = jnp.asarray(np.array(list(combinations(range(d), order)), dtype=np.int32).reshape(-1, order))
        signs = jnp.asarray(radius * np.array(list(product((1.0, -1.0), repeat=order))))

        def at(subset: Array) -> Array:
            points = jnp.zeros((len(signs), d)).at[:, subset].set(signs)
            return jnp.sum(jax.vmap(function)(points) - centre)

        return jnp.sum(jax.lax.map(at, subsets, batch_size=max(1, _CHUNK // len(signs))))

    one, two, three = (total(order, _RADIUS) for order in (1, 2, 3))
    # Sums over subsets of products of differences, in terms of the sums over nodes; f(0) is subtracted throughout.
    first = one / 6
    second = (two - 2 * (d - 1) * one) / 36
    third = (three - 2 * (d - 2) * two + 2 * (d - 1) * (d - 2) * one) / 216
    last = 0.3 * total(1, 1.0) + total(1, _OUTER) / 30 - one / 6
    degree3 = centre + first
    return Levels(degree3, degree3 + second, degree3 + second + third + last)
