"""Encoders of any origin as one kind of thing: a batch of data (n, D) to means and standard deviations (n, d).

Accepted are JAX callables and `torch.nn.Module`s that map x, of the decoder's output shape or flattened, one point or a
batch of them, to a pair (mean, spread); `spread` says what the second is: std, log-std, var or log-var. No derivatives
are taken.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...errors import RequestError
from ...shell import requests
from .calls import arrays_in, failure
from .extras import is_torch_module
from .wholes import as_module

_AS_STD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "std": lambda s: s,
    "log-std": np.exp,
    "var": np.sqrt,
    "log-var": lambda s: np.exp(0.5 * s),
}
_CHUNK = 256


class Encodings(NamedTuple):
    """Means and standard deviations."""

    mean: Float[np.ndarray, "n d"]
    std: Float[np.ndarray, "n d"]


class Encoder(NamedTuple):
    """The encoder as a function of a batch shaped as it wants it."""

    call: Callable[[np.ndarray], tuple[Any, ...]]
    shape: tuple[int, ...]
    spread: str

    def __call__(self, data: Float[np.ndarray, "n D"]) -> Encodings:
        """Mean and std at every point, in chunks. RequestError where they are not finite or std is not positive."""
        parts = []
        for first in range(0, len(data), _CHUNK):
            chunk = np.asarray(data[first : first + _CHUNK], dtype=float)
            parts.append(self.call(chunk.reshape(-1, *self.shape)))
        means, spreads = (np.concatenate(column).astype(float) for column in zip(*parts, strict=True))
        if not (np.all(np.isfinite(means)) and np.all(np.isfinite(spreads))):
            raise RequestError("encoder: expected finite mean and std, got nan or infinity")
        if self.spread in ("std", "var") and np.min(spreads) <= 0:
            raise RequestError(
                f"encoder: expected {self.spread} > 0, got {np.min(spreads):.3g} (a logarithm? see --encoder-output)"
            )
        return Encodings(means, _AS_STD[self.spread](spreads))


def as_encoder(encoder: Any, latent_dim: int, shape: tuple[int, ...], spread: str = "std") -> Encoder:
    """Make an `Encoder`, tried on zeros; RequestError where it is none for data of that shape and latent dimension."""
    requests.one_of("encoder output", spread, _AS_STD)
    if not callable(encoder):
        raise RequestError(f"encoder: expected a callable x -> (mean, std), got {type(encoder).__name__}")
    batch = _batch_calls(encoder)
    size = int(np.prod(shape))
    problems = []
    for call in batch:
        for wanted in dict.fromkeys((shape, (size,))):
            try:
                out = call(np.zeros((2, *wanted)))
            except Exception as error:
                problems.append(failure(error))
                continue
            if not (isinstance(out, tuple) and len(out) == 2):
                problems.append(f"got {len(out) if isinstance(out, tuple) else 1} outputs")
            elif any(part.shape != (2, latent_dim) for part in out):
                problems.append(f"got outputs of shape {' and '.join(str(part.shape[1:]) for part in out)}")
            else:
                return Encoder(call, wanted, spread)
    raise RequestError(
        f"encoder: expected x of shape {shape} to a pair (mean, {spread}), each of shape ({latent_dim},), {problems[0]}"
    )


def _batch_calls(encoder: Any) -> list[Callable[[np.ndarray], tuple]]:
    """The ways to call it on a batch: as it is, and mapped over single points."""
    encoder = as_module(encoder)
    if is_torch_module(encoder):
        from .extras import torch

        module = copy.deepcopy(encoder).eval().double().requires_grad_(False)

        def of_torch(batch: np.ndarray) -> tuple:
            library = torch()
            with library.no_grad():
                out = module(library.from_numpy(np.ascontiguousarray(batch)))
            return tuple(np.asarray(part) for part in _pair(out))

        return [of_torch]

    def of_batch(batch: np.ndarray) -> tuple:
        return tuple(np.asarray(part) for part in _pair(encoder(jnp.asarray(batch))))

    mapped = eqx.filter_jit(jax.vmap(lambda x: tuple(_pair(encoder(x)))))

    def of_points(batch: np.ndarray) -> tuple:
        return tuple(np.asarray(part) for part in mapped(jnp.asarray(batch)))

    return [of_points, of_batch]


def _pair(out: Any) -> tuple:
    if isinstance(out, Mapping):  # pythae's ModelOutput, among others
        return tuple(arrays_in(out).values())
    return tuple(out) if isinstance(out, tuple | list) else (out,)
