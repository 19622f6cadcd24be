"""How a claim's laws are put together from the shared table: one row an instance, batches one below the other.

The functions `measured`, `limit`, `constant` and `floor` take a `Batch`; a control passes others than its claim. Rows
of `potential` are predicted by theory's `general_...` formulas, in the derivatives of the potential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .batch import Batch
from .formulas import Blocks, Factors
from .instances import Instances
from .laws import ConvergenceLaw, IdentityLaw

EPS64 = float(np.finfo(np.float64).eps)
LIMIT_ROUND_OFF = 8 * EPS64
"""A predicted limit is a sum of a few logarithms of magnitude at most one: a few units in the last place."""

PerBatch = Callable[[Batch], np.ndarray]


def nothing(batch: Batch) -> np.ndarray:
    """The limit 0, or the constant 0."""
    return np.zeros(len(batch.instances))


def rows(batches: Sequence[Batch]) -> Instances:
    """The descriptions of all rows."""
    return Instances.join([batch.instances for batch in batches])


def convergence(
    name: str,
    batches: Sequence[Batch],
    measured: PerBatch,
    floor: PerBatch,
    *,
    limit: PerBatch = nothing,
    constant: PerBatch = nothing,
    order: float = 1.0,
    spacing: float = 1.0,
) -> ConvergenceLaw:
    """The law  measured - limit = constant eps^order + O(eps^(order + spacing))  over all rows of the batches."""

    def join(part: PerBatch) -> np.ndarray:
        return np.concatenate([part(batch) for batch in batches])

    predicted = join(limit)
    return ConvergenceLaw(
        name=name,
        instances=rows(batches),
        eps=batches[0].eps,
        measured=join(measured),
        limit=predicted,
        order=order,
        constant=join(constant),
        floor=join(floor) + LIMIT_ROUND_OFF * (1 + np.abs(predicted[:, None])),
        spacing=spacing,
    )


def identity(name: str, batches: Sequence[Batch], left: PerBatch, right: PerBatch, tolerance: PerBatch) -> IdentityLaw:
    """The law left = right over all rows and noise variances of the batches."""
    join = [np.concatenate([part(batch) for batch in batches]) for part in (left, right, tolerance)]
    return IdentityLaw(name, rows(batches), *join)


def gap_law(
    name: str, batches: Sequence[Batch], *, limit: PerBatch, constant: PerBatch, order: float = 1.0
) -> ConvergenceLaw:
    """The law  gap - limit = constant eps^order + ...  over all rows of the batches."""
    return convergence(
        name,
        batches,
        measured=lambda batch: batch.gap,
        floor=lambda batch: batch.gap_error,
        limit=limit,
        constant=constant,
        order=order,
    )


def predicted(name: str, blocks: Blocks = None, factors: Factors = None, **replaced: PerBatch) -> PerBatch:
    """A prediction as a function of the batch: terms weighted by `factors`, arguments replaced by those given."""

    def value(batch: Batch) -> np.ndarray:
        arguments: dict[str, Any] = {argument: change(batch) for argument, change in replaced.items()}
        return batch.predict(name, factors, blocks=blocks, **arguments)

    return value


def zeros(argument: str) -> PerBatch:
    """Zero in the place of an argument of a prediction."""
    return lambda batch: np.zeros_like(batch.derivatives[argument])


def without_prior(name: str, **replaced: PerBatch) -> PerBatch:
    """A prediction for a constant log-prior."""
    arguments: dict[str, Any] = {"l1": zeros("l1"), "l2": zeros("l2")} | replaced
    return predicted(name, **arguments)


def limit_law(
    name: str,
    batches: Sequence[Batch],
    *,
    limit: PerBatch | None = None,
    slope: PerBatch | None = None,
    order: float = 1.0,
) -> ConvergenceLaw:
    """gap - contrast(M) has order 1 and constant a1, unless another limit, constant or order is claimed."""
    return gap_law(
        name,
        batches,
        limit=limit or predicted("general_contrast"),
        constant=slope or predicted("general_gap_slope"),
        order=order,
    )


def flipped(name: str, batch: Batch) -> dict[str, float]:
    """Factors that flip the sign of every term of a prediction."""
    return dict.fromkeys(batch.terms(name), -1.0)
