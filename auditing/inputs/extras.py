"""Optional dependencies, loaded when they are needed; the error says what to install."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any


@cache
def torch() -> ModuleType:
    """PyTorch; ImportError with the install hint where it is missing."""
    try:
        import torch as library
        import torch.func
    except ImportError as error:
        raise ImportError('PyTorch decoders need torch: pip install "elbogap[torch]"') from error
    # The first forward derivative loads a part of torch that warns of its own deprecations.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        one = library.ones(())
        library.func.jvp(library.sin, (one,), (one,))
    return library


def is_torch_module(value: Any) -> bool:
    """Whether `value` is a `torch.nn.Module`; does not import torch, which then is already loaded."""
    library = sys.modules.get("torch")
    return library is not None and isinstance(value, library.nn.Module)
