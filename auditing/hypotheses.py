"""What the limit theorems assume, looked at for the audited decoder: which of it holds, fails, or cannot be checked.

The conditions are those of `numerics.conditions`; here they are judged at all points of the audit, from what was found
there: several modes of a posterior refute the separation, columns that are dependent the curvature, a kink the
smoothness.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..numerics.conditions import NAMES, Condition, density, integrability, known_separation, smoothness
from ..numerics.model import LatentModel
from .account import Entry


def hypotheses(
    model: LatentModel, points: np.ndarray, contrast: np.ndarray, entries: Sequence[Entry], kinked: bool
) -> tuple[Condition, ...]:
    """The five conditions over points (n, d) with their contrasts (n,), and the entries of the account."""
    return (
        _separation(model, points, entries),
        _curvature(contrast),
        smoothness(model, kinked),
        density(model),
        integrability(model),
    )


def _separation(model: LatentModel, points: np.ndarray, entries: Sequence[Entry]) -> Condition:
    several = sum(entry.multimodal for entry in entries)
    if several:
        return Condition(NAMES[0], "fails", f"several modes at {several} of {len(entries)} points")
    known = [known_separation(model, point) for point in points]
    if known and all(bound is not None for bound in known):
        least = min(bound.kappa for bound in known if bound is not None)
        return Condition(NAMES[0], "holds", f"kappa >= {least:.3g} at {len(points)} points, from the family's formula")
    seen = f"one mode at each of {len(entries)} points" if entries else "no posterior was looked at"
    return Condition(NAMES[0], "not checkable", f"{seen}; no search shows that there is no other")


def _curvature(contrast: np.ndarray) -> Condition:
    dependent = int(np.sum(~np.isfinite(contrast)))
    if dependent:
        return Condition(NAMES[1], "fails", f"dependent columns at {dependent} of {len(contrast)} points")
    return Condition(NAMES[1], "holds", f"independent columns at {len(contrast)} points")
