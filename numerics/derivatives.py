"""Derivative tensors by nested forward mode.

Notation: J (D, d), H (D, d, d), T (D, d, d, d), Q (D, d, d, d, d) are the first to fourth
derivatives of the decoder; l1 (d,), l2 (d, d) gradient and Hessian of the effective log-prior. Dense: meant
for small d.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from .model import LatentModel

Point = Float[Array | np.ndarray, " d"]


def tower(function: Callable, z: Point, order: int) -> tuple[Any, ...]:
    """Return (function(z), its first, ..., its order-th derivative), each with one more trailing axis of size d."""
    levels = [function]
    for _ in range(order):
        levels.append(jax.jacfwd(levels[-1]))
    return tuple(level(z) for level in levels)


def decoder_derivatives(decoder: Callable, z: Point, order: int = 3) -> tuple[Float[Array, "..."], ...]:
    """Return (f, J, H, T) at z, with Q too for order = 4; index order is output first, then derivatives."""
    if not 0 <= order <= 4:
        raise RequestError(f"order: expected 0 to 4, got {order}")
    return tower(decoder, z, order)


def prior_derivatives(model: LatentModel, z: Point) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Return (l1, l2), gradient and Hessian of the effective log-prior at z."""
    return jax.jacfwd(model.log_prior)(z), jax.jacfwd(jax.jacfwd(model.log_prior))(z)
