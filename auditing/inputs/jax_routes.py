"""JAX functions whose derivatives exist in one mode only, as functions with derivatives in both.

A `while_loop` has no reverse mode, a `custom_vjp` no forward mode. For small d the way out is the Jacobian itself: with
J = jacfwd(f) (or jacrev(f)) the rule  df = J(z) dz  is linear in dz, so that JAX can transpose it, and J is again a
function of this kind. One of the three ways is right wherever f has derivatives in some mode; `derivative_checks`
says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .derivative_checks import ORDERS, Rules

_JACOBIANS: dict[str, Callable] = {"forward only": jax.jacfwd, "reverse only": jax.jacrev}


class OneMode(eqx.Module):
    """f with every derivative taken by one mode: route "forward only" or "reverse only"."""

    function: Callable
    route: str = eqx.field(static=True)

    def __call__(self, z: Float[Array, " d"]) -> Float[Array, " D"]:
        """f(z)."""
        return _by_jacobian(self.function, _JACOBIANS[self.route])(z)


def _by_jacobian(function: Callable, jacobian: Callable) -> Callable:
    @jax.custom_jvp
    def wrapped(z: Array) -> Array:
        return function(z)

    @wrapped.defjvp
    def rule(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (z,), (v,) = primals, tangents
        return wrapped(z), _by_jacobian(jacobian(function), jacobian)(z) @ v

    return wrapped


def routes(function: Callable) -> Iterator[tuple[str, Callable]]:
    """The function as it is, and with derivatives by one mode."""
    yield "as it is", function
    for route in _JACOBIANS:
        yield route, OneMode(function, route)


def rules_of(function: Callable) -> Rules:
    """The derivatives of orders 1 to 3 of a JAX function (d,) -> (D,), for the check; one program where all exist."""
    kept: dict[bytes, list] = {}

    def rules(k: int, z: np.ndarray, v: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, float]:
        key, at, first, second = z.tobytes(), jnp.asarray(z), jnp.asarray(v), jnp.asarray(u)
        if key not in kept:
            try:
                kept[key] = jax.device_get(_orders(function, at, first, second, ORDERS))
            except Exception:
                kept[key] = []
        found = kept[key] or jax.device_get(_orders(function, at, first, second, k))
        return np.asarray(found[k - 1][0]), float(found[k - 1][1])

    return rules


@eqx.filter_jit
def _orders(function: Callable, z: Array, v: Array, u: Array, highest: int) -> list[tuple[Array, Array]]:
    found, current = [], function
    for _ in range(highest):
        lower = current
        slope = jax.grad(lambda y, lower=lower: u @ lower(y))(jnp.asarray(z))
        current = _along(lower, v)
        found.append((current(jnp.asarray(z)), slope @ v))
    return found


def _along(function: Callable, direction: Array) -> Callable:
    return lambda z: jax.jvp(function, (z,), (direction,))[1]
