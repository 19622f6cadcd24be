"""The gap of a shear at one rational eps, enclosed to any precision, and its derivative in eps.

gap = log I - max F - log(2 pi e)/2 + normaliser (notation of `shear`). The integral is `likelihood`, the
maximiser `maximiser`, that it is global `global_maximum`. At eps = 0 the same formulas give the contrast and
a_1 (claim `elbo-limit`). Claim `enclosure`.
"""

from dataclasses import dataclass

from flint import arb, ctx, fmpq

from ..errors import RequestError
from .global_maximum import Cell, certify_global_maximum
from .likelihood import likelihood_integrals
from .maximiser import Box, approximate_maximiser, elbo_derivatives, enclose_maximiser, objective
from .shear import ShearInstance, normaliser

# The global maximum needs signs, not digits.
BRANCH_AND_BOUND_BITS = 64
GUARD_BITS = 32


@dataclass(frozen=True)
class StationaryGap:
    """Enclosures at one eps: gap and d gap/d eps as functions of the one stationary point of the ELBO in `box`."""

    eps: fmpq
    gap: arb
    slope: arb
    box: Box


@dataclass(frozen=True)
class FixedGap(StationaryGap):
    """A `StationaryGap` whose stationary point is proved to be the global maximum; `neighbourhood`: the proof's B0."""

    neighbourhood: Cell


def stationary_gap(instance: ShearInstance, eps: fmpq, digits: int, start: Box | None = None) -> StationaryGap:
    """The gap at eps >= 0 to about `digits` decimal digits, if the stationary point that Newton finds is the maximum.

    `start` is a guess of that point. Raises EnclosureError where a proof does not go through and RequestError
    for eps < 0 or digits < 1.
    """
    if eps < 0 or digits < 1:
        raise RequestError(f"expected eps >= 0 and digits >= 1, got eps = {eps} and digits = {digits}")
    with ctx.workprec(digits * 10 // 3 + GUARD_BITS):
        ball = arb(eps)
        box = enclose_maximiser(instance, ball, approximate_maximiser(instance, eps, start))
        integral, integral_slope = likelihood_integrals(instance, ball, ball.sqrt(), 1, ctx.prec)
        extra, extra_slope, _ = normaliser(instance, ball)
        gap = integral.log() - objective(instance, box, ball) - (2 * arb.pi() * arb(1).exp()).log() / 2 + extra
        slope = integral_slope / integral - elbo_derivatives(instance, box, ball)[0] + extra_slope
    return StationaryGap(eps, gap, slope, box)


def gap_at(instance: ShearInstance, eps: fmpq, digits: int = 30) -> FixedGap:
    """The gap at a rational eps >= 0 to about `digits` decimal digits, global maximality proved.

    Raises as `stationary_gap` does.
    """
    found = stationary_gap(instance, eps, digits)
    with ctx.workprec(BRANCH_AND_BOUND_BITS):
        neighbourhood = certify_global_maximum(instance, arb(eps).sqrt(), found.box)
    return FixedGap(found.eps, found.gap, found.slope, found.box, neighbourhood)
