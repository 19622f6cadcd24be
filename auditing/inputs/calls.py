"""What is asked of a user's function first: it can be called, depends on z alone, and fails in one line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...errors import RequestError

_DETERMINISTIC = 1e-9  # relative: round-off of a float64 network; dropout and noise are far above
_BATCH = 1e-4  # relative: a batched product may round differently, also in float32
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # Keras writes for a terminal
_HERE = str(Path(__file__).parents[1])


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


def is_array(value: Any) -> bool:
    """Whether it is an array or a tensor."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def arrays_in(value: Any) -> dict[Any, Any]:
    """The arrays in a tuple, a mapping or a model's output, by name or index."""
    if isinstance(value, Mapping):
        named = dict(value)
    elif isinstance(value, tuple | list):
        named = dict(enumerate(value))
    else:
        named = vars(value) if hasattr(value, "__dict__") else {}
    return {name: part for name, part in named.items() if is_array(part)}


def listed(arrays: dict[Any, Any]) -> str:
    """Names and shapes."""
    return ", ".join(f"{name} {tuple(part.shape)}" for name, part in arrays.items())


def output_of(value: Any) -> Any:
    """The array that a decoder returned, also where it is the only one in a tuple, a mapping or a model's output.

    RequestError that names what there is where there are several.
    """
    if is_array(value):
        return value
    arrays = arrays_in(value)
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    if arrays:
        raise RequestError(
            f"decoder: expected one array or one tensor as output, got {len(arrays)} ({listed(arrays)}): name one, "
            "as in --output NAME or lambda z: decoder(z)[0], or say what both are (--noise-var log-var, --observation)"
        )
    raise RequestError(f"decoder: expected one array or one tensor as output, got {type(value).__name__}")


def check_output(value: Any, d: int) -> None:
    """RequestError unless the output is one floating array with at least d entries."""
    if not jnp.issubdtype(_type_of(value), jnp.floating):
        raise RequestError(f"decoder: expected floating output, got {value.dtype}")
    if prod(value.shape) < d:
        raise RequestError(f"decoder: expected at least as many outputs as latents, D >= {d}, got {tuple(value.shape)}")


def _type_of(value: Any) -> Any:
    """The NumPy type of an array; of a tensor, whose type has another class, by its name."""
    return np.dtype(str(value.dtype).removeprefix("torch."))


def said_by(error: Exception) -> str:
    """The message of an exception in one line, without advice on whom to tell."""
    plain = _COLOURS.sub("", str(error))
    return " ".join(plain.split()).split(" Please file an issue")[0].split(" because it has not been implement")[0]


def failure(error: Exception) -> str:
    """What went wrong in a user's own code, with file and line, in one line."""
    text = said_by(error)
    shown = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and _HERE not in frame.filename]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"got {shown}{where}"


def _short(point: np.ndarray) -> str:
    return np.array2string(point[:4], precision=3) + ("..." if len(point) > 4 else "")
