"""Which of a decoder's outputs are meant, and what inputs it takes beside z.

Outputs are named, or taken in order where a likelihood needs two parameters.
Two outputs (a mean with a dispersion, a mean with a log-variance) become one array with a last axis of length two. They
are broadcast against each other first: a dispersion (D,) that does not depend on z may stand beside a mean (n, D).

Inputs (a class label, a library size, a batch index) are those of one point, the same for all: for a batch (n, d) they
are repeated along a first axis, a number to (n,), an array (k,) to (n, k).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ...errors import RequestError
from .calls import arrays_in, is_array, listed
from .extras import is_torch_module, torch
from .wholes import as_module

Choice = Callable[[Any], Any]


def choosing(decoder: Any, names: tuple[str, ...], pair: str | None, inputs: Mapping[str, Any] | None = None) -> Any:
    """The decoder with the outputs `names` for all of its own (all that there are, where none is named).

    pair: what two outputs are, such as "mean and dispersion", where two are needed; None where one is. inputs: what it
    takes beside z, by name.
    """
    fixed = dict(inputs or {})
    if not names and pair is None:
        return _adapted(decoder, lambda value: value, fixed) if fixed and callable(decoder) else decoder
    wanted = 1 if pair is None else 2
    if names and len(names) != wanted:
        there = "one output" if pair is None else f"two outputs ({pair})"
        raise RequestError(f"output: expected the name of {there}, got {', '.join(names)}")

    def choice(value: Any) -> Any:
        parts = [_named(value, name) for name in names] if names else _two(value, pair)
        return parts[0] if pair is None else _stacked(*parts)

    return _adapted(decoder, choice, fixed) if callable(decoder) else decoder


def _named(value: Any, name: str) -> Any:
    """The array at a name, an index, or a path of them with dots."""
    found = value
    for part in name.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, tuple | list) and part.isdigit() and not hasattr(found, part):
            found = found[int(part)] if int(part) < len(found) else None
        else:
            found = getattr(found, part, None)
    if not is_array(found):
        there = listed(arrays_in(value)) or type(value).__name__
        raise RequestError(f"output: expected one of the decoder's outputs ({there}), got {name!r}")
    return found


def _two(value: Any, pair: str | None) -> tuple[Any, Any]:
    arrays = {"the only one": value} if is_array(value) else arrays_in(value)
    if len(arrays) != 2:
        there = listed(arrays) or type(value).__name__
        name = ": name them, as in --output NAME,NAME" if len(arrays) > 2 else ""
        raise RequestError(f"decoder: expected two outputs, {pair}, got {len(arrays)} ({there}){name}")
    first, second = arrays.values()
    return first, second


def _stacked(first: Any, second: Any) -> Any:
    try:
        if isinstance(first, jnp.ndarray) or not hasattr(first, "detach"):
            return jnp.stack(jnp.broadcast_arrays(first, second), axis=-1)
        return torch().stack(torch().broadcast_tensors(first, second), dim=-1)
    except (ValueError, RuntimeError) as error:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise RequestError(f"decoder: expected two outputs of one shape, got {shapes}") from error


class _Adapted(eqx.Module):
    """An Equinox module with a choice after it; its leaves stay leaves."""

    adapted: Any
    choice: Choice = eqx.field(static=True)
    fixed: dict[str, Any] = eqx.field(static=True)

    def __call__(self, z: Any) -> Any:
        return self.choice(self.adapted(z, **_beside(z, self.fixed)))


def _beside(z: Any, fixed: dict[str, Any]) -> dict[str, Any]:
    """The other inputs at a point z (d,), or repeated for a batch (n, d); arrays of z's library."""
    return {name: _repeated(value, z) for name, value in fixed.items()}


def _repeated(value: Any, z: Any) -> Any:
    if not isinstance(value, int | float | np.ndarray | np.generic) or isinstance(value, bool):
        return value
    array = np.asarray(value)
    whole = np.issubdtype(array.dtype, np.integer)
    shape = (*z.shape[:-1], *array.shape)
    if hasattr(z, "detach"):
        kind = torch().int64 if whole else z.dtype
        return torch().as_tensor(array).to(kind).expand(shape)
    return jnp.broadcast_to(jnp.asarray(array, dtype=int if whole else z.dtype), shape)


def _adapted(decoder: Any, choice: Choice, fixed: dict[str, Any]) -> Any:
    decoder = as_module(decoder)
    if not is_torch_module(decoder):
        if isinstance(decoder, eqx.Module):
            return _Adapted(decoder, choice, fixed)
        return lambda z: choice(decoder(z, **_beside(z, fixed)))

    class Adapted(torch().nn.Module):  # type: ignore[name-defined,misc]
        """A PyTorch module with a choice after it."""

        def __init__(self) -> None:
            super().__init__()
            self.adapted = decoder

        def forward(self, z: Any) -> Any:
            """The chosen output."""
            return choice(self.adapted(z, **_beside(z, fixed)))

    return Adapted()
