"""Balls, exact rationals and their decimal forms.

`BALLS` and `COMPLEX_BALLS` are the rings of the series engine over Arb's real and complex balls; functions
with branch cuts return a non-finite ball where they are not analytic, as `acb.integral` demands. Numbers
enter a bound as rationals (`rational`) or as balls, never as binary floating point. `decimal_interval` rounds
outwards.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import acb, arb, ctx, fmpq, fmpz

from ..errors import RequestError
from ..theory.series.ring import FUNCTION_NAMES, Ring

# End points of a ball are dyadic: with this many bits their conversion loses nothing worth having.
EXACT_BITS = 1024


def rational(value: Any) -> fmpq:
    """The exact rational of an integer, a Fraction, an fmpq or a string such as "-1/5" or "0.25".

    A float is refused: its decimal form would not be what is meant.
    """
    if isinstance(value, fmpq):
        return value
    if isinstance(value, float):
        raise RequestError(
            f"an enclosure needs exact numbers: expected a rational such as '1/10', got the float {value}"
        )
    fraction = Fraction(value)
    return fmpq(fraction.numerator, fraction.denominator)


def hull(balls: Sequence[arb]) -> arb:
    """The smallest ball that contains all the balls given."""
    total = balls[0]
    for ball in balls[1:]:
        total = total.union(ball)
    return total


def interval(lower: Any, upper: Any) -> arb:
    """A ball that contains [lower, upper], for exact rationals or balls."""
    return arb(lower).union(arb(upper))


def dyadic(ball: arb) -> fmpq:
    """The midpoint of a ball as an exact rational."""
    return ball.mid().fmpq()


def end_points(ball: arb) -> tuple[fmpq, fmpq]:
    """Exact rationals lower <= every point of the ball <= upper."""
    with ctx.workprec(EXACT_BITS):
        return dyadic(ball.lower()), dyadic(ball.upper())


def square(ball: arb) -> arb:
    """ball^2, sharp where the ball contains 0: there Arb's power may know nothing."""
    if not ball.contains(0):
        return ball * ball
    size = ball.abs_upper()
    return arb(0).union((size * size).upper())


def inside(inner: arb, outer: arb) -> bool:
    """True if every point of `inner` is an interior point of `outer`."""
    return bool(outer.contains_interior(inner))


def _decimal(numerator: fmpz, places: int) -> str:
    sign, digits = ("-" if numerator < 0 else ""), str(abs(numerator)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def decimal_interval(ball: arb, places: int) -> tuple[str, str]:
    """Decimal strings (lower, upper), rounded outwards to `places` >= 1 digits after the point."""
    if not ball.is_finite():
        raise RequestError(f"an interval must be finite: got {ball}")
    lower, upper = end_points(ball)
    scale = fmpz(10) ** places
    return _decimal((lower * scale).floor(), places), _decimal((upper * scale).ceil(), places)


def shown(ball: arb, digits: int = 4) -> str:
    """An outward-rounded interval "[lower, upper]" with `digits` figures of the ball's radius."""
    places = 1
    radius = ball.rad() if ball.rad() > 0 else arb(2) ** (-EXACT_BITS // 8)
    while places < 10_000 and radius * arb(10) ** places < arb(10) ** (digits - 1):
        places += 1
    return "[{}, {}]".format(*decimal_interval(ball, places))


BALLS = Ring(
    "real balls",
    lambda numerator, denominator: arb(fmpq(numerator, denominator)),
    {name: getattr(arb, name) for name in FUNCTION_NAMES if hasattr(arb, name)},
    arb.pi,
)


def _log(z: acb) -> acb:
    return z.log(analytic=True)


def _atan(z: acb) -> acb:
    turned = z * acb(0, 1)
    return acb(0, fmpq(-1, 2)) * _log((1 + turned) / (1 - turned))


def _sqrt(z: acb) -> acb:
    return z.sqrt(analytic=True)


def _asinh(z: acb) -> acb:
    return _log(z + _sqrt(z * z + 1))


COMPLEX_BALLS = Ring(
    "complex balls",
    lambda numerator, denominator: acb(arb(fmpq(numerator, denominator))),
    {name: getattr(acb, name) for name in FUNCTION_NAMES if hasattr(acb, name)}
    | {"log": _log, "sqrt": _sqrt, "atan": _atan, "asinh": _asinh},
    lambda: acb(arb.pi()),
)
