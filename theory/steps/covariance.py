r"""Steps to the correction T of the encoder's covariance: Sigma* = eps S + eps^2 T + O(eps^3), T_B = -(S X S)_BB.

Stationarity of F_0 + eps F_2 in the block Q_B gives Q_B^-1 = M_BB + eps X_BB; the inverse is expanded block by block.
Source: claims general-limit, encoder-variance. Encoders: mean field, two blocks and full, d = 1, 2, 3.
"""

from functools import cache
from typing import Any

import numpy as np

from ..algebra.gaussian_moments import in_ring
from ..algebra.tensors import independent, same_block, symmetric
from ..formulas.general import COVARIANCE_CORRECTION, CURVATURE
from ..proof.derivation import Bound, Shown, Step
from .encoder import FAMILIES, FIRST_VARIATION, family_matrices, with_force
from .likelihood import DIMENSIONS


def covariance_steps() -> tuple[Step, ...]:
    """The correction T of the covariance, from stationarity in Q."""

    @cache
    def free_ring(d: int) -> tuple[Any, dict[str, Any]]:
        arrays = {"V3": symmetric("V3", d, 3), "V4": symmetric("V4", d, 4), "Q": independent("Q", (d, d))}
        arrays |= {"l1": symmetric("l1", d, 1), "l2": symmetric("l2", d, 2), "m": independent("m", (d,))}
        return in_ring(arrays | {"M": symmetric("M", d, 2)})

    def derivative(d: int) -> np.ndarray:
        _, known = free_ring(d)
        value = FIRST_VARIATION.total(with_force(known))
        return np.array([[value.diff(known["Q"][a, b]) * -2 for b in range(d)] for a in range(d)], dtype=object)

    def curvature(d: int) -> Bound:
        _, known = free_ring(d)
        return Bound(CURVATURE, known | {"S": known["Q"]})

    def product(name: str) -> tuple[Any, Any]:
        """[eps^0, eps^1] of (M_BB + eps X_BB)(S - eps S X S) within the blocks."""
        matrix, inverse, mask = family_matrices(name)
        shift = symmetric("X", len(matrix), 2) * mask
        inside = matrix * mask
        first = shift @ inverse - inside @ inverse @ shift @ inverse
        return first, first * 0

    @cache
    def correction_ring(name: str) -> dict[str, Any]:
        d, blocks = FAMILIES[name]
        mask = same_block(d, blocks)
        arrays = {"V3": symmetric("V3", d, 3), "V4": symmetric("V4", d, 4), "S": symmetric("S", d, 2) * mask}
        _, known = in_ring(arrays | {"l2": symmetric("l2", d, 2), "m": independent("m", (d,)), "P": mask})
        return known

    def sandwich(name: str) -> Any:
        known = correction_ring(name)
        return (known["S"] @ CURVATURE.total(known) @ known["S"]) * known["P"] * -1

    return (
        Step(
            Shown(lambda: {f"d={d}": derivative(d) for d in DIMENSIONS}, r"-2\,\partial F_2/\partial Q_{ab}"),
            {f"d={d}": curvature(d) for d in DIMENSIONS},
            "differentiation; stationarity of 1/2 log det Q - 1/2 tr(MQ) + eps F_2 in block B: Q_B^-1 = M_BB + eps "
            "X_BB",
        ),
        Step(
            Shown(
                lambda: {name: product(name)[0] for name in FAMILIES},
                r"[\varepsilon^1]\,(M_{BB} + \varepsilon X_{BB})(S_B - \varepsilon S_B X_{BB} S_B)",
            ),
            Shown(lambda: {name: product(name)[1] for name in FAMILIES}, "0"),
            "inverse of a perturbed matrix, block by block",
        ),
        Step(
            Shown(lambda: {name: sandwich(name) for name in FAMILIES}, r"-(S X S)_{BB}"),
            {name: Bound(COVARIANCE_CORRECTION, correction_ring(name)) for name in FAMILIES},
            "substitution of X: Sigma* = eps S + eps^2 T + O(eps^3)",
        ),
    )
