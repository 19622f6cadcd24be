r"""Claim rectangular: more observed than latent variables, on and off the manifold.

Off the manifold (x = f(g) + nu, J'nu = 0) the general theorem holds with M = J'J - nu.H, positive definite below the
focal radius. Source: new here.
"""

from typing import Any

import sympy as sp

from ..algebra.indices import formula
from ..formulas.gaussian import POTENTIAL_THIRD
from ..formulas.other_noise import RESIDUAL
from ..proof.derivation import Bound, Derivation, Shown, Step, argued
from ..steps.other_noise import SHAPES, decoder_ring, displacements, orders


def _off_manifold(shape: tuple[int, int]) -> list[Any]:
    """Orders 1..4 in w of |f(g + w) - f(g) - nu|^2 / 2 without its constant; order 1 is -nu.Jw, which vanishes."""
    _, known = decoder_ring(*shape)
    first, second, third, fourth = displacements(*shape)
    nu, half = known["nu"], sp.QQ(1, 2)
    return [
        first @ first * half - nu @ second,
        first @ second - nu @ third,
        second @ second * half + first @ third - nu @ fourth,
    ]


def rectangular() -> Derivation:
    """The derivation of rectangular."""
    second, third, fourth = RESIDUAL
    shapes = [shape for shape in SHAPES if shape[1] > shape[0]]
    steps = (
        argued(
            "nearest point",
            "Off the manifold g is the nearest preimage: J'nu = 0 for nu = x - f(g), so the first order of V "
            "vanishes, V(g) = |nu|^2/2 joins "
            "the constant C, and M > 0 below the focal radius. The general theorem then applies with the tensors "
            "below.",
            "g is the unique nearest point and M is positive definite",
        ),
        Step(
            Shown(
                lambda: {shape: _off_manifold(shape) for shape in shapes},
                r"\tfrac12 |f(g+w) - f(g) - \nu|^2 - \tfrac12|\nu|^2,\ \text{orders } 2, 3, 4",
            ),
            Shown(
                lambda: {shape: orders(RESIDUAL, shape) for shape in shapes},
                r"\tfrac12 M(w,w),\ \tfrac16 V^{(3)}(w,w,w),\ \tfrac1{24} V^{(4)}(w,w,w,w)",
            ),
            f"Taylor expansion of f: {second.text()}; {third.text()}; {fourth.text()}",
            ("J'nu = 0",),
        ),
        *(
            Step(
                Shown(
                    lambda rule=rule: {
                        s: rule.total(decoder_ring(*s)[1] | {"nu": decoder_ring(*s)[1]["nu"] * 0}) for s in shapes
                    },
                    rf"{rule.left_latex()}\ \text{{at}}\ \nu = 0",
                ),
                {s: Bound(short, decoder_ring(*s)[1]) for s in shapes},
                f"on the manifold the residual vanishes: {rule.symbol} reduces to the square case",
            )
            for rule, short in (
                (second, formula("M_ab", metric="J_ia J_ib")),
                (third, POTENTIAL_THIRD),
            )
        ),
    )
    return Derivation("rectangular", "more observed than latent variables, on and off the manifold", steps)
