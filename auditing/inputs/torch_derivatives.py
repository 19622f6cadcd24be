"""A PyTorch function as a JAX function with derivatives of every order, forward and reverse.

Notation: f: R^d -> R^D. Two families of derivatives are computed by `torch.func` and handed over as arrays:

    F_k(z; v_1 .. v_k)    = D^k f(z)[v_1, .., v_k]                 in R^D,
    B_k(z; v_1 .. v_k; u) = grad_z  u . D^k f(z)[v_1, .., v_k]     in R^d.

Both are linear in every v_i and in u, and together they are closed under JAX's two operations: differentiating in z
adds a direction, in v_i or u it replaces it; transposing F_k in v_i gives B_{k-1} (the order of directions does not
matter), transposing B_k in u gives F_{k+1}, in v_i again B_k. So one JAX primitive with these rules makes `jax.grad`,
`jax.jvp`, `vmap` and `jit` work to any order, and no derivative tensor is ever formed.

Four routes lead to them, because PyTorch's rules are not all right at every order (see `derivative_checks`):

    forward         F_k by nested forward mode, B_k the gradient of u . F_k;
    reverse inside  B_k by nested forward mode of the gradient of u . f, F_k the transpose of B_{k-1} in u;
    reverse         B_k with a gradient of its own for every direction, F_k its transpose in u;
    forward only    as the first, B_k from d directional derivatives: for functions without a reverse mode.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .extras import torch

Single = Callable[[Any], Any]
"""A function of one point, torch tensor (d,) -> (D,)."""

# XLA calls back from several threads at once; torch's levels of forward differentiation belong to the whole process.
_LOCK = Lock()

_derivative = Primitive("torch_derivative")


ONE_AT_A_TIME = ", one at a time"
"""Ends the name of a route whose points are not mapped together: for recurrent layers, whose kernels cannot be."""
ROUTES = ("forward", "reverse inside", "reverse", "forward only")


def jax_function(single: Single, size: int, route: str = "forward") -> Callable[[jax.Array], jax.Array]:
    """The JAX function (d,) -> (D,), D = size, of a torch function of one point, float64."""

    def function(z: jax.Array) -> jax.Array:
        return _derivative.bind(jnp.asarray(z, float), single=single, reverse=False, size=size, route=route)

    return function


def along(single: Single, directions: tuple) -> Single:
    """z -> D^k f(z)[directions], by nested forward mode."""
    for direction in directions:
        single = partial(_jvp, single, direction)
    return single


def _jvp(single: Single, direction: Any, z: Any) -> Any:
    return torch().func.jvp(single, (z,), (direction,))[1]


def _vjp(single: Single, cotangent: Any, z: Any) -> Any:
    return torch().func.vjp(single, z)[1](cotangent)[0]


def gradient_along(single: Single, directions: tuple, cotangent: Any, route: str) -> Single:
    """z -> grad_z u . D^k f(z)[directions], u the cotangent."""
    if route.removesuffix(ONE_AT_A_TIME) == "forward":
        return partial(_vjp, along(single, directions), cotangent)
    if route == "forward only":
        library = torch()

        def forward(z: Any) -> Any:
            basis = library.eye(len(z), dtype=z.dtype)
            columns = library.func.vmap(lambda e: _jvp(along(single, directions), e, z))(basis)
            return columns @ cotangent

        return forward
    # A gradient's Jacobian is symmetric: forward and reverse mode give the same contraction.
    gradient, differentiate = partial(_vjp, single, cotangent), _vjp if route == "reverse" else _jvp
    for direction in directions:
        gradient = partial(differentiate, gradient, direction)
    return gradient


def derivative_along(single: Single, directions: tuple, route: str) -> Single:
    """z -> D^k f(z)[directions]; where reverse mode is inside, as the transpose in u of the gradient along k - 1."""
    if route.startswith("forward") or not directions:
        return along(single, directions)
    *most, last = directions

    def at(z: Any) -> Any:
        nothing = torch().zeros_like(single(z))
        return _vjp(lambda u: gradient_along(single, tuple(most), u, route)(z), last, nothing)

    return at


def derivative(single: Single, reverse: bool, *arrays: jax.Array | np.ndarray, route: str = "forward") -> np.ndarray:
    """F_k(z, v_1, .., v_k), or with `reverse` B_k(z, v_1, .., v_k, u), over any leading axes, by torch."""
    library = torch()
    tensors = [library.from_numpy(np.array(array)) for array in arrays]
    leading = tensors[0].shape[:-1]
    flat = [tensor.reshape(-1, tensor.shape[-1]) for tensor in tensors]

    def one(z: Any, *rest: Any) -> Any:
        if reverse:
            return gradient_along(single, rest[:-1], rest[-1], route)(z)
        return derivative_along(single, rest, route)(z)

    # Gradients stay enabled: torch has second derivatives of some activations (SiLU) only then.
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        if route.endswith(ONE_AT_A_TIME):
            out = library.stack([one(*arguments) for arguments in zip(*flat, strict=True)])
        else:
            out = library.func.vmap(one, randomness="same")(*flat)
    return out.detach().numpy().reshape(*leading, out.shape[-1])


def _result(point: Any, reverse: bool, size: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((*point.shape[:-1], point.shape[-1] if reverse else size), point.dtype)


def _call(*arrays: jax.Array, single: Single, reverse: bool, size: int, route: str) -> jax.Array:
    evaluate = partial(derivative, single, reverse, route=route)
    return jax.pure_callback(evaluate, _result(arrays[0], reverse, size), *arrays)


def _differentiate(primals: tuple, tangents: tuple, **how: Any) -> tuple:
    value = _derivative.bind(*primals, **how)
    terms = []
    for i, tangent in enumerate(tangents):
        if isinstance(tangent, ad.Zero):
            continue
        arguments = (primals[0], tangent, *primals[1:]) if i == 0 else (*primals[:i], tangent, *primals[i + 1 :])
        terms.append(_derivative.bind(*arguments, **how))
    return value, sum(terms[1:], terms[0])  # JAX asks only where some tangent is not zero


def _transpose(cotangent: Any, *primals: Any, single: Single, reverse: bool, size: int, route: str) -> list:
    (position,) = (i for i, primal in enumerate(primals) if ad.is_undefined_primal(primal))
    point, *rest = (primal for i, primal in enumerate(primals) if i != position)
    in_cotangent = reverse and position == len(primals) - 1
    arguments = (point, cotangent, *rest) if reverse and not in_cotangent else (point, *rest, cotangent)
    result: list = [None] * len(primals)
    result[position] = _derivative.bind(*arguments, single=single, reverse=not in_cotangent, size=size, route=route)
    return result


def _batch(arguments: tuple, axes: tuple, **how: Any) -> tuple:
    count = next(a.shape[axis] for a, axis in zip(arguments, axes, strict=True) if axis is not None)
    moved = [
        jnp.broadcast_to(a, (count, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(arguments, axes, strict=True)
    ]
    return _derivative.bind(*moved, **how), 0


_derivative.def_impl(jax.jit(_call, static_argnames=("single", "reverse", "size", "route")))
_derivative.def_abstract_eval(
    lambda point, *_, single, reverse, size, route: jax.core.ShapedArray(*_shape_and_dtype(point, reverse, size))
)
mlir.register_lowering(_derivative, mlir.lower_fun(_call, multiple_results=False))
ad.primitive_jvps[_derivative] = _differentiate
ad.primitive_transposes[_derivative] = _transpose
batching.primitive_batchers[_derivative] = _batch


def _shape_and_dtype(point: Any, reverse: bool, size: int) -> tuple:
    result = _result(point, reverse, size)
    return result.shape, result.dtype
