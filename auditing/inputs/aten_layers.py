"""Operators of ATen that are layers: convolution, norms, scaling, pooling, each as a JAX function of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .aten_convolution import convolution
from .aten_resizing import RESIZING


def _channels(values: Array | None, x: Array) -> Array | None:
    """(C,) against (n, C, ..)."""
    return None if values is None else jnp.reshape(values, (-1, *[1] * (x.ndim - 2)))


def _scaled(x: Array, weight: Array | None, bias: Array | None) -> Array:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _standardised(x: Array, axes: tuple[int, ...], eps: int | float) -> Array:
    centred = x - jnp.mean(x, axes, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axes, keepdims=True) + eps)


def _batch_norm(
    x: Array, weight: Any, bias: Any, mean: Array, variance: Array, momentum: int | float, eps: float
) -> tuple[Array]:
    """Of the running mean and variance."""
    scale = jax.lax.rsqrt(variance + eps) * (1.0 if weight is None else weight)
    shift = -mean * scale + (0.0 if bias is None else bias)
    return (_scaled(x, _channels(scale, x), _channels(shift, x)),)


def _instance_norm(
    x: Array, weight: Any, bias: Any, training: bool, momentum: int | float, eps: int | float
) -> tuple[Array]:
    """Batch norm by the input's own statistics; (1, n C, ..) makes instance norm of it."""
    if not training:
        raise NotImplementedError("batch norm without statistics")
    out = _standardised(x, (0, *range(2, x.ndim)), eps)
    return (_scaled(out, _channels(weight, x), _channels(bias, x)),)


def _layer_norm(x: Array, shape: Any, weight: Any, bias: Any, eps: int | float) -> tuple[Array]:
    return (_scaled(_standardised(x, tuple(range(-len(shape), 0)), eps), weight, bias),)


def _group_norm(x: Array, weight: Any, bias: Any, *how: Any) -> tuple[Array]:
    """how: n, C, entries of a channel, groups, eps."""
    n, _, _, groups, eps = how
    out = jnp.reshape(_standardised(jnp.reshape(x, (n, groups, -1)), (2,), eps), x.shape)
    return (_scaled(out, _channels(weight, x), _channels(bias, x)),)


def _trilinear(x: Array, y: Array, z: Array, *how: Any) -> Array:
    """sum x y z; how: the axes that each lacks, and those that are summed over."""
    *lacking, summed = how[:4]
    out = jnp.ones(())
    for part, axes in zip((x, y, z), lacking, strict=True):
        out = out * jnp.expand_dims(part, tuple(axes))
    return jnp.sum(out, tuple(summed))


LAYERS: dict[str, Callable] = {
    **RESIZING,
    "convolution.default": convolution,
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "_native_batch_norm_legit.no_stats": _instance_norm,
    "native_layer_norm.default": _layer_norm,
    "native_group_norm.default": _group_norm,
    "_trilinear.default": _trilinear,
}
