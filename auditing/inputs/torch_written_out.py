"""PyTorch normalisations written out: derivatives of the built-in ones are wrong from the second order on.

In PyTorch 2.13 forward mode over `layer_norm` or `instance_norm` takes the saved mean and deviation for constants: the
first derivative is right, the second silently wrong, and reverse mode inside does not mend the third. Under this mode
both are computed as (x - mean) / sqrt(variance + eps), by operations whose derivatives are right at every order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .extras import torch
from .torch_derivatives import Single


def written_out(single: Single) -> Single:
    """The same function of one point, its normalisations written out."""

    def function(z: Any) -> Any:
        with _mode()():
            return single(z)

    return function


def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any, **__: Any) -> Any:
    """`torch.layer_norm` and `torch.nn.functional.layer_norm`."""
    return _affine(_standardised(x, tuple(range(-len(shape), 0)), eps), weight, bias)


def instance_norm(x: Any, mean: Any, var: Any, weight: Any, bias: Any, statistics: bool, eps: float) -> Any:
    """Instance norm over (n, C, ...), by the input's own statistics or the given ones."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    if statistics:
        x = _standardised(x, tuple(range(2, x.ndim)), eps)
    else:
        x = (x - mean.reshape(shape)) / (var.reshape(shape) + eps).sqrt()
    return _affine(
        x, weight if weight is None else weight.reshape(shape), bias if bias is None else bias.reshape(shape)
    )


def _standardised(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    centred = x - x.mean(axes, keepdim=True)
    return centred / ((centred * centred).mean(axes, keepdim=True) + eps).sqrt()


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _functional(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    return instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, eps)


def _native(x: Any, *rest: Any) -> Any:
    """`torch.instance_norm`: x, weight, bias, mean, variance, whether to use the input's, momentum, eps, cudnn."""
    weight, bias, mean, var, stats, _, eps, _ = rest
    return instance_norm(x, mean, var, weight, bias, stats, eps)


@cache
def _mode() -> type:
    library = torch()
    functional = library.nn.functional
    replaced: dict[Callable, Callable] = {library.layer_norm: layer_norm, functional.layer_norm: layer_norm}
    replaced |= {library.instance_norm: _native, functional.instance_norm: _functional}

    class WrittenOut(library.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
            return replaced.get(function, function)(*args, **(kwargs or {}))

    return WrittenOut
