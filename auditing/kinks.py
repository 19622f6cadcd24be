"""Kinks of a decoder: places where its derivative jumps (ReLU, abs, clamps), which no expansion in eps survives.

Along straight lines between the audit's points the directional derivative J(z) v is taken on a grid. Where it changes
most unlike its neighbours the interval is halved again and again, towards the half with the larger change: for a smooth
decoder the change shrinks with the interval, at a kink it stays (claim `kinks`: the gap then approaches its limit at
the rate 1/gamma, not 1/gamma^2).

Kinks have measure zero, but posterior modes lie on them with positive probability: a crease of the posterior's density
is where its maximum is found. There the Jacobian, and so the contrast, is that of one side.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..numerics.seed import SEED
from .geometry import spread
from .inputs.decoder import Decoder

_LINES, _CELLS, _CANDIDATES, _HALVINGS = 12, 32, 3, 24
_AT_ONCE, _MOST_POINTS = _LINES * _CANDIDATES, 64
_DIRECTIONS, _REACH = 3, 1e-6  # a point is on a kink that passes within this distance, for latents of size one
_FARTHEST = 1e-4  # float32 decoders need this; those that are coarser have no derivative so close to a point
_JUMP, _ROUND_OFFS = 1e-3, 100.0  # of the largest derivative on the line: smaller jumps are nobody's concern


class Kinks(NamedTuple):
    """How often and where the derivative jumps.

    lines: how many were walked; kinked: on how many there is a jump; jump: the largest, relative to the largest size of
    the derivative on its line; where (d,): its place; points_on: how many lie on a kink, of `points` looked at.
    """

    lines: int
    kinked: int
    jump: float
    where: Float[np.ndarray, " d"]
    points_on: int = 0
    points: int = 0

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return self.kinked > 0 or self.points_on > 0


@eqx.filter_jit
def _slopes(decoder: Decoder, points: Float[Array, "n d"], directions: Float[Array, "n d"]) -> Float[Array, "n D"]:
    return jax.vmap(lambda z, v: jax.jvp(decoder, (z,), (v,))[1])(points, directions)


def find_kinks(decoder: Decoder, points: Float[np.ndarray, "n d"]) -> Kinks:
    """Look for kinks on lines between the points (from the first to the origin where there is one point only)."""
    rng = np.random.default_rng(SEED)
    ends = points if len(points) > 1 else np.stack([points[0], np.zeros_like(points[0])])
    chosen = np.array([rng.choice(len(ends), 2, replace=False) for _ in range(_LINES)])
    start, move = ends[chosen[:, 0]], ends[chosen[:, 1]] - ends[chosen[:, 0]]

    def slopes(line: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Derivatives along the lines at t."""
        return slopes_at(decoder, start[line] + t[:, None] * move[line], move[line])

    grid = np.linspace(0, 1, _CELLS + 1)
    values = slopes(np.repeat(np.arange(_LINES), _CELLS + 1), np.tile(grid, _LINES)).reshape(_LINES, _CELLS + 1, -1)
    size = np.max(np.abs(values), axis=(1, 2))
    changes = np.diff(values, axis=1)
    around = np.pad(changes, ((0, 0), (1, 1), (0, 0)), mode="edge")
    unlike = np.max(np.abs(changes - 0.5 * (around[:, :-2] + around[:, 2:])), axis=2)
    cells = np.argsort(-unlike, axis=1)[:, :_CANDIDATES]

    line = np.repeat(np.arange(_LINES), _CANDIDATES)
    low, high = grid[cells].reshape(-1), grid[cells + 1].reshape(-1)
    at_low, at_high = values[line, cells.reshape(-1)], values[line, cells.reshape(-1) + 1]
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        at_middle = slopes(line, middle)
        left = np.max(np.abs(at_middle - at_low), axis=1) >= np.max(np.abs(at_high - at_middle), axis=1)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
        at_low, at_high = np.where(left[:, None], at_low, at_middle), np.where(left[:, None], at_middle, at_high)
    jumps = np.max(np.abs(at_high - at_low), axis=1) / np.where(size > 0, size, 1.0)[line]
    kinked = jumps > max(_JUMP, _ROUND_OFFS * decoder.resolution)
    largest = int(np.argmax(jumps))
    where = start[line[largest]] + high[largest] * move[line[largest]]
    some = points[spread(len(points), _MOST_POINTS)]
    on = on_a_kink(decoder, some)
    if np.any(on) and not np.any(kinked):
        where = some[int(np.argmax(on))]
    return Kinks(_LINES, len(np.unique(line[kinked])), float(jumps[largest]), where, int(np.sum(on)), len(some))


def slopes_at(
    decoder: Decoder, points: Float[np.ndarray, "n d"], directions: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n D"]:
    """Derivatives at points along directions, always as many of them at a time: one program."""
    parts = []
    for first in range(0, len(points), _AT_ONCE):
        at, along = (
            np.resize(array[first : first + _AT_ONCE], (_AT_ONCE, array.shape[1])) for array in (points, directions)
        )
        parts.append(np.asarray(_slopes(decoder, jnp.asarray(at), jnp.asarray(along)))[: len(points) - first])
    return np.concatenate(parts)


def on_a_kink(decoder: Decoder, points: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
    """Whether the derivative along a random direction differs just before and just behind a point.

    By a share of the largest derivative at any of the points: at one where it vanishes every change is a large one.
    """
    reach = max(_REACH, _ROUND_OFFS * decoder.resolution)
    if reach > _FARTHEST:
        return np.zeros(len(points), dtype=bool)
    reach *= np.maximum(1, np.linalg.norm(points, axis=1))
    rng, jumps, largest = np.random.default_rng(SEED + 1), np.zeros(len(points)), 0.0
    for _ in range(_DIRECTIONS):
        v = rng.standard_normal(points.shape)
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        behind, before = (slopes_at(decoder, points + sign * reach[:, None] * v, v) for sign in (1, -1))
        largest = max(largest, float(np.max(np.abs(behind))), float(np.max(np.abs(before))))
        jumps = np.maximum(jumps, np.max(np.abs(behind - before), axis=1))
    return jumps > max(_JUMP, _ROUND_OFFS * decoder.resolution) * largest
