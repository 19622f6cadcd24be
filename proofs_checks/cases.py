"""The instances over which a claim of one's own is made: drawn at random, or listed.

    @instances(6)                                  cases(s=[0.8, 0.9, 1.15], d=2)
    def quartic(rng):
        return dict(h=rng.uniform(0.7, 2), t=rng.uniform(-0.5, 0.5))

An instance is a dictionary of numbers (or names); they reach every function of the law as keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RequestError
from ..shell import requests
from .draws import Draws
from .instances import Rows


@dataclass(frozen=True, eq=False)
class Cases:
    """A source of instances: `draw(rng)` called `count` times, or the rows listed; `name` is that of the function."""

    name: str
    count: int
    draw: Callable[[np.random.Generator], Mapping[str, Any]] | None = None
    listed: tuple[dict[str, Any], ...] = ()

    def rows(self, draws: Draws, claim: str) -> Rows:
        """The instances of a claim: those listed, or `count` times the effort's factor drawn from the run's seed."""
        if self.draw is None:
            return Rows(self.listed)
        rng = draws.rng("instances", claim)
        found = []
        for _ in range(self.count * draws.scale):
            row = self.draw(rng)
            if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
                raise RequestError(f"instances {self.name!r}: expected a dict of named numbers, got {row!r:.80}")
            found.append(dict(row))
        return Rows(tuple(found))


def instances(count: int) -> Callable[[Callable[[np.random.Generator], Mapping[str, Any]]], Cases]:
    """A decorator: `count` random instances, each made by the function from a generator seeded by the run."""
    requests.whole("instances, count", count, 1)
    return lambda draw: Cases(getattr(requests.function("instances", draw), "__name__", "instances"), count, draw)


def cases(**columns: Any) -> Cases:
    """Instances listed by column: lists of equal length, single values for all rows."""
    lists = {key: list(value) for key, value in columns.items() if isinstance(value, list | tuple | np.ndarray)}
    lengths = {len(values) for values in lists.values()} or {1}
    if len(lengths) > 1 or 0 in lengths:
        shown = ", ".join(f"{key}: {len(values)}" for key, values in lists.items())
        raise RequestError(f"cases: expected lists of one length, at least 1, got {shown}")
    (count,) = lengths
    rows = tuple(
        {key: lists[key][i] if key in lists else value for key, value in columns.items()} for i in range(count)
    )
    return Cases("cases", count, listed=rows)


ONE = Cases("one case", 1, listed=({},))
"""A claim without parameters: one instance."""
