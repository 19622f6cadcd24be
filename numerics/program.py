"""A function as the program that it is now: what a function reads may change between two calls.

Notation: f(z) = p(c, z), p the jaxpr, c the constants, which are what f closes over. JAX remembers what it has traced
by the function's identity: of weights that were trained further in the same object, or a global that was bound again,
it would take the old values. Here every call traces anew, and programs are compared by p and c.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun
from jaxtyping import Array, Inexact

# What a program prints by its name only.
_UNREADABLE = ("custom_", "callback", "ffi_call", "pallas")


def traced_now(function: Callable[[Array], Array], size: int, dtype: Any) -> ClosedJaxpr:
    """The program of a function of one vector."""
    return jax.make_jaxpr(lambda z: function(z))(jax.ShapeDtypeStruct((size,), dtype))  # a function that JAX never met


class Program:
    """p: equal if it reads the same; with what does not read (a rule for derivatives) only from the same origin."""

    def __init__(self, jaxpr: Jaxpr, origin: Any):
        self.jaxpr = jaxpr
        self.text = str(jaxpr)
        self.origin = origin if any(word in self.text for word in _UNREADABLE) else None

    def __call__(self, constants: list, z: Inexact[Array | np.ndarray, " d"]) -> Inexact[Array, " D"]:
        """p(c, z)."""
        (value,) = jaxpr_as_fun(ClosedJaxpr(self.jaxpr, constants))(z)
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.text == other.text and self.origin is other.origin

    def __hash__(self) -> int:
        return hash(self.text)


class Frozen:
    """z -> p(c, z), for programs that hold c as numbers: equal if p is and c is the same."""

    def __init__(self, function: Callable[[Array], Array], size: int, dtype: Any):
        program = traced_now(function, size, dtype)
        self.program = Program(program.jaxpr, function)
        # An array of NumPy may change under our hands.
        self.constants = [np.array(c) if isinstance(c, np.ndarray) else c for c in program.consts]

    def __call__(self, z: Inexact[Array | np.ndarray, " d"]) -> Inexact[Array, " D"]:
        """f(z)."""
        return self.program(self.constants, z)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frozen) or self.program != other.program:
            return False
        return all(map(_same, self.constants, other.constants))

    def __hash__(self) -> int:
        return hash(self.program)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    return one is other
