r"""Claim local-identifiability: how fast the contrast grows when a decoder with orthogonal columns is deformed.

J'J = diag(a) at every z, phi_t the flow of a field X, phi_t = z + t X + O(t^2). The metric of f o phi_t is
Dphi' diag(a(phi)) Dphi, whose off-diagonal entries are t (a_i d_j X_i + a_j d_i X_j) + O(t^2), so that

    c(f o phi_t) = t^2/2 sum_{i<j} (a_i d_j X_i + a_j d_i X_j)^2 / (a_i a_j) + O(t^3).

A rotation of N(0, I) keeps the density and costs nothing to this order iff the a_k of the rotated latents are equal.
Source: Buchholz et al. 2022 (arXiv 2208.06406, by its abstract) for conformal maps; the second variation is new here.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant
from ..proof.derivation import Derivation, Shown, Step, argued

T = sp.Symbol("tau", real=True)


def second_variation(a: Any, X: Any) -> Any:
    """1/2 sum_{i<j} (a_i X_ij + a_j X_ji)^2 / (a_i a_j), X_ij = d_j X_i."""
    d = len(a)
    pairs = [(i, j) for i in range(d) for j in range(i + 1, d)]
    return sum((a[i] * X[i][j] + a[j] * X[j][i]) ** 2 / (a[i] * a[j]) for i, j in pairs) / 2


@cache
def _symbols(d: int) -> tuple[list, list, list, list]:
    """a_k, the first and second order of a along the flow and of Dphi."""
    a = list(sp.symbols(f"a_:{d}", positive=True))
    moved = list(sp.symbols(f"b_:{d}", real=True))
    X = [[sp.Symbol(f"X_{i}{j}", real=True) for j in range(d)] for i in range(d)]
    Y = [[sp.Symbol(f"Y_{i}{j}", real=True) for j in range(d)] for i in range(d)]
    return a, moved, X, Y


@cache
def _metric(d: int) -> np.ndarray:
    """Dphi' diag(a + tau b) Dphi with Dphi = I + tau X + tau^2 Y."""
    a, moved, X, Y = _symbols(d)
    D = np.array([[int(i == j) + T * X[i][j] + T**2 * Y[i][j] for j in range(d)] for i in range(d)], dtype=object)
    return D.T @ np.diag([one + T * other for one, other in zip(a, moved, strict=True)]) @ D


def _off_diagonal(d: int) -> tuple[Any, Any]:
    """[tau^0], [tau^1] of the off-diagonal entries."""
    a, _, X, _ = _symbols(d)
    left, right = {}, {}
    for i in range(d):
        for j in range(i + 1, d):
            entry = _metric(d)[i, j]
            left[i, j] = [entry.subs(T, 0), sp.diff(entry, T).subs(T, 0)]
            right[i, j] = [0, a[i] * X[i][j] + a[j] * X[j][i]]
    return left, right


def _curvature(d: int) -> tuple[Any, Any]:
    """Coefficients 0, 1, 2 in e of the contrast of a metric with unit diagonal and off-diagonal e E_ij."""
    e = sp.Symbol("tau", real=True)
    E = [
        [sp.Symbol(f"C_{min(i, j)}{max(i, j)}", real=True) if i != j else sp.Integer(0) for j in range(d)]
        for i in range(d)
    ]
    matrix = np.array([[sp.Integer(int(i == j)) + e * E[i][j] for j in range(d)] for i in range(d)], dtype=object)
    contrast = -sp.log(sp.expand(determinant(matrix))) / 2
    left = [sp.diff(contrast, e, n).subs(e, 0) / sp.factorial(n) for n in range(3)]
    return left, [0, 0, sum(E[i][j] ** 2 for i in range(d) for j in range(i + 1, d)) / 2]


def local_identifiability() -> Derivation:
    """The derivation of claim local-identifiability."""
    a, _, _, _ = _symbols(2)
    omega = sp.Symbol("w", real=True)
    rotated = second_variation(a, [[sp.Integer(0), -omega], [omega, sp.Integer(0)]])
    steps = (
        Step(
            Shown(
                lambda: {d: _off_diagonal(d)[0] for d in (2, 3)},
                r"[t^0], [t^1]\,(D\phi^\top\operatorname{diag}(a)D\phi)_{ij}",
            ),
            Shown(lambda: {d: _off_diagonal(d)[1] for d in (2, 3)}, r"0,\ a_i\,\partial_j X_i + a_j\,\partial_i X_j"),
            "metric of the deformed decoder: changes of a along the flow and the flow's second order do not enter",
        ),
        Step(
            Shown(
                lambda: {d: _curvature(d)[0] for d in (2, 3)},
                r"[e^n]\,c(I + eE),\; n = 0, 1, 2,\ \operatorname{diag} E = 0",
            ),
            Shown(lambda: {d: _curvature(d)[1] for d in (2, 3)}, r"0,\ 0,\ \tfrac12\textstyle\sum_{i<j} E_{ij}^2"),
            "the contrast near an orthogonal frame is half the sum of squared cosines, E_ij = metric_ij/sqrt(a_i a_j)",
        ),
        Step(
            Shown(rotated, r"\tfrac12(a_0\,\partial_1 X_0 + a_1\,\partial_0 X_1)^2/(a_0a_1),\; X = \omega(-z_1, z_0)"),
            Shown(omega**2 * (a[0] - a[1]) ** 2 / (2 * a[0] * a[1]), r"\omega^2(a_0 - a_1)^2/(2a_0a_1)"),
            "rotations, symmetries of N(0, I): undetected iff the columns have equal lengths, f conformal in the plane",
        ),
        argued(
            "which deformations are spurious",
            "A flow with div(p0 X) = 0 keeps the density of the latents, hence of the data at every noise (claim "
            "spurious-solutions); by elbo-limit its ELBO is lower by the contrast it makes.",
            "X complete",
        ),
    )
    return Derivation("local-identifiability", "the second variation of the contrast", steps)
