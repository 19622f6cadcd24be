"""Optional dependencies, loaded when they are needed; the error says what to install."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def torch() -> ModuleType:
    """PyTorch; ImportError with the install hint where it is missing."""
    try:
        import torch as library
        import torch.func
    except ImportError as error:
        raise ImportError('PyTorch decoders need torch: pip install "elbogap[torch]"') from error
    return library


def is_torch_module(value: Any) -> bool:
    """Whether `value` is a `torch.nn.Module`; does not import torch, which then is already loaded."""
    library = sys.modules.get("torch")
    return library is not None and isinstance(value, library.nn.Module)
