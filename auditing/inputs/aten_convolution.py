"""The convolutions of ATen, each as a JAX function of its arguments.

A convolution is one matrix product, as XLA has no fast convolution in float64 on CPUs, but fast products; and both are
linear operations that `numerics.affine_output` knows. Either the kernel is multiplied with the patches of x, or first
with x, and the products are added where they meet: whichever makes fewer numbers of one position. With stride s and
kernel K = q s (filled up with zeros) the outputs of a transposed convolution fall into s phases an axis,

    out[s i + r] = sum_(a < q) w[s a + r] . x[i - a],

so that nothing is multiplied with the zeros between the entries of x.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

_PATCHES = 32  # kernels of more entries go to XLA's convolution: their patches would take too much memory
_LAYOUTS = {1: ("NCH", "OIH", "NCH"), 2: ("NCHW", "OIHW", "NCHW"), 3: ("NCDHW", "OIDHW", "NCDHW")}


class Rows(NamedTuple):
    """A convolution of small images whose kernels act on whole rows: how the kernel's rows move along the height.

    shape: (O, H', W') of the output; stride, padding along H.
    """

    shape: tuple[int, int, int]
    stride: int
    padding: int
    transposed: bool


def by_rows(x: Array, matrices: Array, bias: Array, how: Rows) -> Array:
    """x (1, C, H, W) by matrices (K, C W, O W'), one for each row of the kernel: (1, O, H', W').

    A product with whole rows, zeros of the kernel included, is faster for small images than one with the kernel alone.
    """
    outputs, height, width = how.shape
    count, size, new = matrices.shape
    rows = jnp.reshape(jnp.moveaxis(x[0], 0, 1), (x.shape[2], size))
    if how.transposed:
        q = -(-count // how.stride)
        matrices = jnp.pad(matrices, ((0, q * how.stride - count), (0, 0), (0, 0)))
        phases = jnp.reshape(matrices, (q, how.stride, size, new))
        out = _rows_of_phases(rows, phases) if size <= how.stride * new else _rows_added(rows, phases)
        out = jnp.pad(out, ((0, max(0, how.padding + height - len(out))), (0, 0)))[how.padding : how.padding + height]
    else:
        rows = jnp.pad(rows, ((how.padding, how.padding), (0, 0)))
        last = how.stride * (height - 1) + 1
        patches = jnp.concatenate([rows[k : k + last : how.stride] for k in range(count)], axis=1)
        out = patches @ jnp.reshape(matrices, (-1, new))
    return jnp.moveaxis(jnp.reshape(out, (height, outputs, width)), 0, 1)[None] + bias[:, None, None]


def _rows_of_phases(rows: Array, phases: Array) -> Array:
    """Patches of q rows times the phases (q, s, C W, O W')."""
    q, s, size, new = phases.shape
    rows = jnp.pad(rows, ((q - 1, q - 1), (0, 0)))
    count = len(rows) - q + 1
    patches = jnp.concatenate([rows[k : k + count] for k in range(q)], axis=1)
    kernel = jnp.reshape(jnp.moveaxis(phases[::-1], 2, 1), (q * size, s * new))
    return jnp.reshape(patches @ kernel, (count * s, new))


def _rows_added(rows: Array, phases: Array) -> Array:
    """The same, rows first times the phases."""
    q, s, size, new = phases.shape
    parts = rows @ jnp.reshape(jnp.moveaxis(phases, 2, 0), (size, -1))
    parts = jnp.reshape(parts, (len(rows), q, s * new))
    terms = [jnp.pad(parts[:, a], ((a, q - 1 - a), (0, 0))) for a in range(q)]
    return jnp.reshape(sum(terms[1:], terms[0]), (-1, new))


def every(values: Any, rank: int) -> tuple[int, ...]:
    """A value for every axis; ATen takes one for all."""
    given = tuple(values)
    return given * rank if len(given) == 1 else given


class _Moves(NamedTuple):
    """How a kernel moves, each with a value for every axis; padding added behind a transposed one; groups."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    behind: tuple[int, ...]
    groups: int


def convolution(x: Array, weight: Array, bias: Array | None, *how: Any) -> Array:
    """how: stride, padding, dilation, transposed, output_padding, groups."""
    stride, padding, dilation, transposed, behind, groups = how
    rank = x.ndim - 2
    stride, padding, dilation, behind = (every(part, rank) for part in (stride, padding, dilation, behind))
    moves = _Moves(stride, padding, dilation, behind, groups)
    plain = groups == 1 and max(moves.dilation) == 1
    if transposed:
        out = _transposed(x, weight, moves) if plain else _transposed_by_xla(x, weight, moves)
    else:
        few = np.prod(weight.shape[2:]) <= _PATCHES
        out = _by_patches(x, weight, moves) if plain and few else _by_xla(x, weight, moves)
    return out if bias is None else out + jnp.reshape(bias, (-1, *[1] * rank))


def _by_patches(x: Array, weight: Array, moves: _Moves) -> Array:
    """(n, C, *size), weight (O, C, *kernel) -> (n, O, *new)."""
    kernel = weight.shape[2:]
    x = jnp.pad(x, ((0, 0), (0, 0), *((p, p) for p in moves.padding)))
    counts = [(size - k) // s + 1 for size, k, s in zip(x.shape[2:], kernel, moves.stride, strict=True)]
    offsets = list(product(*map(range, kernel)))

    def moved(array: Array, offset: tuple) -> Array:
        cut = [slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, moves.stride, counts, strict=True)]
        return array[(slice(None), *cut)]

    x = jnp.moveaxis(x, 1, -1)
    if weight.shape[0] * max(moves.stride) < weight.shape[1]:
        parts = jnp.tensordot(x, jnp.reshape(weight, (*weight.shape[:2], -1)), ((-1,), (1,)))  # (n, *size, O, offset)
        terms = [moved(parts[..., k], offset) for k, offset in enumerate(offsets)]
        return jnp.moveaxis(sum(terms[1:], terms[0]), -1, 1)
    patches = jnp.concatenate([moved(x, offset) for offset in offsets], axis=-1)  # offsets before channels
    rows = jnp.reshape(jnp.moveaxis(weight, 1, -1), (weight.shape[0], -1))
    return jnp.moveaxis(jnp.tensordot(patches, rows, ((-1,), (1,))), -1, 1)


def _transposed(x: Array, weight: Array, moves: _Moves) -> Array:
    """(n, C, *size), weight (C, O, *kernel) -> (n, O, *new)."""
    rank, sizes, kernel = x.ndim - 2, x.shape[2:], weight.shape[2:]
    counts = [-(-k // s) for k, s in zip(kernel, moves.stride, strict=True)]
    filled = [(0, q * s - k) for q, s, k in zip(counts, moves.stride, kernel, strict=True)]
    weight = jnp.pad(weight, ((0, 0), (0, 0), *filled))
    if weight.shape[0] <= weight.shape[1] * np.prod(moves.stride):
        out = _phases(x, weight, moves.stride)
    else:
        out = jnp.tensordot(weight, x, ((0,), (1,)))  # (O, *kernel, n, *size)
        for q, s in zip(counts, moves.stride, strict=True):
            out = _overlapped(out, rank + 2, q, s)
        out = jnp.moveaxis(out, 0, 1)
    for k in range(rank):
        length = (sizes[k] - 1) * moves.stride[k] - 2 * moves.padding[k] + kernel[k] + moves.behind[k]
        missing = max(0, moves.padding[k] + length - out.shape[2 + k])
        out = jnp.pad(out, [(0, missing if axis == 2 + k else 0) for axis in range(out.ndim)])
        out = jax.lax.slice_in_dim(out, moves.padding[k], moves.padding[k] + length, axis=2 + k)
    return out


def _phases(x: Array, weight: Array, stride: tuple[int, ...]) -> Array:
    """The phases of a transposed convolution as the channels of a plain one, which are then put between each other."""
    rank, (channels, outputs, *kernel) = len(stride), weight.shape
    split = [part for k, s in zip(kernel, stride, strict=True) for part in (k // s, s)]
    weight = jnp.reshape(weight, (channels, outputs, *split))
    weight = jnp.flip(weight, tuple(range(2, 2 + 2 * rank, 2)))
    order = (1, *range(3, 3 + 2 * rank, 2), 0, *range(2, 2 + 2 * rank, 2))
    reach = tuple(k // s - 1 for k, s in zip(kernel, stride, strict=True))
    flat = jnp.transpose(weight, order).reshape(-1, channels, *(r + 1 for r in reach))
    one = (1,) * rank
    out = _by_patches(x, flat, _Moves(one, reach, one, (0,) * rank, 1))
    sizes = out.shape[2:]
    out = jnp.reshape(out, (len(x), outputs, *stride, *sizes))
    between = [axis for k in range(rank) for axis in (2 + rank + k, 2 + k)]
    out = jnp.transpose(out, (0, 1, *between))
    return jnp.reshape(out, (len(x), outputs, *(n * s for n, s in zip(sizes, stride, strict=True))))


def _overlapped(parts: Array, axis: int, q: int, s: int) -> Array:
    """The kernel's axis, 1, added up along `axis`, of n entries: (O, q s, .., n, ..) -> (O, .., (n + q - 1) s, ..)."""
    parts = jnp.reshape(parts, (parts.shape[0], q, s, *parts.shape[2:]))
    shifted = []
    for a in range(q):
        widths = [(a, q - 1 - a) if k == axis else (0, 0) for k in range(parts.ndim - 1)]
        shifted.append(jnp.pad(parts[:, a], widths))
    phases = jnp.moveaxis(sum(shifted[1:], shifted[0]), 1, axis)
    shape = phases.shape
    return jnp.reshape(phases, (*shape[: axis - 1], shape[axis - 1] * s, *shape[axis + 1 :]))


def _by_xla(x: Array, weight: Array, moves: _Moves) -> Array:
    """XLA's own convolution."""
    around = [(p, p) for p in moves.padding]
    return jax.lax.conv_general_dilated(
        x,
        weight,
        moves.stride,
        around,
        rhs_dilation=moves.dilation,
        dimension_numbers=_LAYOUTS[x.ndim - 2],
        feature_group_count=moves.groups,
    )


def _transposed_by_xla(x: Array, weight: Array, moves: _Moves) -> Array:
    """XLA's own, of x with zeros between its entries and the kernel (C, O / groups, *k) turned round."""
    channels, outputs, *kernel = weight.shape
    parts = jnp.reshape(weight, (moves.groups, channels // moves.groups, outputs, *kernel))
    parts = jnp.swapaxes(parts, 1, 2).reshape(moves.groups * outputs, channels // moves.groups, *kernel)
    reach = [d * (k - 1) - p for d, k, p in zip(moves.dilation, kernel, moves.padding, strict=True)]
    return jax.lax.conv_general_dilated(
        x,
        jnp.flip(parts, tuple(range(2, weight.ndim))),
        (1,) * len(kernel),
        [(r, r + b) for r, b in zip(reach, moves.behind, strict=True)],
        lhs_dilation=moves.stride,
        rhs_dilation=moves.dilation,
        dimension_numbers=_LAYOUTS[x.ndim - 2],
        feature_group_count=moves.groups,
    )
