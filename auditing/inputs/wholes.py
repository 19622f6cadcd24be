"""Decoders within larger objects: a method of a PyTorch module as a module, and what in a whole VAE decodes."""

from __future__ import annotations

from typing import Any

from .extras import is_torch_module, torch

_LINEN = " (a Flax Linen module has no parameters: lambda z: model.apply(variables, z))"
_DECODERS = ("decoder", "decode", "dec", "generator", "generative")


def owner_of(value: Any) -> Any:
    """The PyTorch module that a bound method belongs to; None for anything else."""
    owner = getattr(value, "__self__", None)
    return owner if is_torch_module(owner) else None


def as_module(value: Any) -> Any:
    """A method of a PyTorch module (`vae.decode`) as a module whose forward it is; anything else as it is.

    The whole becomes a part, so that a copy in float64 and evaluation mode is one of everything that the method uses.
    """
    owner = owner_of(value)
    if owner is None:
        return value
    function = value.__func__

    class Method(torch().nn.Module):  # type: ignore[name-defined,misc]
        """A PyTorch module whose forward is a method of its part."""

        def __init__(self) -> None:
            super().__init__()
            self.whole = owner

        def forward(self, *arguments: Any, **named: Any) -> Any:
            """What the method gives."""
            return function(self.whole, *arguments, **named)

    return Method()


def names_in(whole: Any) -> list[str]:
    """What an object has by name: of a PyTorch module its parts, of anything else its own attributes."""
    found = dict(whole.named_children()) if is_torch_module(whole) else getattr(whole, "__dict__", {})
    return [name for name in found if not name.startswith("_")]


def hint_of_parts(whole: Any) -> str:
    """Which part of an object, such as a whole VAE, is its decoder, where one has such a name; "" where none has."""
    whole = getattr(whole, "adapted", whole)  # before an output was chosen
    if any(base.__module__.startswith("flax.linen") for base in type(whole).__mro__):
        return _LINEN
    found = [name for name in _DECODERS if callable(getattr(whole, name, None))]
    return f" (one of its parts is {found[0]!r}: audit that, as FILE.py:NAME.{found[0]})" if found else ""


def hint_of_library(error: Exception) -> str:
    """What to give instead of a function that its library does not take as it is; "" where that is not known."""
    text = f"{type(error).__name__} {error}"
    if "TraceContext" in text:
        return " (a Flax NNX module in training mode? call model.eval())"
    if "UnboundModule" in text or "unbound module" in text:
        return _LINEN
    if "must be Tensor" in text:
        return " (a function of PyTorch tensors? name a torch.nn.Module, or its method, as FILE.py:vae.decode)"
    if "required positional argument" in text:
        return " (give what it takes beside z by --with NAME=VALUE)"
    return ""
