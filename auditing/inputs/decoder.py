"""Decoders of any origin as one kind of thing: a JAX-traceable function (d,) -> (D,) that remembers its output's shape.

Accepted are JAX callables (functions, Equinox modules, Flax NNX modules or Linen closures), of one point (d,) -> shape
or of a batch (n, d) -> (n, *shape), and `torch.nn.Module`s, which are copied, set to evaluation mode and to float64.
The output is flattened to D = prod(shape).

What is no function of z alone is refused: two calls that differ (dropout), or a point whose value depends on its batch
(batch norm in training mode).
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from .extras import is_torch_module

_DETERMINISTIC = 1e-9  # relative: round-off of a float64 network; dropout and noise are far above
_BATCH = 1e-4  # relative: a batched product may round differently, also in float32
_SEED = 20220602
_HERE = str(Path(__file__).parents[1])


class Decoder(eqx.Module):
    """f as a pytree: called with z (d,) it returns (D,). `shape` is that of one output before it was flattened."""

    function: Callable
    shape: tuple[int, ...] = eqx.field(static=True)
    origin: str = eqx.field(static=True)

    def __call__(self, z: Float[Array | np.ndarray, " d"]) -> Float[Array, " D"]:
        """f(z), flattened."""
        return self.function(z)

    @property
    def size(self) -> int:
        """D."""
        return prod(self.shape)


def as_decoder(decoder: Any, latent_dim: int) -> Decoder:
    """Make a `Decoder` of what a user has. RequestError, one line, where it is not a decoder of that latent dimension.

    Float32 leaves of Equinox modules become float64; other JAX functions keep the precision they compute in.
    """
    if isinstance(decoder, Decoder):
        return decoder
    if not callable(decoder):
        raise RequestError(
            f"decoder: expected a callable (d,) -> (D,) or a torch.nn.Module, got {type(decoder).__name__}"
        )
    if latent_dim < 1:
        raise RequestError(f"latent_dim: expected at least 1, got {latent_dim}")
    points = np.random.default_rng(_SEED).standard_normal((3, latent_dim))
    if is_torch_module(decoder):
        return _from_torch(decoder, points)
    if isinstance(decoder, eqx.Module):
        decoder = jax.tree.map(_to_float64, decoder)
    return _from_jax(decoder, points)


def _to_float64(leaf: Any) -> Any:
    return leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf


def _from_jax(decoder: Callable, points: np.ndarray) -> Decoder:
    evaluated = [jnp.asarray(point) for point in points]
    d = points.shape[1]
    try:
        value, batched = decoder(evaluated[0]), False
    except Exception as single:
        try:
            value, batched = decoder(evaluated[0][None]), True
        except Exception:
            raise RequestError(f"decoder: expected to accept z of shape ({d},), {failure(single)}") from single
    if batched:
        check_batch(lambda z: np.asarray(decoder(jnp.asarray(z))), points)
        value = value[0]
    _check_output(value, d)
    shape = tuple(value.shape)

    def function(z: Array) -> Array:
        return jnp.reshape(decoder(z[None]) if batched else decoder(z), (prod(shape),))

    check_deterministic(lambda point: np.asarray(function(jnp.asarray(point))), points)
    try:
        # Arrays that the function closes over become leaves: arguments of compiled programs, not constants in them.
        converted = eqx.filter_closure_convert(
            lambda z: function(z), jax.ShapeDtypeStruct((d,), jnp.result_type(float))
        )
    except Exception as error:
        raise RequestError(f"decoder: expected a function that JAX can trace, {failure(error)}") from error
    return Decoder(converted, shape, "jax")


def _from_torch(module: Any, points: np.ndarray) -> Decoder:
    from .torch_derivatives import derivative, jax_function
    from .torch_module import evaluate, single_point

    module = copy.deepcopy(module).eval().double().requires_grad_(False)
    d = points.shape[1]
    try:
        value, batched = evaluate(module, points[:1]), True
    except Exception as batch:
        try:
            value, batched = evaluate(module, points[0]), False
        except Exception:
            raise RequestError(f"decoder: expected to accept z of shape (1, {d}), {failure(batch)}") from batch
    if batched:
        check_batch(lambda z: evaluate(module, z), points)
        value = value[0]
    _check_output(value, d)
    check_deterministic(lambda point: evaluate(module, point[None])[0] if batched else evaluate(module, point), points)
    single = single_point(module, batched)
    try:
        # A first derivative in each mode and a third one, as Newton's method and the geometry need them.
        point, direction, cotangent = points[:1], points[1:2], np.ones((1, value.size))
        derivative(single, False, point, direction)
        derivative(single, True, point, direction, direction, cotangent)
    except Exception as error:
        raise RequestError(f"decoder: expected a module that torch.func can differentiate, {failure(error)}") from error
    return Decoder(jax_function(single, value.size), tuple(value.shape), "torch")


def check_deterministic(call: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> None:
    """RequestError unless two calls at the same point agree."""
    for point in points:
        first, second = call(point), call(point)
        if not np.all(np.isfinite(first)):
            raise RequestError(f"decoder: expected finite values, got nan or infinity at z = {_short(point)}")
        difference = np.max(np.abs(first - second), initial=0.0)
        if difference > _DETERMINISTIC * max(1.0, np.max(np.abs(first), initial=0.0)):
            raise RequestError(
                "decoder: expected a deterministic function, got two calls at the same point that differ by "
                f"{difference:.2g} (dropout, or batch norm in training mode?)"
            )


def check_batch(call: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> None:
    """RequestError unless (n, d) -> (n, ...) maps every point by itself."""
    alone, together = call(points[:1]), call(points)
    if alone.ndim < 1 or alone.shape[:1] != (1,) or together.shape != (len(points), *alone.shape[1:]):
        raise RequestError(
            f"decoder: expected (n, d) -> (n, ...), got outputs {alone.shape} for n = 1 and {together.shape} for "
            f"n = {len(points)}"
        )
    difference = np.max(np.abs(alone[0] - together[0]), initial=0.0)
    if difference > _BATCH * max(1.0, np.max(np.abs(alone), initial=0.0)):
        raise RequestError(
            "decoder: expected each point to be decoded by itself, got outputs that depend on the rest of the batch by "
            f"{difference:.2g} (batch norm in training mode, or a stochastic layer?)"
        )


def _check_output(value: Any, d: int) -> None:
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise RequestError(f"decoder: expected one array as output, got {type(value).__name__}")
    if not np.issubdtype(np.dtype(value.dtype), np.floating):
        raise RequestError(f"decoder: expected floating output, got {value.dtype}")
    if prod(value.shape) < d:
        raise RequestError(f"decoder: expected at least as many outputs as latents, D >= {d}, got {tuple(value.shape)}")


def failure(error: Exception) -> str:
    """What went wrong in a user's own code, with file and line, in one line."""
    text = " ".join(str(error).split())
    shown = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and _HERE not in frame.filename]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"got {shown}{where}"


def _short(point: np.ndarray) -> str:
    return np.array2string(point[:4], precision=3) + ("..." if len(point) > 4 else "")
