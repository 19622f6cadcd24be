"""Arrays that use memory again, in processes that were started to give every page back.

glibc maps a large block from the system and unmaps it when it is freed. What counts as large grows with use, up to 32
MiB (mallopt(3), M_MMAP_THRESHOLD), but stays at 128 KiB in a process with MALLOC_TRIM_THRESHOLD_ in its environment,
as Dask starts its workers: each operation on a larger array then maps, clears and unmaps its pages, a quarter of the
time of what is measured here. `reuse_memory` sets both limits to what they grow to.

The other way round, what XLA needs to make a large program stays with the process when it is freed, in pieces between
what is still in use; `give_back` returns those pages to the system.
"""

import ctypes
import os
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20
"""glibc's own limit for the second; it keeps twice that at the top of its heap."""


@cache
def reuse_memory() -> bool:
    """Let this process keep what it frees, where glibc was told not to and nothing else was asked for.

    Returns whether it was done: not on another system, nor where MALLOC_MMAP_THRESHOLD_ is set as well.
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    mallopt = _of_c_library("mallopt")
    return bool(mallopt and mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, 2 * _LARGEST))


def give_back() -> bool:
    """Return the pages of freed memory to the system; whether there were any, False where the C library cannot."""
    malloc_trim = _of_c_library("malloc_trim")
    return bool(malloc_trim and malloc_trim(0))


def _of_c_library(name: str) -> Any:
    """A function of the C library, None where it has none of this name or cannot be asked."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
