"""Operators of ATen that act entry by entry, sums and products, each as a JAX function of the same arguments.

Names are those of `torch.ops.aten` (PyTorch documentation, "Core ATen IR"). Functions are chosen so that derivatives of
every order are finite where those of the operator are: what a branch does not use must not overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .aten_types import dtype_of


def _gelu(x: Array, *, approximate: str = "none") -> Array:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def _softplus(x: Array, beta: int | float = 1, threshold: int | float = 20) -> Array:
    return jnp.where(x * beta > threshold, x, jax.nn.softplus(x * beta) / beta)


def _elu(x: Array, alpha: int | float = 1, scale: int | float = 1, input_scale: int | float = 1) -> Array:
    below = alpha * jnp.expm1(jnp.where(x > 0, 0.0, x) * input_scale)
    return scale * jnp.where(x > 0, x, below)


def _leaky_relu(x: Array, slope: int | float = 0.01) -> Array:
    return jnp.where(x > 0, x, slope * x)


def _relu(x: Array) -> Array:
    return jnp.where(x > 0, x, 0.0)


def _clamp(x: Array, low: Any = None, high: Any = None) -> Array:
    if low is not None:
        x = jnp.where(x < low, jnp.asarray(low, x.dtype), x)
    return x if high is None else jnp.where(x > high, jnp.asarray(high, x.dtype), x)


def _hardtanh(x: Array, low: int | float = -1, high: int | float = 1) -> Array:
    return _clamp(x, low, high)


def _scaled(function: Callable, x: Array, y: Any, alpha: int | float) -> Array:
    return function(x, y if alpha == 1 else alpha * y)


def _add(x: Array, y: Any, *, alpha: int | float = 1) -> Array:
    return _scaled(jnp.add, x, y, alpha)


def _sub(x: Array, y: Any, *, alpha: int | float = 1) -> Array:
    return _scaled(jnp.subtract, x, y, alpha)


def _div_mode(x: Array, y: Any, *, rounding_mode: str | None = None) -> Array:
    quotient = jnp.divide(x, y)
    return {None: lambda q: q, "floor": jnp.floor, "trunc": jnp.trunc}[rounding_mode](quotient)


def _power(x: Array, exponent: Any) -> Array:
    """x ** n: of a whole number by products, so that every derivative at 0 is finite."""
    whole = isinstance(exponent, int | float) and float(exponent).is_integer()
    return jax.lax.integer_pow(x, int(exponent)) if whole else jnp.power(x, exponent)


def _where(condition: Array, x: Any, y: Any) -> Array:
    return jnp.where(condition, x, y)


def _axes(axes: Any) -> tuple[int, ...] | None:
    """ATen's empty list of axes means all."""
    return tuple(axes) if axes is not None and len(axes) else None


