"""Which of a decoder's outputs are meant: by name, or the two in order where a likelihood needs two parameters.

Two outputs (a mean with a dispersion, a mean with a log-variance) become one array with a last axis of length two. They
are broadcast against each other first: a dispersion (D,) that does not depend on z may stand beside a mean (n, D).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from ...errors import RequestError
from .calls import arrays_in, is_array, listed
from .extras import is_torch_module, torch

Choice = Callable[[Any], Any]


def choosing(decoder: Any, names: tuple[str, ...], pair: str | None) -> Any:
    """The decoder with the outputs `names` for all of its own (all that there are, where none is named).

    pair: what two outputs are, such as "mean and dispersion", where two are needed; None where one is.
    """
    if not names and pair is None:
        return decoder
    wanted = 1 if pair is None else 2
    if names and len(names) != wanted:
        there = "one output" if pair is None else f"two outputs ({pair})"
        raise RequestError(f"output: expected the name of {there}, got {', '.join(names)}")

    def choice(value: Any) -> Any:
        parts = [_named(value, name) for name in names] if names else _two(value, pair)
        return parts[0] if pair is None else _stacked(*parts)

    return _adapted(decoder, choice)


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
        raise RequestError(f"decoder: expected two outputs, {pair}, got {len(arrays)} ({there})")
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

    decoder: Any
    choice: Choice = eqx.field(static=True)

    def __call__(self, z: Any) -> Any:
        return self.choice(self.decoder(z))


def _adapted(decoder: Any, choice: Choice) -> Any:
    if not is_torch_module(decoder):
        return _Adapted(decoder, choice) if isinstance(decoder, eqx.Module) else lambda z: choice(decoder(z))

    class Adapted(torch().nn.Module):  # type: ignore[name-defined,misc]
        """A PyTorch module with a choice after it."""

        def __init__(self) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, z: Any) -> Any:
            """The chosen output."""
            return choice(self.decoder(z))

    return Adapted()
