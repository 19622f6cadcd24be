"""What a run of claims of one's own shares: seed, effort, randomness by name, and what was measured already.

Kept apart from `measurements`, which measures decoders with JAX: a claim in NumPy alone loads neither JAX nor SymPy.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

EFFORTS = {"quick": 1, "standard": 4, "full": 16}
"""How many times as many instances and repetitions each effort has."""


def named_rng(seed: int, *name: str | int) -> np.random.Generator:
    """The generator of this name: independent of every other name's, equal for equal seeds."""
    key = [zlib.crc32(str(part).encode()) for part in name]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class Draws:
    """Randomness by name, and a memory of what was measured: a control is judged on the numbers of its claim."""

    def __init__(self, seed: int = 0, effort: str = "quick"):
        self.seed = seed
        self.scale = EFFORTS[effort]
        self._found: dict[Hashable, Any] = {}

    def rng(self, *name: str | int) -> np.random.Generator:
        """The generator of this name."""
        return named_rng(self.seed, *name)

    def once(self, key: Hashable, build: Callable[[], Any]) -> Any:
        """What `build` returned when it was first asked for under this key."""
        if key not in self._found:
            self._found[key] = build()
        return self._found[key]
