"""Types of PyTorch as types of JAX."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def dtype_of(kind: Any) -> Any:
    """The JAX type of a `torch.dtype`, by its name; None for None."""
    if kind is None:
        return None
    name = str(kind).removeprefix("torch.")
    return jnp.bool_ if name == "bool" else jnp.dtype(name)
