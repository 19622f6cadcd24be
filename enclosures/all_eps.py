"""(gap - c)/eps of a shear for ALL eps in (0, eps0], enclosed piece by piece.

On a piece [a, b] of [0, eps0], with eps a ball: the maximiser is enclosed and certified to be global for
every eps of the piece, so gap is twice differentiable there and its second derivative lies in

    K = I''/I - (I'/I)^2 - h'' + normaliser''       (h = max F, notation of `shear` and `maximiser`).

With gap(t) and gap'(t) enclosed to many digits at one rational point t of the piece, Taylor's theorem gives

    (gap - c)/eps in gap'(t) + (gap(t) - c - t gap'(t))/eps + K/2 (eps - t)^2/eps,

where the first terms hold eps once and the last is bounded by its values at the ends. The first piece
contains 0 and takes t = 0, where gap = c and gap' = a_1: it yields a_1 + K/2 eps. Pieces are halved until
their interval is narrow enough. If the hull of all pieces excludes 0, the order of the theorem is exactly 1
for the instance. Claim `enclosure`.
"""

from dataclasses import dataclass

from flint import arb, ctx, fmpq

from ..errors import RequestError
from .balls import dyadic, end_points, hull, interval
from .fixed import StationaryGap, stationary_gap
from .global_maximum import Cell, certify_global_maximum
from .likelihood import likelihood_integrals
from .maximiser import Box, EnclosureError, elbo_derivatives, enclose_maximiser
from .shear import ShearInstance, normaliser

PIECE_BITS = 64
# Enough for a remainder term: the quadrature of a ball-valued integrand gains nothing from more.
PIECE_ACCURACY = 20
CENTRE_DIGITS = 24
SHORTEST_PIECE = fmpq(1, 2**40)


@dataclass(frozen=True)
class Piece:
    """For every eps in (start, end]: (gap - c)/eps in `slope`; the maximiser (m, v) lies in `maximiser`."""

    start: fmpq
    end: fmpq
    centre: fmpq
    slope: arb
    maximiser: Box
    neighbourhood: Cell


@dataclass(frozen=True)
class UniformEnclosure:
    """For every eps in (0, eps0]: (gap - c)/eps in `slope`, the hull of the pieces."""

    instance: ShearInstance
    eps0: fmpq
    slope: arb
    pieces: tuple[Piece, ...]


def second_derivative(instance: ShearInstance, eps: arb, h: arb, box: Box) -> arb:
    """K = gap'' for all eps of a ball with square root h, the maximiser being the stationary point in the box."""
    integral, first, second = likelihood_integrals(instance, eps, h, 2, PIECE_ACCURACY)
    if not integral > 0:
        raise EnclosureError(f"the likelihood is not provably positive for eps in {eps}")
    ratio = first / integral
    return second / integral - ratio * ratio - elbo_derivatives(instance, box, eps)[1] + normaliser(instance, eps)[2]


def slope_on_piece(start: fmpq, end: fmpq, near: StationaryGap, contrast: arb, bend: arb) -> arb:
    """The enclosure of (gap - c)/eps on (start, end] from the Taylor expansion at near.eps, K = bend."""
    centre = near.eps
    if centre == 0:
        return near.slope + bend * interval(0, end) / 2
    reach = max((start - centre) ** 2 / start, (end - centre) ** 2 / end)
    excess = near.gap - contrast - arb(centre) * near.slope
    return near.slope + excess / interval(start, end) + bend * interval(0, reach) / 2


def enclose_all_eps(instance: ShearInstance, eps0: fmpq, width: fmpq) -> UniformEnclosure:
    """Enclose (gap - c)/eps on (0, eps0], halving pieces until each interval is at most `width` wide.

    Raises EnclosureError if a piece shorter than 2^-40 eps0 still fails (then nothing is proved) and
    RequestError for eps0 <= 0 or width <= 0.
    """
    if not (eps0 > 0 and width > 0):
        raise RequestError(f"expected eps0 > 0 and width > 0, got {eps0} and {width}")
    with ctx.workprec(PIECE_BITS):
        stack, pieces = [(fmpq(0), eps0)], []
        guess: Box | None = None
        while stack:
            start, end = stack.pop()
            try:
                piece = enclose_piece(instance, start, end, width, guess)
            except EnclosureError as error:
                if end - start < SHORTEST_PIECE * eps0:
                    raise EnclosureError(f"no enclosure near eps = {end}: {error}") from error
                middle = (start + end) / 2
                stack += [(middle, end), (start, middle)]
            else:
                pieces.append(piece)
                guess = Box(piece.maximiser.mean.mid(), piece.maximiser.variance.mid())
        return UniformEnclosure(instance, eps0, hull([piece.slope for piece in pieces]), tuple(pieces))


def enclose_piece(instance: ShearInstance, start: fmpq, end: fmpq, width: fmpq, guess: Box | None = None) -> Piece:
    """The enclosure on (start, end]; EnclosureError if a proof fails or the interval is wider than `width`."""
    near = stationary_gap(instance, fmpq(0) if start == 0 else (start + end) / 2, CENTRE_DIGITS, guess)
    eps, h = interval(start, end), arb(start).sqrt().union(arb(end).sqrt())
    box = enclose_maximiser(instance, eps, Box(near.box.mean.mid(), near.box.variance.mid()))
    if not (box.mean.contains(near.box.mean) and box.variance.contains(near.box.variance)):
        raise EnclosureError("the stationary point at the centre is not the one enclosed on the piece")
    bend = second_derivative(instance, eps, h, box)
    with ctx.workprec(4 * PIECE_BITS):
        contrast = instance.contrast()
    slope = slope_on_piece(start, end, near, contrast, bend)
    if not 2 * slope.rad() <= arb(width):
        raise EnclosureError(f"the interval of (gap - c)/eps on ({start}, {end}] is wider than {width}")
    return Piece(start, end, near.eps, slope, box, certify_global_maximum(instance, h, box))


def proves_order_one(enclosure: UniformEnclosure) -> bool:
    """True if the hull excludes 0: gap - c is of exact order eps on (0, eps0]."""
    lower, upper = end_points(enclosure.slope)
    return bool(lower > 0 or upper < 0)


def bound(enclosure: UniformEnclosure) -> fmpq:
    """A rational B with |gap - c| <= B eps for all eps in (0, eps0]."""
    return dyadic(enclosure.slope.abs_upper())
