r"""Claim contrast: the IMA contrast c = sum_k log |J_k| - 1/2 log det J'J: sign, meaning, invariances, equality case.

Triangularisation J = O R (O with orthonormal columns, R upper triangular, positive diagonal) gives A = R'R,
det A = prod R_kk^2 and A_kk = R_kk^2 + sum_(i<k) R_ik^2: every d is decided by sums of squares. d up to 5
is checked, and the induction step. Source: Gresele et al. 2021 (arXiv 2106.05200), 4.4.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import in_ring
from ..algebra.tensors import determinant, independent, symmetric
from ..formulas.contrast import contrast_of_metric, triangular
from ..proof.derivation import Derivation, Shown, Step, argued

LARGEST = 5


def _triangular_contrast(d: int) -> sp.Expr:
    """1/2 sum_k log(1 + sum_(i<k) R_ik^2 / R_kk^2)."""
    upper = triangular(d)
    squares = [sum(upper[i, k] ** 2 for i in range(k)) / upper[k, k] ** 2 for k in range(d)]
    return sum(sp.log(1 + square) for square in squares) / 2


def hadamard_steps() -> tuple[Step, ...]:
    """Hadamard's inequality for d <= 5, the induction step for any d, and the equality case."""
    dimensions = range(1, LARGEST + 1)

    def metric(d: int) -> np.ndarray:
        return triangular(d).T @ triangular(d)

    def in_polynomials(d: int) -> np.ndarray:
        return in_ring({"R": triangular(d)})[1]["R"]

    def volume(d: int) -> Any:
        upper = in_polynomials(d)
        return determinant(upper.T @ upper)

    def excess(d: int) -> tuple[Any, ...]:
        upper = triangular(d)
        return tuple(upper[i, k] ** 2 for k in range(d) for i in range(k)) or (sp.Integer(0),)

    certificates = tuple(
        Step(
            Shown(np.trace(metric(d)), r"\sum_k A_{kk}"),
            Shown(sum(triangular(d)[k, k] ** 2 for k in range(d)), r"\sum_k R_{kk}^2"),
            f"sum of squares, d = {d}: each A_kk exceeds R_kk^2 by the squares above the diagonal of R; equality "
            f"iff R is diagonal, "
            "that is, iff the columns of J are orthogonal",
            relation=">=",
            certificate=excess(d),
        )
        for d in dimensions
    )
    corner, square = sp.symbols("R_nn r2", positive=True)
    size = 3
    known, column = triangular(size), independent("r", (size,))
    bordered = np.full((size + 1, size + 1), sp.Integer(0), dtype=object)
    bordered[:size, :size], bordered[:size, size], bordered[size, size] = known, column, corner
    return (
        Step(
            Shown(lambda: {d: volume(d) for d in dimensions}, r"\det A,\; A = R^\top R"),
            Shown(
                lambda: {d: np.prod(in_polynomials(d).diagonal() ** 2) for d in dimensions},
                r"\prod_k R_{kk}^2",
            ),
            "triangularisation J = O R (Gram-Schmidt): the determinant of a product of triangular matrices, d = 1..5",
            ("J has independent columns",),
        ),
        *certificates,
        Step(
            Shown(
                lambda: {d: contrast_of_metric(metric(d)) for d in range(1, 4)},
                r"\tfrac12\sum_k \log A_{kk} - \tfrac12 \log\det A",
            ),
            Shown(
                lambda: {d: _triangular_contrast(d) for d in range(1, 4)},
                r"\tfrac12\sum_k \log\bigl(1 + \textstyle\sum_{i<k} R_{ik}^2/R_{kk}^2\bigr)",
            ),
            "hence c is a sum of logarithms of numbers >= 1: c >= 0",
        ),
        Step(
            Shown(lambda: determinant(bordered.T @ bordered), r"\det A_{d+1}"),
            Shown(lambda: determinant(known.T @ known) * corner**2, r"\det A_d \cdot R_{d+1,d+1}^2"),
            "induction step: bordering R by a column r and a corner (written for d = 3; the Schur complement of A_d "
            "is the corner squared)",
        ),
        Step(
            Shown(
                sp.log(corner**2 + square) - sp.log(corner**2),
                r"2(c_{d+1} - c_d) = \log A_{d+1,d+1} - \log R_{d+1,d+1}^2",
            ),
            Shown(sp.log(1 + square / corner**2), r"\log(1 + |r|^2/R_{d+1,d+1}^2) \ge 0"),
            "induction: the contrast grows by the logarithm of a number >= 1, for every d",
        ),
    )


