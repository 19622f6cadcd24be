"""The error of the contrast against the condition number of the Jacobian, by three ways of computing it.

This package's (Gram-Schmidt with twice the working precision where it matters), through the Gram matrix A = J'J, whose
condition is the square, and through the determinant of J. Random square matrices with singular values spread evenly in
logarithm; the reference is mpmath with 80 digits from the same float64 entries.
"""

from __future__ import annotations

import mpmath
import numpy as np
from matplotlib.figure import Figure

from ..numerics.contrast import contrast_of_jacobian
from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import log_axis, subplots
from .curves import letter, series
from .data import Data, columns, distinct, where
from .measure import instances

SIZE, DIGITS = 4, 80
CONDITIONS = 10.0 ** np.arange(0, 13, 1.0)
METHODS = {"elbogap": "elbogap", "determinant": "Σ log |Jₖ| − log |det J|", "gram": "through A = JᵀJ"}
LOWEST = 1e-17
CAPTION = (
    "The error of the computed contrast against the condition number of the Jacobian. Through the Gram matrix all "
    "digits are lost at condition 10⁸; this package loses them only as fast as the condition grows."
)


def _reference(matrix: np.ndarray) -> mpmath.mpf:
    with mpmath.workdps(DIGITS):
        exact = mpmath.matrix(matrix.tolist())
        metric = exact.T * exact
        return (sum(mpmath.log(metric[k, k]) for k in range(metric.rows)) - mpmath.log(mpmath.det(metric))) / 2


def _error(value: float, exact: mpmath.mpf) -> float:
    return float(abs(mpmath.mpf(float(value)) - exact))


def _draw(rng: np.random.Generator, condition: float) -> np.ndarray:
    left, right = (np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0] for _ in range(2))
    return left * np.logspace(0, -np.log10(condition), SIZE) @ right


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "error": method, condition, instance, error (absolute; nan where the method gave no finite number)."""
    count = instances(effort)
    conditions = CONDITIONS[::6] if effort == "small" else CONDITIONS
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    J = np.array([[_draw(rng, condition) for _ in range(count)] for condition in conditions])
    lengths = np.sum(np.log(np.linalg.norm(J, axis=-2)), axis=-1)
    gram = np.swapaxes(J, -1, -2) @ J
    values = {
        "elbogap": np.asarray(contrast_of_jacobian(J)),
        "determinant": lengths - np.linalg.slogdet(J)[1],
        "gram": 0.5 * np.sum(np.log(np.diagonal(gram, axis1=-2, axis2=-1)), axis=-1) - 0.5 * np.linalg.slogdet(gram)[1],
    }
    exact = [[_reference(matrix) for matrix in row] for row in J]
    errors = np.array(
        [[list(map(_error, *row)) for row in zip(found, exact, strict=True)] for found in values.values()]
    )
    table = columns(
        method=np.array(list(values))[:, None, None],
        condition=conditions[:, None],
        instance=np.arange(count),
        error=np.where(np.isfinite(errors), errors, np.nan),
    )
    return Data({"error": table}, {"effort": effort, "size": SIZE, "digits": DIGITS}, seed)


def draw(data: Data) -> Figure:
    """Worst error a condition number as a line, every matrix as a point."""
    figure, ((axes,),) = subplots()
    for index, method in enumerate(distinct(data["error"], "method")):
        rows, (color, marker) = where(data["error"], method=method), series(index)
        condition, error = rows.column("condition"), np.maximum(rows.column("error"), LOWEST)
        axes.plot(condition, error, marker, color=color, alpha=0.35, markersize=2.2, markeredgewidth=0)
        levels = distinct(rows, "condition")
        worst = [np.nanmax(error[condition == level], initial=LOWEST) for level in levels]
        axes.plot(levels, worst, marker, linestyle="-", color=color, markersize=3, label=METHODS[method])
    log_axis(axes, "x")
    log_axis(axes)
    letter(axes, "digits of the contrast")
    axes.set_xlabel("condition number of J")
    axes.set_ylabel("absolute error of the contrast")
    axes.legend(
        loc="upper left", title="worst of the matrices (points: each)", title_fontsize=points(6.8), alignment="left"
    )
    axes.set_ylim(LOWEST / 3, 1e6)
    return figure
