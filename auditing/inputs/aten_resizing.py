"""The operators of ATen that change the size of an image, scaling and pooling, each as a JAX function of its arguments.

Scaling and average pooling are linear and act on each axis alone: the matrix of an axis is what PyTorch's own operator
makes of the unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from .aten_convolution import every
from .extras import torch


@cache
def _matrix(name: str, size: int, rank: int, arguments: tuple) -> np.ndarray:
    """What a linear operator of PyTorch does along one axis of `size` entries, the others of one: (new, size)."""
    library = torch()
    packet, overload = name.split(".")
    rows = library.eye(size, dtype=library.float64).reshape(size, 1, size, *[1] * (rank - 1))
    with library.no_grad():
        out = getattr(getattr(library.ops.aten, packet), overload)(rows, *arguments)
    return out.reshape(size, -1).T.numpy().copy()


def _along(x: Array, axis: int, matrix: np.ndarray) -> Array:
    """matrix times x along an axis; entries that are repeated are copied."""
    new, size = matrix.shape
    if new % size == 0 and np.array_equal(matrix, np.repeat(np.eye(size), new // size, axis=0)):
        return jnp.repeat(x, new // size, axis=axis, total_repeat_length=new)
    return jnp.moveaxis(jnp.tensordot(jnp.asarray(matrix, x.dtype), x, ((1,), (axis,))), 0, axis)


def _scaling(name: str, aligned: bool) -> Callable:
    """Of an `upsample`: (x, output size, [align_corners,] scale factors)."""

    def scale(x: Array, size: Any, *rest: Any) -> Array:
        rank = x.ndim - 2
        corners, factors = rest if aligned else ((), *rest)
        between = (corners,) if aligned else ()
        for k in range(rank):
            one = [1] * (rank - 1)
            lengths = None if size is None else (size[k], *one)
            scales = None if factors is None else (float(factors[k]), *map(float, one))
            x = _along(x, 2 + k, _matrix(name, x.shape[2 + k], rank, (lengths, *between, scales)))
        return x

    return scale


def _average_pool(name: str) -> Callable:
    """Of an `avg_pool`: rounded up says how sizes are, counted whether padding is."""

    def pool(
        x: Array,
        kernel: Any,
        stride: Any = (),
        padding: Any = 0,
        up: bool = False,
        counted: bool = True,
        divisor: int | float | None = None,
    ) -> Array:
        if divisor is not None:
            raise NotImplementedError("a pool with a divisor of its own")
        rank = int(name.removeprefix("avg_pool")[0])
        kernel, padding = every(_listed(kernel), rank), every(_listed(padding), rank)
        stride = every(_listed(stride), rank) if _listed(stride) else kernel
        for k in range(rank):
            one, none = (1,) * (rank - 1), (0,) * (rank - 1)
            moves = ((kernel[k], *one), (stride[k], *one), (padding[k], *none), up, counted)
            axis = x.ndim - rank + k
            x = _along(x, axis, _matrix(name, x.shape[axis], rank, moves))
        return x

    return pool


def _listed(values: Any) -> tuple[int, ...]:
    return (values,) if isinstance(values, int) else tuple(values)


def _adaptive_pool(x: Array, size: Any) -> Array:
    for k in range(2):
        axis = x.ndim - 2 + k
        matrix = _matrix("_adaptive_avg_pool2d.default", x.shape[axis], 2, ((size[k], 1),))
        x = _along(x, axis, matrix)
    return x


def _largest(x: Array, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, up: bool = False) -> tuple:
    """The values of `max_pool2d_with_indices`; without the indices, whoever asks for them fails."""
    kernel, padding = every(_listed(kernel), 2), every(_listed(padding), 2)
    stride = every(_listed(stride), 2) if _listed(stride) else kernel
    if up or max(_listed(dilation)) > 1:
        raise NotImplementedError("a pool that is dilated, or rounds sizes up")
    lead = [(0, 0)] * (x.ndim - 2)
    x = jnp.pad(x, [*lead, *((p, p) for p in padding)], constant_values=-jnp.inf)
    counts = [(size - k) // s + 1 for size, k, s in zip(x.shape[-2:], kernel, stride, strict=True)]
    parts = []
    for offset in product(*map(range, kernel)):
        cut = [slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, stride, counts, strict=True)]
        parts.append(x[(..., *cut)])
    return (jnp.max(jnp.stack(parts), axis=0),)


RESIZING: dict[str, Callable] = {
    **{
        f"upsample_{kind}.vec": _scaling(f"upsample_{kind}.vec", "nearest" not in kind)
        for kind in ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "trilinear3d", "bicubic2d")
    },
    **{f"avg_pool{rank}d.default": _average_pool(f"avg_pool{rank}d.default") for rank in (1, 2, 3)},
    "_adaptive_avg_pool2d.default": _adaptive_pool,
    "max_pool2d_with_indices.default": _largest,
}
