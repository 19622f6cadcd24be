"""The error of the contrast against the condition number, beside the two usual formulas.

Prints the tables of docs/numerics.md. Run: python benchmarks/contrast_accuracy.py

Matrices Q1 diag(s) Q2 with s spaced evenly in logarithm from 1 to 1 / condition, 20 a row; the reference is
mpmath with 80 digits from the float64 entries. Gram: 1/2 sum log A_kk - 1/2 log det A, A = J'J. slogdet: sum
log |J_k| - log |det J|, square J only.
"""

from collections.abc import Callable

import jax
import mpmath
import numpy as np
from elbogap.numerics.contrast import contrast_of_jacobian

COUNT = 20
CONDITIONS = (1e0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12)
CONTRASTS = (1e-2, 1e-6, 1e-10, 1e-14, 1e-18, 1e-24)
SHAPES = ((3, 3), (8, 8), (30, 5))
EPS = np.finfo(np.float64).eps


def reference(jacobian: np.ndarray) -> mpmath.mpf:
    """c in 80 digits."""
    with mpmath.workdps(80):
        matrix = mpmath.matrix(jacobian.tolist())
        metric = matrix.T * matrix
        lengths = sum(mpmath.log(metric[k, k]) for k in range(metric.rows))
        return (lengths - mpmath.log(mpmath.det(metric))) / 2


def accurate(jacobian: np.ndarray) -> float:
    """This package."""
    return float(contrast_of_jacobian(jacobian))


def gram(jacobian: np.ndarray) -> float:
    """Through the Gram matrix, whose condition number is the square."""
    metric = jacobian.T @ jacobian
    return float(0.5 * np.sum(np.log(np.diag(metric))) - 0.5 * np.linalg.slogdet(metric)[1])


def slogdet(jacobian: np.ndarray) -> float:
    """Through the determinant of J itself: square J only."""
    lengths = np.linalg.norm(jacobian, axis=0)
    return float(np.sum(np.log(lengths)) - np.linalg.slogdet(jacobian)[1])


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Random orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def worst(formula: Callable[[np.ndarray], float], matrices: list[np.ndarray], exact: list[mpmath.mpf]) -> float:
    """The largest absolute error."""
    errors = [abs(mpmath.mpf(formula(m)) - c) for m, c in zip(matrices, exact, strict=True)]
    return float(max(errors))


def condition_table() -> None:
    """Largest absolute error by condition number and shape."""
    print("| condition | D, d | elbogap | Gram | slogdet |\n|---|---|---|---|---|")
    for condition in CONDITIONS:
        for rows, columns in SHAPES:
            rng = np.random.default_rng(0)
            singular = np.logspace(0, -np.log10(condition), columns)
            matrices = [
                orthonormal(rng, rows, columns) * singular @ orthonormal(rng, columns, columns) for _ in range(COUNT)
            ]
            exact = [reference(m) for m in matrices]
            square = f"{worst(slogdet, matrices, exact):.0e}" if rows == columns else ""
            ours, usual = worst(accurate, matrices, exact), worst(gram, matrices, exact)
            print(f"| {condition:.0e} | {rows}, {columns} | {ours:.0e} | {usual:.0e} | {square} |")


def orthogonality_table() -> None:
    """Largest relative error near orthogonality, D = 6, d = 4, in units of eps / sqrt(c) for ours."""
    print("\n| contrast | elbogap, relative | in eps / sqrt(c) | Gram, relative |\n|---|---|---|---|")
    for contrast in CONTRASTS:
        rng = np.random.default_rng(0)
        matrices = []
        for _ in range(COUNT):
            upper = np.triu(rng.standard_normal((4, 4)), 1)
            upper *= np.sqrt(2 * contrast) / np.linalg.norm(upper)
            matrices.append(orthonormal(rng, 6, 4) @ (np.eye(4) + upper))
        exact = [reference(m) for m in matrices]
        ours, usual = worst(accurate, matrices, exact) / contrast, worst(gram, matrices, exact) / contrast
        print(f"| {contrast:.0e} | {ours:.0e} | {ours * np.sqrt(contrast) / EPS:.1f} | {usual:.0e} |")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    with np.errstate(divide="ignore", invalid="ignore"):
        condition_table()
        orthogonality_table()
