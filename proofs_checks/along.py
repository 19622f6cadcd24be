"""What a law goes along: a small parameter that falls to zero, or a number that grows, on a geometric grid.

Laws are judged in eps -> 0. A number K that grows is eps = 1 / K: a rate K^-1 is the order 1 in eps and is shown as -1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Real

from ..errors import RequestError
from ..shell import requests

Number = float | int
"""A number as people type it."""

FEWEST = 4
"""Three local orders are the fewest that can be extrapolated and compared."""

PER_DECADE = 3
"""Points of `ladder` in a factor of ten, unless their number is given."""


@dataclass(frozen=True, eq=False)
class Along:
    """A parameter's name, its values from coarse to fine, and whether it grows (K) or falls (eps)."""

    name: str
    values: Real[np.ndarray, " e"] = field(default_factory=lambda: np.zeros(0))
    grows: bool = False

    @property
    def sign(self) -> float:
        """What an order in eps is multiplied by to be an order in this parameter."""
        return -1.0 if self.grows else 1.0

    @property
    def eps(self) -> Float[np.ndarray, " e"]:
        """The small parameter, descending."""
        return 1 / self.values if self.grows else self.values


NOISE_VARIANCE = Along("noise variance")
"""What the built-in claims go along."""


def ladder(name: str, start: Number, stop: Number, points: int | None = None) -> Along:
    """A geometric grid from start to stop, three points a decade unless `points` says how many.

    Descending (eps -> 0) or ascending (K -> infinity). RequestError: not positive, or fewer than four.
    """
    requests.text("ladder, name", name)
    ends = [requests.number(f"ladder {name!r}, {what}", end) for what, end in (("start", start), ("stop", stop))]
    if min(ends) <= 0 or start == stop:
        raise RequestError(f"ladder {name!r}: expected two different positive numbers, got {start!r} and {stop!r}")
    if points is None:
        points = max(FEWEST, round(PER_DECADE * abs(np.log10(start / stop))) + 1)
    requests.whole(f"ladder {name!r}, points", points, FEWEST)
    return Along(name, np.geomspace(start, stop, points), stop > start)


def doubling(name: str, start: int, stop: int) -> Along:
    """start, 2 start, 4 start, ... up to stop: integers; RequestError if there are fewer than four of them."""
    requests.text("doubling, name", name)
    requests.whole(f"doubling {name!r}, start", start, 1)
    requests.number(f"doubling {name!r}, stop", stop)
    values = [int(start)]
    while 2 * values[-1] <= stop:
        values.append(2 * values[-1])
    if len(values) < FEWEST:
        raise RequestError(f"doubling {name!r}: expected at least {FEWEST} values, got {values}")
    return Along(name, np.array(values), True)
