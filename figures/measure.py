"""The measurements behind the figures: the verifier's own, on the batches that a figure asks for.

The same programs, seeds and instances as `verify` uses, so that what one has compiled the other reads back, and what a
figure shows is what was judged. Efforts are the verifier's, and "small" for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import RequestError
from ..proofs_checks.laws import ConvergenceLaw, Law
from ..proofs_checks.measurements import EFFORTS, Effort, Measurements
from ..proofs_checks.programs import Programs

INSTANCES = {"small": 2} | {name: effort.instances for name, effort in EFFORTS.items()}
BATCHES = {"small": (("shear", 1),)}
ALL_BATCHES = (("mlp", 3), ("mlp", 2), ("shear", 2), ("shear", 1))
"""The random decoders (family, d) that figures show."""
SHOWN = 3
"""Instances of a batch that a figure draws: more would hide each other."""


def instances(effort: str) -> int:
    """Instances a batch at this effort; RequestError for an unknown one."""
    if effort not in INSTANCES:
        raise RequestError(f"effort: expected one of {', '.join(EFFORTS)}, got {effort!r}")
    return INSTANCES[effort]


@lru_cache(maxsize=2)
def measurements(effort: str, seed: int, programs: Programs | None = None) -> Measurements:
    """The measurements that figures share: what one has measured, the next one shows."""
    count = instances(effort)
    return Measurements(Effort(count, BATCHES.get(effort, ALL_BATCHES)), seed, programs=programs)


def named(laws: Sequence[Law], name: str) -> ConvergenceLaw:
    """The convergence law of this name among a claim's laws."""
    (found,) = [law for law in laws if law.name == name]
    assert isinstance(found, ConvergenceLaw)
    return found


def records(law: ConvergenceLaw, quantity: str, shown: int = SHOWN) -> list[dict[str, Any]]:
    """Rows of a table, one an instance and noise variance, at most `shown` instances of each family and size.

    difference = measured - limit; predicted = constant eps^order; floor bounds the error of the measurement.
    """
    kept: dict[Any, int] = {}
    found = []
    for i in range(len(law.instances)):
        row = law.instances.row(i)
        kind = (row["family"], row["d"])
        kept[kind] = kept.get(kind, 0) + 1
        if kept[kind] > shown:
            continue
        for e, eps in enumerate(law.eps):
            found.append(
                {"quantity": quantity, **row, "instance": i, "eps": float(eps)}
                | {"measured": float(law.measured[i, e]), "limit": float(law.limit[i])}
                | {"difference": float(law.difference[i, e]), "floor": float(law.floor[i, e])}
                | {"order": float(law.order), "constant": float(law.constant[i])}
                | {"predicted": float(law.constant[i] * np.power(eps, law.order))}
            )
    return found
