"""Calling a PyTorch module from NumPy: float64 in, float64 out, no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from .extras import torch
from .torch_derivatives import Single


def evaluate(module: Any, points: np.ndarray) -> np.ndarray:
    """module(points) as an array. TypeError where the output is not a tensor."""
    library = torch()
    with library.no_grad():
        out = module(library.from_numpy(np.array(points, dtype=float)))
    if not isinstance(out, library.Tensor):
        raise TypeError(f"expected one tensor as output, got {type(out).__name__}")
    return out.numpy()


def single_point(module: Any, batched: bool) -> Single:
    """The module as a function of one point (d,) -> (D,)."""
    if batched:
        return lambda z: module(z[None])[0].reshape(-1)
    return lambda z: module(z).reshape(-1)
