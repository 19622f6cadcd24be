r"""Steps from V3, V4, M to the decoder's J, H, T for Gaussian noise on the manifold (x = f(g), V = |f - x|^2 / 2).

An identity of its own: V is expanded from the Taylor polynomial of f; then every general formula of
`formulas.general` is shown equal to the decoder-level formula of `formulas.gaussian`. B (the inverse of A = J'J)
and s (1/A_kk) are independent symbols: the inverse of J'J is never expanded. Checked for (d, D) = (1, 1),
(2, 2), (2, 3), (3, 3). Source: claims general-limit (its Gaussian case), encoder-mean, encoder-variance,
likelihood-limit, elbo-limit, rectangular.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import contract, in_ring
from ..algebra.tensors import adjugate, determinant, independent, symmetric
from ..formulas import gaussian as noise
from ..formulas import general
from ..proof.derivation import Bound, Shown, Step

SHAPES = ((1, 1), (2, 2), (2, 3), (3, 3))


def label(shape: tuple[int, int]) -> str:
    """``d=2, D=3``."""
    return f"d={shape[0]}, D={shape[1]}"


@cache
def decoder_ring(d: int, data_dim: int) -> tuple[Any, dict[str, np.ndarray]]:
    """The ring and tensors J, H, T, l1, l2, B (symmetric), s, m, and the displacement w."""
    arrays = {"J": independent("J", (data_dim, d)), "H": symmetric("H", d, 2, data_dim)}
    arrays |= {"T": symmetric("T", d, 3, data_dim), "l1": symmetric("l1", d, 1), "l2": symmetric("l2", d, 2)}
    arrays |= {"B": symmetric("B", d, 2), "s": independent("s", (d,)), "m": independent("m", (d,))}
    arrays |= {"b": independent("b", (d,)), "w": independent("w", (d,)), "V3": symmetric("V3", d, 3)}
    return in_ring(arrays)


@cache
def general_components(d: int, data_dim: int) -> dict[str, Any]:
    """The tensors of the general theorem in terms of J, H, T: V3, V4, M, and S = diag(s), N = B, P = I."""
    ring, known = decoder_ring(d, data_dim)
    diagonal = np.array([[known["s"][a] if a == b else ring.zero for b in range(d)] for a in range(d)], dtype=object)
    mask = np.array([[ring(int(a == b)) for b in range(d)] for a in range(d)], dtype=object)
    derived = {
        "V3": noise.POTENTIAL_THIRD.total(known),
        "V4": noise.POTENTIAL_FOURTH.total(known),
        "M": known["J"].T @ known["J"],
    }
    return known | derived | {"S": diagonal, "N": known["B"], "P": mask}


def _potential_orders(shape: tuple[int, int]) -> list[Any]:
    """Orders 2, 3, 4 in the displacement w of |f(g + w) - f(g)|^2 / 2."""
    _ring, known = decoder_ring(*shape)
    w = known["w"]
    first, second, third = (
        np.array([contract(known[key][i], w) * sp.QQ(1, k) for i in range(shape[1])], dtype=object)
        for key, k in (("J", 1), ("H", 2), ("T", 6))
    )
    half = sp.QQ(1, 2)
    return [first @ first * half, first @ second, second @ second * half + first @ third]


def _potential_tensors(shape: tuple[int, int]) -> list[Any]:
    """The same orders from M, V3, V4: V^(n)(w, ..., w) / n!."""
    known = general_components(*shape)
    return [contract(known[key], known["w"]) * sp.QQ(1, k) for key, k in (("M", 2), ("V3", 6), ("V4", 24))]


def _cases(build: Any) -> Any:
    return lambda: {label(shape): build(shape) for shape in SHAPES}


def potential_steps() -> tuple[Step, ...]:
    """V2, V3, V4 of the Gaussian potential."""
    return (
        Step(
            Shown(
                _cases(_potential_orders),
                r"\tfrac12\bigl|J w + \tfrac12 H(w,w) + \tfrac16 T(w,w,w)\bigr|^2,\ \text{orders } 2, 3, 4",
            ),
            Shown(
                _cases(_potential_tensors),
                r"\tfrac12 w^\top M w,\ \tfrac16 V^{(3)}(w,w,w),\ \tfrac1{24} V^{(4)}(w,w,w,w),\quad M = J^\top J = A",
            ),
            f"Taylor polynomial of f squared; {noise.POTENTIAL_THIRD.text()}; {noise.POTENTIAL_FOURTH.text()}",
            ("Gaussian noise, x = f(g)",),
        ),
    )


def mean_substitution() -> tuple[Step, ...]:
    """The force and the mean shift in J, H."""

    def bound(formula: Any) -> Any:
        return {label(shape): Bound(formula, decoder_ring(*shape)[1]) for shape in SHAPES}

    def force(shape: tuple[int, int]) -> Any:
        known = general_components(*shape)
        return general.FORCE.total(known | {"Q": known["S"]})

    def shift(shape: tuple[int, int]) -> Any:
        return general.MEAN_SHIFT.total(general_components(*shape))

    return (
        Step(
            Shown(_cases(force), general.FORCE.latex() + r",\ Q = \operatorname{diag}(s)"),
            bound(noise.FORCE),
            "substitution of V3; s_k = 1/A_kk for a mean-field encoder",
        ),
        Step(
            Shown(_cases(shift), general.MEAN_SHIFT),
            bound(noise.MEAN_SHIFT),
            "substitution of V3 and S = diag(s), M^-1 = A^-1: mu* = g + eps m + O(eps^2)",
        ),
    )


def variance_substitution() -> tuple[Step, ...]:
    """The variance correction t in J, H, T, with the mean shift m."""

    def diagonal(shape: tuple[int, int]) -> Any:
        return np.diagonal(general.COVARIANCE_CORRECTION.total(general_components(*shape))).copy()

    right = {label(shape): Bound(noise.VARIANCE_CORRECTION, decoder_ring(*shape)[1]) for shape in SHAPES}
    return (
        Step(
            Shown(_cases(diagonal), r"T_{kk} = -(S X S)_{kk}"),
            right,
            "substitution of V3, V4, S = diag(s): sigma_k^2 = eps s_k + eps^2 t_k + O(eps^3)",
        ),
    )


def elbo_substitution() -> tuple[Step, ...]:
    """E1 in J, H, T."""

    def slope(shape: tuple[int, int]) -> Any:
        return general.ELBO_SLOPE.total(general_components(*shape))

    right = {label(shape): Bound(noise.ELBO_SLOPE, decoder_ring(*shape)[1]) for shape in SHAPES}
    return (Step(Shown(_cases(slope), general.ELBO_SLOPE), right, "substitution of V4 and S = diag(s)"),)


def likelihood_substitution() -> tuple[Step, ...]:
    """The force at Q = A^-1 and L1 in J, H, T; its last term keeps V3, which is given above."""

    def force(shape: tuple[int, int]) -> Any:
        known = general_components(*shape)
        return general.FORCE.total(known | {"Q": known["N"]})

    def slope(shape: tuple[int, int]) -> Any:
        known = general_components(*shape)
        return general.LIKELIHOOD_SLOPE.total(known | {"V3": decoder_ring(*shape)[1]["V3"]})

    def bound(formula: Any) -> Any:
        return {label(shape): Bound(formula, decoder_ring(*shape)[1]) for shape in SHAPES}

    return (
        Step(
            Shown(_cases(force), general.FORCE.latex() + r",\ Q = A^{-1}"),
            bound(noise.LIKELIHOOD_FORCE),
            "substitution of V3 at Q = A^-1",
        ),
        Step(
            Shown(_cases(slope), general.LIKELIHOOD_SLOPE),
            bound(noise.LIKELIHOOD_SLOPE),
            "substitution of V4 and M^-1 = A^-1",
        ),
    )


def inverse_step() -> Step:
    """adj(M)/det(M) is the inverse that the exported predictions use, for d = 1, 2, 3."""

    def product(d: int) -> Any:
        matrix = symmetric("M", d, 2)
        return matrix @ adjugate(matrix)

    def multiple(d: int) -> Any:
        matrix = symmetric("M", d, 2)
        return determinant(matrix) * np.array(sp.eye(d).tolist(), dtype=object)

    return Step(
        Shown(lambda: {f"d={d}": product(d) for d in (1, 2, 3)}, r"M \operatorname{adj}(M)"),
        Shown(lambda: {f"d={d}": multiple(d) for d in (1, 2, 3)}, r"\det(M)\, I"),
        "Cramer's rule: how inverses are evaluated",
    )
