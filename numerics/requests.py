"""What a caller may pass, checked once: real numbers, whole numbers, shapes, finite and positive values.

Concrete values are refused by `RequestError`, values inside `jit` by `eqx.error_if`; the one line says what was wrong,
what was expected and what came.
"""

import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from ..errors import RequestError


def real_array(name: str, value: ArrayLike) -> Float[Array, "..."]:
    """Return `value` as floats; `RequestError` for what is complex or no number, or one truth value."""
    if isinstance(value, bool):
        raise RequestError(f"{name}: expected real numbers, got {value}")
    array = array_of(name, np.asarray(value) if isinstance(value, int | float | np.generic) else value)
    if jnp.iscomplexobj(array):
        raise RequestError(f"{name}: expected real numbers, got {array.dtype}")
    return array.astype(jnp.result_type(float))


def array_of(name: str, value: ArrayLike) -> Shaped[Array, "..."]:
    """Return `value` as an array of its own dtype; `RequestError` for what JAX takes for none."""
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{name}: expected real numbers, got {type(value).__name__} {value!r:.40}") from error


def whole_number(name: str, value: Any, least: int) -> int:
    """Return `value` as an int; `RequestError` where it is not one (2.4, "2", True) or below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise RequestError(f"{name}: expected a whole number >= {least}, got {value!r}")
    return number


def instance(name: str, value: Any, kind: type, example: str = "") -> None:
    """Raise `RequestError` unless `value` is one of `kind`; example: what would be one."""
    if not isinstance(value, kind):
        received = f"the class {value.__name__}" if isinstance(value, type) else f"{type(value).__name__} {value!r:.40}"
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        such = example and f" such as {example}"
        raise RequestError(f"{name}: expected {article} {kind.__name__}{such}, got {received}")


def refused(array: Array, bad: Array | np.bool_, message: str, received: Array | str | None = None) -> Array:
    """Return the array; where `bad`, `RequestError` at once for concrete values, `eqx.error_if` inside jit.

    The message shows what was received: the array, unless something else is named.
    """
    if isinstance(bad, jax.core.Tracer):
        return eqx.error_if(array, bad, message)
    if bool(bad):
        raise RequestError(f"{message}, got {_shown(array if received is None else received)}")
    return array


def finite(name: str, array: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the array, every entry of which is finite."""
    look = _look_at(array)
    bad = ~look.all(look.isfinite(look.asarray(array)))
    return refused(array, bad, f"{name}: expected finite values", received="nan or infinity")


def positive(name: str, array: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the array, every entry of which is finite and > 0."""
    look = _look_at(array)
    values = look.asarray(array)
    bad = ~look.all((values > 0) & look.isfinite(values))
    return refused(array, bad, f"{name}: expected {'finite values' if array.ndim else 'a finite value'} > 0")


def _look_at(array: Array) -> Any:
    """Return JAX inside jit, else NumPy: every operation of JAX outside of a program is a program of its own."""
    return jnp if isinstance(array, jax.core.Tracer) else np


def _shown(received: Array | str) -> str:
    if isinstance(received, str):
        return received
    values = np.asarray(received)
    return str(values.tolist()) if values.size <= 9 else f"shape {values.shape}"