def _sum(x: Array, axes: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return jnp.sum(x, _axes(axes), dtype=dtype_of(dtype), keepdims=keepdim)


def _mean(x: Array, axes: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return jnp.mean(x, _axes(axes), dtype=dtype_of(dtype), keepdims=keepdim)


def _variance(x: Array, axes: Any = None, *, correction: int | float | None = 1, keepdim: bool = False) -> Array:
    return jnp.var(x, _axes(axes), correction=1 if correction is None else correction, keepdims=keepdim)


def _amax(x: Array, axes: Any = (), keepdim: bool = False) -> Array:
    return jnp.max(x, _axes(axes), keepdims=keepdim)


def _amin(x: Array, axes: Any = (), keepdim: bool = False) -> Array:
    return jnp.min(x, _axes(axes), keepdims=keepdim)


def _prod(x: Array, axis: int, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return jnp.prod(x, axis, dtype=dtype_of(dtype), keepdims=keepdim)


def _any(x: Array, axis: Any = None, keepdim: bool = False) -> Array:
    return jnp.any(x, axis, keepdims=keepdim)


def _cumsum(x: Array, axis: int, *, dtype: Any = None) -> Array:
    return jnp.cumsum(x, axis, dtype=dtype_of(dtype))


def _cumprod(x: Array, axis: int, *, dtype: Any = None) -> Array:
    return jnp.cumprod(x, axis, dtype=dtype_of(dtype))


def _vector_norm(
    x: Array, order: int | float = 2, axes: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Array:
    if order != 2:
        raise NotImplementedError(f"a norm of order {order}")
    return jnp.sqrt(jnp.sum(x * x, _axes(axes), dtype=dtype_of(dtype), keepdims=keepdim))


def _softmax(x: Array, axis: int, half_to_float: bool) -> Array:
    return jax.nn.softmax(x, axis)


def _log_softmax(x: Array, axis: int, half_to_float: bool) -> Array:
    return jax.nn.log_softmax(x, axis)


def _logsumexp(x: Array, axes: Any, keepdim: bool = False) -> Array:
    return jax.scipy.special.logsumexp(x, _axes(axes), keepdims=keepdim)


def _addmm(bias: Array, x: Array, y: Array, *, beta: int | float = 1, alpha: int | float = 1) -> Array:
    product = x @ y
    return (product if alpha == 1 else alpha * product) + (bias if beta == 1 else beta * bias)


_UNARY: dict[str, Callable] = {
    **{name: getattr(jnp, name) for name in ("tanh", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "abs")},
    **{name: getattr(jnp, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "sign", "floor", "ceil", "trunc")},
    **{f"a{name}": getattr(jnp, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(jnp, name) for name in ("isnan", "isinf", "logical_not", "round", "reciprocal", "exp2")},
    "neg": jnp.negative,
    "sigmoid": jax.nn.sigmoid,
    "relu": _relu,
    "gelu": _gelu,
    "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc,
    "rsqrt": jax.lax.rsqrt,
    "lgamma": jax.scipy.special.gammaln,
    "digamma": jax.scipy.special.digamma,
}
_BINARY: dict[str, Callable] = {
    "mul": jnp.multiply,
    "div": jnp.divide,
    "add": _add,
    "sub": _sub,
    **{name: getattr(jnp, full) for name, full in (("eq", "equal"), ("ne", "not_equal"))},
    **{name: getattr(jnp, full) for name, full in (("lt", "less"), ("le", "less_equal"))},
    **{name: getattr(jnp, full) for name, full in (("gt", "greater"), ("ge", "greater_equal"))},
}
POINTWISE: dict[str, Callable] = {
    **{f"{name}.default": function for name, function in _UNARY.items()},
    **{f"{name}.{kind}": function for name, function in _BINARY.items() for kind in ("Tensor", "Scalar")},
    **{f"pow.{kind}": _power for kind in ("Tensor_Scalar", "Tensor_Tensor", "Scalar")},
    **{f"{name}.default": getattr(jnp, name) for name in ("maximum", "minimum", "logical_and", "logical_or", "dot")},
    "atan2.default": jnp.arctan2,
    "div.Tensor_mode": _div_mode,
    "clamp.default": _clamp,
    "clamp.Tensor": _clamp,
    "clamp_min.default": _clamp,
    "hardtanh.default": _hardtanh,
    "leaky_relu.default": _leaky_relu,
    "elu.default": _elu,
    "softplus.default": _softplus,
    "where.self": _where,
    "where.ScalarOther": _where,
    "where.ScalarSelf": _where,
    "sum.dim_IntList": _sum,
    "sum.default": _sum,
    "mean.dim": _mean,
    "mean.default": _mean,
    "var.correction": _variance,
    "amax.default": _amax,
    "amin.default": _amin,
    "prod.dim_int": _prod,
    "any.dim": _any,
    "any.default": _any,
    "cumsum.default": _cumsum,
    "cumprod.default": _cumprod,
    "linalg_vector_norm.default": _vector_norm,
    "_softmax.default": _softmax,
    "_log_softmax.default": _log_softmax,
    "logsumexp.default": _logsumexp,
    "mm.default": jnp.matmul,
    "bmm.default": jnp.matmul,
    "mv.default": jnp.matmul,
    "matmul.default": jnp.matmul,
    "addmm.default": _addmm,
}
