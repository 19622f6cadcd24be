"""The base class of decoders: a function R^d -> R^D with parameters, that prints as code which rebuilds it.

Notation: z (d,) latent point, x (D,) observation, f the decoder, J its Jacobian (D, d). Every public decoder
in this folder derives from `Decoder`; its fields are its parameters (leaves of the tree, NumPy or JAX
arrays).
"""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

if TYPE_CHECKING:  # products of a parameter, NumPy or JAX, with a JAX array are JAX arrays; mypy cannot tell
    Vector: TypeAlias = Any
    Matrix: TypeAlias = Any
    Scalar: TypeAlias = Any
else:
    Vector = Float[Array | np.ndarray, "_"]
    Matrix = Float[Array | np.ndarray, "_ _"]
    Scalar = Float[Array | np.ndarray, ""]


class Decoder(eqx.Module):
    """A deterministic decoder f: z (d,) -> x (D,). Subclasses give `__call__` and, where it exists, `inverse`."""

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(z)."""
        raise NotImplementedError

    def inverse(self, x: Float[Array, "D"]) -> Float[Array, "d"]:
        """The z with f(z) = x, for x in the image of f; of a family that is not injective, one such z."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse in closed form")

    def __repr__(self) -> str:
        fields = (f"{field.name}={_code(getattr(self, field.name))}" for field in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(fields)})"


def _code(value: Any) -> str:
    """Python code for a field. `repr` of a float is exact, so the rebuilt arrays are equal to the last bit."""
    if isinstance(value, np.ndarray | np.generic) or eqx.is_array(value):
        try:
            return f"np.array({np.asarray(value).tolist()!r})"
        except Exception:  # a traced array has a shape, but no values to print
            return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_code, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
