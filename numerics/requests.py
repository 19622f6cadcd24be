"""What a caller may pass, checked once: real numbers, whole numbers, shapes, finite and positive values.

Concrete values are refused by `ValueError`, values inside `jit` by `eqx.error_if`; the one line says what was wrong,
what was expected and what came.
"""

import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def real_array(name: str, value: ArrayLike) -> Float[Array, "..."]:
    """Return `value` as floats; `ValueError` for what is complex or no number, or one truth value."""
    if isinstance(value, bool):
        raise ValueError(f"{name}: expected real numbers, got {value}")
    try:
        array = jnp.asarray(np.asarray(value) if isinstance(value, int | float | np.ndarray | np.generic) else value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected real numbers, got {type(value).__name__} {value!r:.40}") from error
    if jnp.iscomplexobj(array):
        raise ValueError(f"{name}: expected real numbers, got {array.dtype}")
    return array.astype(jnp.result_type(float))


def whole_number(name: str, value: Any, least: int) -> int:
    """Return `value` as an int; `ValueError` where it is not one (2.4, "2", True) or below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name}: expected a whole number >= {least}, got {value!r}")
    return number


def instance(name: str, value: Any, kind: type, example: str = "") -> None:
    """Raise `ValueError` unless `value` is one of `kind`; example: what would be one."""
    if not isinstance(value, kind):
        received = f"the class {value.__name__}" if isinstance(value, type) else f"{type(value).__name__} {value!r:.40}"
        raise ValueError(f"{name}: expected a {kind.__name__}{example and ' such as ' + example}, got {received}")


def refused(array: Array, bad: Array | np.bool_, message: str, received: Array | str | None = None) -> Array:
    """Return the array; where `bad`, `ValueError` at once for concrete values, `eqx.error_if` inside jit.

    The message shows what was received: the array, unless something else is named.
    """
    if isinstance(bad, jax.core.Tracer):
        return eqx.error_if(array, bad, message)
    if bool(bad):
        raise ValueError(f"{message}, got {_shown(array if received is None else received)}")
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
