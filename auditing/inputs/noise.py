"""The noise variance as users have it: numbers, an array, a callable of z in JAX or PyTorch, or a `Noise`.

A callable is written as scale times shape, the scale its mean over points and outputs, so that eps means for it what it
means for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from ...numerics.noise import Noise, StateNoise
from .calls import failure
from .extras import is_torch_module

DEFAULT = 1e-3
DECODED: dict[str, Callable[[Array], Array]] = {
    "std": lambda s: s**2,
    "log-std": lambda s: jnp.exp(2 * s),
    "var": lambda s: s,
    "log-var": jnp.exp,
}
"""What the second output of a decoder may be, and the variance that it stands for."""


class _Divided(eqx.Module):
    """fn(z) / scale."""

    function: Callable
    scale: float

    def __call__(self, z: Float[Array, " d"]) -> Float[Array, "..."]:
        return jnp.asarray(self.function(z)) / self.scale


def noise_for(noise_var: Any, size: int, points: Float[np.ndarray, "n d"]) -> Any:
    """What `LatentModel` takes as noise of a decoder with `size` outputs; RequestError where it does not fit.

    A callable is tried at `points`: variances (), (size,) or (size, size), all positive.
    """
    if noise_var is None:
        return DEFAULT
    if isinstance(noise_var, StateNoise):
        variances_at(noise_var, points, size)
        return noise_var
    if isinstance(noise_var, Noise):
        return noise_var
    if not callable(noise_var):
        if np.shape(noise_var) not in ((), (size,), (size, size)):
            raise RequestError(
                f"noise_var: expected a scalar or one value for each of {size} outputs, got shape {np.shape(noise_var)}"
            )
        return noise_var
    noise = StateNoise(1.0, _from_torch(noise_var, points) if is_torch_module(noise_var) else noise_var)
    variances_at(noise, points, size)
    return noise


def rescaled(noise: StateNoise, scale: float) -> StateNoise:
    """The same noise, written with this scale."""
    return StateNoise(scale, _Divided(noise.fn, scale / float(noise.scale)))


def variances_at(noise: StateNoise, points: Float[np.ndarray, "n d"], size: int) -> Float[np.ndarray, "n outputs"]:
    """The variances (of a covariance its diagonal) at every point; RequestError unless all are positive."""
    try:
        found = np.asarray(jax.lax.map(lambda z: jnp.asarray(noise.fn(z)) * noise.scale, jnp.asarray(points)))
    except Exception as error:
        raise RequestError(f"noise_var: expected a callable of z (d,) that JAX can trace, {failure(error)}") from error
    if found.shape[1:] not in ((), (size,), (size, size)):
        raise RequestError(f"noise_var(z): expected shape (), ({size},) or ({size}, {size}), got {found.shape[1:]}")
    values = np.diagonal(found, axis1=1, axis2=2) if found.ndim == 3 else found.reshape(len(points), -1)
    smallest = np.linalg.eigvalsh(found)[:, 0] if found.ndim == 3 else np.min(values, axis=1)
    if not np.all(np.isfinite(values)) or not np.all(smallest > 0):
        bad = int(np.argmin(np.where(np.isfinite(smallest), smallest, -np.inf)))
        place = np.array2string(points[bad][:4], precision=3)
        raise RequestError(f"noise_var(z): expected variances > 0, got {smallest[bad]:.3g} at z = {place}")
    return values


def _from_torch(module: Any, points: np.ndarray) -> Callable:
    from .torch_derivatives import jax_function
    from .torch_module import evaluate, private_copy, single_point

    module = private_copy(module, points)
    try:
        shape = evaluate(module, points[:1]).shape[1:]
    except Exception as error:
        raise RequestError(f"noise_var: expected a module of z of shape (1, d), {failure(error)}") from error
    function = jax_function(single_point(module, True), int(np.prod(shape)))
    return lambda z: function(z).reshape(shape)
