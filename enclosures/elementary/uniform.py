"""(gap - c)/eps of an elementary decoder for EVERY eps of (0, eps0], enclosed.

gap = log J - sup G - d/2 log(2 pi e). log J is `likelihood_model`. G along a path of encoders is `encoder_model`; that
no encoder does better by more than |grad G|^2/(2 mu) is `maximality`, whose proof at eps0 holds for every smaller eps.
At eps = 0 the gap is the contrast c exactly, so that (gap - c)/eps is a polynomial in eps, with a bounded remainder.
Source: claims `enclosure`, `higher-orders`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

from flint import arb, ctx, fmpq

from ...errors import RequestError
from ..balls import end_points, hull, interval
from ..maximiser import EnclosureError
from .encoder_model import Path, Walk, best_path
from .eps_model import EpsModel, pieces
from .instance import Instance
from .landscape import Barrier, curvature_rings, find_barrier
from .likelihood_model import NOISE_PIECES, REFINEMENTS, likelihood_model
from .maximality import concavity, setting
from .small_noise import ORDERS, Ground, TooWideError

BITS = 96
STEEP_FIRST = tuple(fmpq(n, 10) for n in (6, 5, 7, 4, 3))
"""theta: a steeper growth of V leaves smaller tails."""
WIDTH = fmpq(1, 50)
"""The widest interval of (gap - c)/eps on one piece."""


@dataclass(frozen=True)
class UniformElementary:
    """For every eps of (0, eps0]: (gap - c)/eps in `slope`; `parts`: (start, end, the ball there)."""

    instance: Instance
    eps0: fmpq
    slope: arb
    parts: tuple[tuple[fmpq, fmpq, arb], ...]
    path: Path
    barrier: Barrier
    concavity: arb

    @property
    def order_is_one(self) -> bool:
        """True if the interval excludes 0: gap - c is of exact order eps on (0, eps0]."""
        lower, upper = end_points(self.slope)
        return bool(lower > 0 or upper < 0)


@no_type_check
def enclose_uniform(instance: Instance, eps0: fmpq) -> UniformElementary:
    """Enclose (gap - c)/eps on (0, eps0]; EnclosureError says what was not proved, RequestError refuses eps0 <= 0."""
    if not eps0 > 0:
        raise RequestError(f"expected eps0 > 0, got {eps0}")
    with ctx.workprec(BITS):
        curvature, reason = curvature_rings(instance), None
        for theta in STEEP_FIRST:
            barrier = find_barrier(instance, theta, None)
            if barrier is None:
                continue
            try:
                return _at_some_order(instance, eps0, barrier, curvature)
            except TooWideError:
                raise
            except EnclosureError as error:
                reason = reason or error
        raise reason or EnclosureError("no growth of the misfit away from the point is proved without the prior")


def _at_some_order(instance: Instance, eps0: fmpq, barrier: Barrier, curvature: tuple[arb, ...]) -> UniformElementary:
    """Fewer powers of eps where more of them leave too much: their remainders need higher derivatives."""
    reasons: list[TooWideError] = []
    for order in ORDERS:
        try:
            return _enclosed(Ground(instance, eps0, barrier, order), curvature)
        except TooWideError as error:
            reasons.append(error)
    raise reasons[0]


@no_type_check
def _enclosed(ground: Ground, curvature: tuple[arb, ...]) -> UniformElementary:
    path = best_path(ground)
    encoder = Walk(ground, path).enclosed()
    at_zero = (
        -(arb(ground.instance.latents) + sum((ground.matrix[k][k].log() for k in range(len(ground.matrix))), 0)) / 2
    )
    level = (at_zero + encoder.value.range()).lower()
    mu = concavity(setting(ground.instance, ground.eps0, ground.barrier, all_smaller=True), curvature, level)
    excess = sum((a * a for a in encoder.by_mean), arb(0))
    excess += ground.eps0 * sum((a * a for a in encoder.by_deviation), arb(0))
    better = arb(0).union((excess / (2 * mu)).upper())
    gap = likelihood_model(ground) + encoder.value.scaled(arb(-1))
    slope = EpsModel((*gap.coefficients[1:], gap.remainder), arb(0), ground.eps0)
    parts = tuple((start, end, slope.on(interval(start, end)) - better) for start, end in pieces(ground.eps0))
    for start, end, value in parts:
        if not 2 * value.rad() <= arb(WIDTH):
            raise TooWideError(
                f"the interval of (gap - c)/eps on ({start}, {end}] is wider than {WIDTH}, with {ground.order} powers "
                f"of eps and at most {REFINEMENTS} cuts on each of {NOISE_PIECES} pieces"
            )
    whole = hull([value for _, _, value in parts])
    return UniformElementary(ground.instance, ground.eps0, whole, parts, path, ground.barrier, mu)
