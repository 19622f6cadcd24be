"""Calling a PyTorch module from NumPy, float64 in, float64 out; and the ways to its derivatives.

Attention runs by plain operations here: the fused kernels have no forward mode.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .calls import output_of
from .derivative_checks import Rules
from .extras import torch
from .torch_derivatives import ONE_AT_A_TIME, ROUTES, Single, derivative
from .torch_written_out import written_out


def private_copy(module: Any, points: np.ndarray) -> Any:
    """A copy in evaluation mode, in float64 and on the CPU, without gradients; the module stays as it is."""
    # Frozen before, not after: the parameters of a copy of a scripted module are no leaves, and cannot be.
    frozen = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        return _copied(module, points).eval().double().cpu()
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def _copied(module: Any, points: np.ndarray) -> Any:
    try:
        return copy.deepcopy(module)
    except RuntimeError:
        # Old weight norm keeps a product of parameters, which only copies once it was made without gradients.
        library, training = torch(), [part.training for part in module.modules()]
        parameter = next(module.parameters())
        with library.no_grad():
            module.eval()(library.as_tensor(points[:1], dtype=parameter.dtype, device=parameter.device))
        for part, mode in zip(module.modules(), training, strict=True):
            part.training = mode
        return copy.deepcopy(module)


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attention by matrix products and softmax."""
    library = torch()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast = library.backends.mha.get_fastpath_enabled()
    library.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        library.backends.mha.set_fastpath_enabled(fast)


def evaluate(module: Any, points: np.ndarray) -> np.ndarray:
    """module(points) as an array. RequestError where the output is not one tensor."""
    library = torch()
    with library.no_grad(), plain_attention():
        out = output_of(module(library.from_numpy(np.array(points, dtype=float))))
    return out.numpy()


def single_point(module: Any, batched: bool) -> Single:
    """The module as a function of one point (d,) -> (D,)."""

    def single(z: Any) -> Any:
        with plain_attention():
            return (output_of(module(z[None]))[0] if batched else output_of(module(z))).reshape(-1)

    return single


def torch_ways(single: Single) -> dict[str, tuple[Single, str]]:
    """Function and route by name, in the order in which they are tried: the cheapest first."""
    written = written_out(single)
    forward, *others = ROUTES
    ways = {forward: (single, forward), "written out": (written, forward)}
    ways |= {name: (single, name) for name in others} | {"written out, reverse": (written, "reverse")}
    return ways | {f"forward{ONE_AT_A_TIME}": (single, f"forward{ONE_AT_A_TIME}")}


def torch_rules(single: Single, route: str) -> Rules:
    """The derivatives of orders 1 to 3 by a route, for the check."""

    def at(k: int, z: np.ndarray, v: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, float]:
        point, direction, cotangent = z[None], v[None], u[None]
        forward = derivative(single, False, point, *[direction] * k, route=route)[0]
        reverse = derivative(single, True, point, *[direction] * (k - 1), cotangent, route=route)[0]
        return forward, float(reverse @ v)

    return at
