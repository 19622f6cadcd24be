"""The gap of a shear at one rational eps, enclosed to any precision, and its first two derivatives in eps.

gap = log I - max F - log(2 pi e)/2 + normaliser (notation of `shear`). The integral is `evidence`, the maximiser
`maximiser`, that it is global `global_maximum`. At eps = 0 the same formulas give the contrast and a_1 (T5). Claim T22.
"""

from dataclasses import dataclass

from flint import arb, ctx, fmpq

from .evidence import evidence_integrals
from .global_maximum import Cell, certify_global_maximum
from .maximiser import (
    Box,
    approximate_maximiser,
    elbo_derivatives,
    enclose_maximiser,
    objective,
)
from .shear import ShearInstance, normaliser

# The global maximum needs signs, not digits.
BRANCH_AND_BOUND_BITS = 64
GUARD_BITS = 32


@dataclass(frozen=True)
class FixedGap:
    """Enclosures at one eps: gap, d gap/d eps, the maximiser (m, v) and the region of the global-maximality proof."""

    eps: fmpq
    gap: arb
    slope: arb
    maximiser: Box
    neighbourhood: Cell


def gap_at(instance: ShearInstance, eps: fmpq, digits: int = 30, start: Box | None = None) -> FixedGap:
    """The gap at eps >= 0 to about `digits` decimal digits; `start` is a guess of the maximiser.

    Raises EnclosureError where a proof does not go through and ValueError for eps < 0 or digits < 1.
    """
    if eps < 0 or digits < 1:
        raise ValueError(f"expected eps >= 0 and digits >= 1, got eps = {eps} and digits = {digits}")
    with ctx.workprec(digits * 10 // 3 + GUARD_BITS):
        ball = arb(eps)
        h = ball.sqrt()
        centre = approximate_maximiser(instance, eps, start)
        box = enclose_maximiser(instance, ball, centre)
        with ctx.workprec(BRANCH_AND_BOUND_BITS):
            neighbourhood = certify_global_maximum(instance, arb(eps).sqrt(), box)
        integral, integral_slope = evidence_integrals(instance, ball, h, 1, ctx.prec)
        extra, extra_slope, _ = normaliser(instance, ball)
        gap = integral.log() - objective(instance, box, ball) - (2 * arb.pi() * arb(1).exp()).log() / 2 + extra
        slope = integral_slope / integral - elbo_derivatives(instance, box, ball)[0] + extra_slope
    return FixedGap(eps, gap, slope, box, neighbourhood)
