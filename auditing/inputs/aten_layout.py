"""Operators of ATen that move, copy, select and join entries, each as a JAX function of the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from .aten_types import dtype_of


def _view(x: Array, shape: Any) -> Array:
    return jnp.reshape(x, tuple(shape))


def _expand(x: Array, shape: Any, *, implicit: bool = False) -> Array:
    new = len(shape) - x.ndim
    filled = [x.shape[k - new] if size == -1 else size for k, size in enumerate(shape)]
    return jnp.broadcast_to(x, filled)


def _same(x: Array, *_: Any, **__: Any) -> Array:
    return x


def _converted(x: Array, *, dtype: Any = None, **_: Any) -> Array:
    return x if dtype is None else jnp.asarray(x).astype(dtype_of(dtype))


def _squeeze(x: Array, axes: Any = None) -> Array:
    """Axes of length one are left out, others stay."""
    chosen = range(x.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    return jnp.squeeze(x, tuple(k for k in {axis % x.ndim for axis in chosen} if x.shape[k] == 1))


def _slice(x: Array, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, end, step),)]


def _select(x: Array, axis: int, index: int) -> Array:
    return x[(slice(None),) * (axis % x.ndim) + (index,)]


def _split_sizes(x: Array, sizes: Any, axis: int = 0) -> list[Array]:
    ends = [sum(sizes[: k + 1]) for k in range(len(sizes) - 1)]
    return jnp.split(x, ends, axis)


def _split(x: Array, size: int, axis: int = 0) -> list[Array]:
    return jnp.split(x, list(range(size, x.shape[axis], size)), axis)


def _unbind(x: Array, axis: int = 0) -> list[Array]:
    return [jnp.squeeze(part, axis) for part in jnp.split(x, x.shape[axis], axis)]


def _cat(parts: Any, axis: int = 0) -> Array:
    kept = [part for part in parts if part.shape != (0,)]  # what PyTorch still passes over
    return jnp.concatenate(kept, axis)


def _index(x: Array, indices: Any) -> Array:
    """x[i, j, ..], None for an axis that is taken whole."""
    chosen = tuple(slice(None) if index is None else index for index in indices)
    return x[chosen]


def _gather(x: Array, axis: int, index: Array, *, sparse_grad: bool = False) -> Array:
    if any(k != axis % x.ndim and size != x.shape[k] for k, size in enumerate(index.shape)):
        raise NotImplementedError("gather of a part of the other axes")
    return jnp.take_along_axis(x, index, axis)


def _pad(x: Array, widths: Any, value: int | float = 0.0) -> Array:
    """Widths (before, after) from the last axis on; negative ones cut."""
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + [
        (widths[k], widths[k + 1]) for k in range(len(widths) - 2, -1, -2)
    ]
    for k, (before, after) in enumerate(pairs):
        cut = slice(max(0, -before), x.shape[k] - max(0, -after))
        x = x[(slice(None),) * k + (cut,)]
    return jnp.pad(x, [(max(0, before), max(0, after)) for before, after in pairs], constant_values=value)


def _padded_by(mode: str) -> Callable:
    def pad(x: Array, widths: Any) -> Array:
        count = len(widths) // 2
        pairs = [(widths[2 * k], widths[2 * k + 1]) for k in reversed(range(count))]
        return jnp.pad(x, [(0, 0)] * (x.ndim - count) + pairs, mode=mode)

    return pad


def _full_like(x: Array, value: int | float, *, dtype: Any = None, **_: Any) -> Array:
    return jnp.full(x.shape, value, x.dtype if dtype is None else dtype_of(dtype))


def _pixel_shuffle(x: Array, factor: int) -> Array:
    *lead, channels, height, width = x.shape
    parts = x.reshape(*lead, channels // factor**2, factor, factor, height, width)
    n = len(lead)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return parts.transpose(order).reshape(*lead, channels // factor**2, height * factor, width * factor)


def _select_scatter(x: Array, part: Array, axis: int, index: int) -> Array:
    return x.at[(slice(None),) * (axis % x.ndim) + (index,)].set(part)


def _slice_scatter(x: Array, part: Array, axis: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Array:
    return x.at[(slice(None),) * (axis % x.ndim) + (slice(start, end, step),)].set(part)


def _diagonal(x: Array, offset: int = 0, first: int = 0, second: int = 1) -> Array:
    return jnp.diagonal(x, offset, first, second)


def _roll(x: Array, shifts: Any, axes: Any = ()) -> Array:
    return jnp.roll(x, tuple(shifts), tuple(axes)) if axes else jnp.roll(x, shifts[0])


LAYOUT: dict[str, Callable] = {
    **{f"{name}.default": _view for name in ("view", "_unsafe_view", "reshape")},
    **{f"{name}.default": _same for name in ("clone", "alias", "detach", "contiguous", "lift_fresh_copy")},
    **{f"squeeze.{kind}": _squeeze for kind in ("default", "dim", "dims")},
    **{f"{name}.default": _padded_by("reflect") for name in ("reflection_pad1d", "reflection_pad2d")},
    **{f"{name}.default": _padded_by("edge") for name in ("replication_pad1d", "replication_pad2d")},
    "_to_copy.default": _converted,
    "expand.default": _expand,
    "permute.default": jnp.transpose,
    "transpose.int": jnp.swapaxes,
    "t.default": jnp.transpose,
    "unsqueeze.default": jnp.expand_dims,
    "slice.Tensor": _slice,
    "select.int": _select,
    "split_with_sizes.default": _split_sizes,
    "split.Tensor": _split,
    "unbind.int": _unbind,
    "cat.default": _cat,
    "stack.default": jnp.stack,
    "index.Tensor": _index,
    "index_select.default": lambda x, axis, index: jnp.take(x, index, axis),
    "gather.default": _gather,
    "flip.default": lambda x, axes: jnp.flip(x, tuple(axes)),
    "repeat.default": lambda x, counts: jnp.tile(x, tuple(counts)),
    "roll.default": _roll,
    "constant_pad_nd.default": _pad,
    "full_like.default": _full_like,
    "zeros_like.default": lambda x, **how: _full_like(x, 0.0, **how),
    "ones_like.default": lambda x, **how: _full_like(x, 1.0, **how),
    "pixel_shuffle.default": _pixel_shuffle,
    "select_scatter.default": _select_scatter,
    "slice_scatter.default": _slice_scatter,
    "diagonal.default": _diagonal,
    "tril.default": jnp.tril,
    "triu.default": jnp.triu,
}
