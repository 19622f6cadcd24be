"""Decoders of any origin as one kind of thing: a JAX-traceable function (d,) -> (D,) that remembers its output's shape.

Accepted are JAX callables (functions, Equinox modules, Flax NNX modules or Linen closures), of one point (d,) -> shape
or of a batch (n, d) -> (n, *shape), in any precision, and `torch.nn.Module`s, which are copied, set to evaluation mode
and to float64. The output is flattened to D = prod(shape) and given in float64.

What is no function of z alone is refused: two calls that differ (dropout), or a point whose value depends on its batch
(batch norm in training mode). So is a function whose first derivative, in every mode, is not that of its values.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from ...numerics.precision import EPS64
from ...numerics.priors import Prior
from ...numerics.seed import SEED
from .calls import check_batch, check_deterministic, check_output, failure, output_of
from .derivative_checks import ORDERS, Derivatives, best_route, resolution
from .extras import is_torch_module
from .jax_routes import routes, rules_of
from .wholes import as_module, hint_of_library, hint_of_parts

_PROBES = 3


class Decoder(eqx.Module):
    """f as a pytree: called with z (d,) it returns (D,). `shape` is that of one output before it was flattened.

    resolution: the relative round-off of f. derivatives: how they are taken, how many orders (1 to 3) were found right
    by differences, and what is wrong with the next.
    """

    function: Callable
    shape: tuple[int, ...] = eqx.field(static=True)
    origin: str = eqx.field(static=True)
    resolution: float = eqx.field(static=True, default=EPS64)
    derivatives: Derivatives = eqx.field(static=True, default=Derivatives("as it is", ORDERS, None))

    def __call__(self, z: Float[Array | np.ndarray, " d"]) -> Float[Array, " D"]:
        """f(z), flattened."""
        return self.function(z)

    @property
    def size(self) -> int:
        """D."""
        return prod(self.shape)


def as_decoder(decoder: Any, latent_dim: int, prior: Prior | None = None) -> Decoder:
    """Make a `Decoder` of what a user has. RequestError, one line, where it is not a decoder of that latent dimension.

    It is tried at points of the prior's bulk (N(0, I) unless given). Float32 leaves of Equinox modules become float64;
    other JAX functions keep the precision they compute in.
    """
    if latent_dim < 1:
        raise RequestError(f"latent_dim: expected at least 1, got {latent_dim}")
    points = np.random.default_rng(SEED).standard_normal((_PROBES, latent_dim))
    if prior is not None:
        points = np.array([prior.push(point) for point in points])
    return decoder_at(decoder, points)


def decoder_at(decoder: Any, points: Float[np.ndarray, "n d"]) -> Decoder:
    """`as_decoder`, tried at these points, at least three."""
    if isinstance(decoder, Decoder):
        return decoder
    if not callable(decoder):
        raise RequestError(
            f"decoder: expected a callable (d,) -> (D,) or a torch.nn.Module, got {type(decoder).__name__}"
        )
    decoder = as_module(decoder)
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

    def called(z: Array) -> Array:
        return output_of(decoder(z))

    try:
        value, batched = called(evaluated[0]), False
    except RequestError:
        raise
    except Exception as single:
        try:
            value, batched = called(evaluated[0][None]), True
        except RequestError:
            raise
        except Exception:
            hint = hint_of_library(single) or hint_of_parts(decoder)
            raise RequestError(f"decoder: expected to accept z of shape ({d},), {failure(single)}{hint}") from single
    if batched:
        check_batch(lambda z: np.asarray(called(jnp.asarray(z))), points)
        value = value[0]
    check_output(value, d)
    shape = tuple(value.shape)

    def function(z: Array) -> Array:
        return jnp.reshape(called(z[None]) if batched else called(z), (prod(shape),)).astype(float)

    check_deterministic(lambda point: np.asarray(function(jnp.asarray(point))), points)
    try:
        # Arrays that the function closes over become leaves: arguments of compiled programs, not constants in them.
        converted = eqx.filter_closure_convert(
            lambda z: function(z), jax.ShapeDtypeStruct((d,), jnp.result_type(float))
        )
    except Exception as error:
        hint = hint_of_library(error)
        raise RequestError(f"decoder: expected a function that JAX can trace, {failure(error)}{hint}") from error

    def values(z: np.ndarray) -> np.ndarray:
        return np.asarray(_at_all(converted, jnp.asarray(z)))

    round_off = max(resolution(values, points), _epsilon(value))
    ways = dict(routes(converted))
    found = best_route(
        ((name, rules_of(way)) for name, way in ways.items()),
        values,
        points,
        prod(shape),
        round_off,
    )
    _require_first_order(found, "JAX")
    return Decoder(ways[found.route], shape, "jax", round_off, found)


@eqx.filter_jit
def _at_all(function: Callable, points: Array) -> Array:
    return jax.lax.map(function, points)


def _epsilon(value: Any) -> float:
    """Half a unit in the last place of the output's type; float64's own for float64."""
    epsilon = float(jnp.finfo(value.dtype).eps)
    return EPS64 if epsilon <= EPS64 else epsilon / 2


def _from_torch(module: Any, points: np.ndarray) -> Decoder:
    from .torch_derivatives import jax_function
    from .torch_graph import TRANSLATED, attempted
    from .torch_module import evaluate, private_copy, single_point, torch_rules, torch_ways

    d = points.shape[1]
    try:
        module = private_copy(module, points)
    except Exception as error:
        raise RequestError(f"decoder: expected a module that can be copied, {failure(error)}") from error
    try:
        value, batched = evaluate(module, points[:1]), True
    except RequestError:
        raise
    except Exception as batch:
        try:
            value, batched = evaluate(module, points[0]), False
        except RequestError:
            raise
        except Exception:
            hint = hint_of_library(batch) or hint_of_parts(module)
            raise RequestError(f"decoder: expected to accept z of shape (1, {d}), {failure(batch)}{hint}") from batch
    if batched:
        check_batch(lambda z: evaluate(module, z), points)
        value = value[0]
    check_output(value, d)

    def values(z: np.ndarray) -> np.ndarray:
        found = evaluate(module, z) if batched else np.array([evaluate(module, point) for point in z])
        return found.reshape(len(z), -1)

    check_deterministic(lambda point: values(point[None])[0], points)
    size = int(np.prod(value.shape))
    single, round_off = single_point(module, batched), resolution(values, points)
    ways = torch_ways(single)
    rules = [(name, torch_rules(*way)) for name, way in ways.items()]
    translation: Any = attempted(single, module, points)
    if translation is not None:
        translation = eqx.filter_closure_convert(translation, jax.ShapeDtypeStruct((d,), jnp.result_type(float)))
        rules.insert(0, (TRANSLATED, rules_of(translation)))
    found = best_route(rules, values, points, size, round_off)
    _require_first_order(found, "torch.func")
    if found.route == TRANSLATED:
        function = translation
    else:
        best, route = ways[found.route]
        function = jax_function(best, size, route)
    return Decoder(function, tuple(value.shape), "torch", round_off, found)


def _require_first_order(found: Derivatives, library: str) -> None:
    if found.orders == 0 and "order 1 fails" in str(found.problem):
        raise RequestError(
            f"decoder: expected a function that {library} can differentiate, got one where {found.problem}"
        )
    if found.orders == 0:
        raise RequestError(
            f"decoder: expected derivatives that are those of its values, got a function where {found.problem} "
            "(straight-through estimator, stop_gradient, detach, inference_mode?)"
        )
