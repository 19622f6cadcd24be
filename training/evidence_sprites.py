"""What the recorded sprites say: the factors are recovered in the IMA palette, and not in one far outside the class.

Findings as in `evidence`: a statistic with its bootstrap interval over the seeds' selected runs, a bound that the whole
interval must satisfy, and a control that must not.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..results import Recorded, recorded
from .findings import Finding
from .metrics import bootstrap

RECOVERED = 0.98  # MCC of the posterior means; this bound and the next were set before the runs were made
ORTHOGONAL = 0.002  # contrast of the mean Jacobian
DROP = 0.02  # of the MCC outside the class: as much as lies between the bound above and perfect recovery


def sprites(result: Recorded | None = None) -> tuple[Finding, ...]:
    """Recovery and contrast in the IMA palette, and the drop outside it, seed by seed."""
    result = result or recorded("sprites")
    inside, hsv, heat = (_selected(result, palette) for palette in ("cosine", "hsv", "heat"))
    drop = _column(inside, "mcc_mean") - _column(heat, "mcc_mean")
    # Control: one half of the seeds against the other, all of them inside the class.
    half = len(inside) // 2
    within = _column(inside[:half], "mcc_mean") - _column(inside[half : 2 * half], "mcc_mean")
    return (
        _finding(
            "median MCC of the posterior means, palette in the IMA class",
            _column(inside, "mcc_mean"),
            RECOVERED,
            "at least",
            "the same with every image paired with the factors of another",
            _column(inside, "mcc_shuffled"),
        ),
        _finding(
            "median contrast of the mean Jacobian, palette in the IMA class",
            _column(inside, "contrast_mean_jacobian"),
            ORTHOGONAL,
            "at most",
            "the same in the palette hsv, outside the class",
            _column(hsv, "contrast_mean_jacobian"),
        ),
        _finding(
            "median drop of the MCC, seed by seed, from the IMA palette to heat, far outside",
            drop,
            DROP,
            "at least",
            "the same between seeds of the IMA palette",
            within,
        ),
    )


def _selected(result: Recorded, palette: str) -> list[dict[str, Any]]:
    """The selected runs of a palette with the full recipe, by seed."""
    rows = result.tables["runs"].records()
    kept = [row for row in rows if row["selected"] and row["palette"] == palette and row["variant"] == "pairs"]
    return sorted(kept, key=lambda row: row["seed"])


def _column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], float)


def _finding(
    statement: str,
    values: np.ndarray,
    bound: float,
    direction: Literal["at least", "at most"],
    control: str,
    control_values: np.ndarray,
) -> Finding:
    interval = bootstrap(values, np.random.default_rng(0))
    median = float(np.median(control_values))
    return Finding("sprites", statement, len(values), *interval, bound, direction, control, median)