def divergence_steps() -> tuple[Step, ...]:
    """c is the KL divergence from the best factorised Gaussian to N(0, A^-1)."""

    def divergence(d: int) -> sp.Expr:
        """KL(N(0, diag(v)) || N(0, A^-1)) = 1/2 [tr(A diag v) - d - sum log v_k - log det A], v_k = 1/A_kk."""
        metric = triangular(d).T @ triangular(d)
        variances = 1 / np.diagonal(metric)
        trace = sum(metric[k, k] * variances[k] for k in range(d))
        return (trace - d - sum(sp.log(v) for v in variances) - sp.log(determinant(metric))) / 2

    v, a = sp.symbols("v A_kk", positive=True)
    u = sp.Symbol("u", real=True)
    weight = sp.exp(-(u**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    density_ratio = (-(u**2) / (2 * v) - sp.log(2 * sp.pi * v) / 2) - (-a * u**2 / 2 - sp.log(2 * sp.pi / a) / 2)
    return (
        Step(
            Shown(sp.Integral(sp.expand(density_ratio) * weight, (u, -sp.oo, sp.oo)), r"KL(N(0,v)\,\|\,N(0,1/A_{kk}))"),
            Shown((a * v - 1 - sp.log(v) - sp.log(a)) / 2, r"\tfrac12 (A_{kk} v - 1 - \log v - \log A_{kk})"),
            "Gaussian integral in one dimension; in d dimensions E u'Au = sum_k A_kk v_k for a factorised q",
        ),
        Step(
            Shown(sp.Derivative((a * v - 1 - sp.log(v)) / 2, v), r"\partial_v \tfrac12(A_{kk} v - 1 - \log v)"),
            Shown((a * v - 1) / (2 * v), r"(A_{kk} v - 1)/(2v)"),
            "the best factorised variance is v_k = 1/A_kk: the derivative changes sign there and only there",
        ),
        Step(
            Shown(
                lambda: {d: divergence(d) for d in (1, 2, 3)},
                r"KL\bigl(N(0, \operatorname{diag}(A)^{-1}) \,\|\, N(0, A^{-1})\bigr)",
            ),
            Shown(
                lambda: {d: contrast_of_metric(triangular(d).T @ triangular(d)) for d in (1, 2, 3)},
                r"c = \tfrac12\sum_k \log A_{kk} - \tfrac12\log\det A",
            ),
            "at the optimum the trace is d and cancels",
        ),
    )


def _cayley() -> np.ndarray:
    """A rational rotation of R^3: (I - K)(I + K)^-1 for skew K; every rotation without eigenvalue -1."""
    r = sp.symbols("r_:3", real=True)
    skew = sp.Matrix([[0, -r[2], r[1]], [r[2], 0, -r[0]], [-r[1], r[0], 0]])
    scale = 1 + sum(entry**2 for entry in r)
    out = (sp.eye(3) - skew) * ((sp.eye(3) + skew).adjugate()) / scale
    return np.array(out.applyfunc(sp.together).tolist(), dtype=object)


def _inversion(d: int) -> tuple[Any, Any]:
    """J'J of x/|x|^2, and the multiple of the identity that it equals."""
    x = sp.symbols(f"x_:{d}", real=True)
    square = sum(v**2 for v in x)
    jacobian = sp.Matrix([v / square for v in x]).jacobian(x)
    return jacobian.T * jacobian, sp.eye(d) / square**2


def invariance_steps() -> tuple[Step, ...]:
    """What leaves the contrast unchanged, and that a rotation of the latents does not."""
    d = 3
    metric = symmetric("A", d, 2)
    scale = sp.symbols("s_:3", positive=True)
    diagonal = np.array(sp.diag(*scale).tolist(), dtype=object)
    swap = metric[np.ix_([2, 0, 1], [2, 0, 1])]
    factor = sp.Symbol("k", positive=True)
    unit = np.array(sp.eye(3).tolist(), dtype=object)
    example = np.array([[1, 0], [0, 2]], dtype=object) * sp.Integer(1)
    turn = np.array([[3, -4], [4, 3]], dtype=object) * sp.Rational(1, 5)
    rotated = (example @ turn).T @ (example @ turn)
    return (
        Step(
            Shown(contrast_of_metric(swap), r"c(J\Pi)"),
            Shown(contrast_of_metric(metric), "c(J)"),
            "permutation of the latents: A -> P'AP permutes the diagonal and keeps the determinant",
        ),
        Step(
            Shown(contrast_of_metric(diagonal @ metric @ diagonal), r"c(J\Lambda)"),
            Shown(contrast_of_metric(metric), "c(J)"),
            "element-wise reparametrisation z_k = h_k(y_k): the factors h_k' leave both terms and cancel",
        ),
        Step(
            Shown(lambda: _cayley().T @ _cayley(), r"O^\top O,\; O = (I-K)(I+K)^{-1}"),
            Shown(unit, "I"),
            "rotations of x in three dimensions, by Cayley's transform: J'O'OJ = J'J, so c(OJ) = c(J)",
        ),
        Step(
            Shown(contrast_of_metric(metric * factor**2), r"c(\lambda O J)"),
            Shown(contrast_of_metric(metric), "c(J)"),
            "scalings, and conformal maps of x, whose Jacobian is at each point a scaling times a rotation",
        ),
        Step(
            Shown(lambda: {d: _inversion(d)[0] for d in (2, 3)}, r"J^\top J,\; f(x) = x/|x|^2"),
            Shown(lambda: {d: _inversion(d)[1] for d in (2, 3)}, r"|x|^{-4} I"),
            "Moebius maps are conformal: inversion is, d = 2, 3, and so are translations, rotations and scalings; c "
            "= 0",
        ),
        Step(
            Shown(
                contrast_of_metric(rotated),
                r"c(J R),\; J = \operatorname{diag}(1,2),\; R = "
                r"\tfrac15\bigl(\begin{smallmatrix}3&-4\\4&3\end{smallmatrix}\bigr)",
            ),
            Shown(sp.log(sp.Rational(73 * 52, 4 * 625)) / 2, r"\tfrac12 \log\tfrac{949}{625} > 0 = c(J)"),
            "a rotation of the latents does change the contrast: example",
        ),
    )


def contrast() -> Derivation:
    """The derivation of claim contrast."""
    remark = argued(
        "Gram-Schmidt",
        "Every J with independent columns is O R with orthonormal columns O and R upper triangular with positive "
        "diagonal, so "
        "that A = J'J = R'R; the contrast depends on A only.",
        "the columns of J are linearly independent (else c is infinite)",
    )
    steps = (remark, *hadamard_steps(), *divergence_steps(), *invariance_steps())
    return Derivation("contrast", "c >= 0, with equality iff the columns of J are orthogonal", steps)
