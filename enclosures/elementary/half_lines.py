"""Intervals of the extended real line, [lower, upper] with infinite ends allowed: what a function does at infinity.

Balls cannot hold half a line. An `Unbounded` has exact balls as finite ends and None for an infinite one; every
operation rounds outwards. It knows what `program` needs: sums, products, quotients, powers, elementary functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import no_type_check

from flint import arb

End = arb | None
"""A finite end as an exact ball, or None for an infinite end."""


@no_type_check
@dataclass(frozen=True)
class Unbounded:
    """All reals from `lower` (None: minus infinity) to `upper` (None: plus infinity)."""

    lower: End
    upper: End

    @staticmethod
    def of(value: arb) -> Unbounded:
        """The interval of a ball."""
        if not value.is_finite():
            return Unbounded(None, None)
        return Unbounded(value.lower(), value.upper())

    def __add__(self, other: Unbounded) -> Unbounded:
        lower = None if self.lower is None or other.lower is None else (self.lower + other.lower).lower()
        upper = None if self.upper is None or other.upper is None else (self.upper + other.upper).upper()
        return Unbounded(lower, upper)

    def __neg__(self) -> Unbounded:
        return Unbounded(None if self.upper is None else -self.upper, None if self.lower is None else -self.lower)

    def __sub__(self, other: Unbounded) -> Unbounded:
        return self + (-other)

    def __mul__(self, other: Unbounded) -> Unbounded:
        ends = [
            _product(a, b) for a in ((self.lower, -1), (self.upper, 1)) for b in ((other.lower, -1), (other.upper, 1))
        ]
        lowers, uppers = [low for low, _ in ends], [high for _, high in ends]
        return Unbounded(_least(lowers), _greatest(uppers))

    def __truediv__(self, other: Unbounded) -> Unbounded:
        if other.upper is not None and other.upper < 0:
            return (-self) / (-other)
        if other.lower is None or not other.lower > 0:
            return Unbounded(None, None)
        inverse = Unbounded(arb(0) if other.upper is None else (1 / other.upper).lower(), (1 / other.lower).upper())
        return self * inverse

    def power(self, exponent: int) -> Unbounded:
        """The integer power, exponent >= 1."""
        if exponent % 2 == 0:
            size = self.absolute()
            return Unbounded(_raised(size.lower, exponent, False), _raised(size.upper, exponent, True))
        return Unbounded(_raised(self.lower, exponent, False), _raised(self.upper, exponent, True))

    def absolute(self) -> Unbounded:
        """|x|."""
        if self.lower is not None and self.lower >= 0:
            return self
        if self.upper is not None and self.upper <= 0:
            return -self
        if self.lower is None or self.upper is None:
            return Unbounded(arb(0), None)
        return Unbounded(arb(0), (-self.lower).max(self.upper))

    def increasing(self, function: Callable[[arb], arb], low: End, high: End) -> Unbounded:
        """The image under an increasing function with limits `low` and `high` (None: infinite)."""
        lower = low if self.lower is None else function(self.lower).lower()
        upper = high if self.upper is None else function(self.upper).upper()
        finite = (lower is None or lower.is_finite()) and (upper is None or upper.is_finite())
        return Unbounded(lower, upper) if finite else Unbounded(None, None)

    def bounded_image(self, function: Callable[[arb], arb], low: int, high: int) -> Unbounded:
        """The image under a function with values in [low, high], such as sin."""
        if self.lower is None or self.upper is None:
            return Unbounded(arb(low), arb(high))
        value = function(self.lower.union(self.upper))
        return Unbounded(value.lower().max(arb(low)), value.upper().min(arb(high)))


@no_type_check
def _raised(end: End, exponent: int, up: bool) -> End:
    if end is None:
        return None
    value = end**exponent
    return value.upper() if up else value.lower()


@no_type_check
def _product(a: tuple[End, int], b: tuple[End, int]) -> tuple[End | str, End | str]:
    """The product of two ends, each with the sign of its infinity: (lower, upper), "-" and "+" for infinite ones."""
    (x, sign_x), (y, sign_y) = a, b
    if x is not None and y is not None:
        value = x * y
        return value.lower(), value.upper()
    if (x is not None and x == 0) or (y is not None and y == 0):
        return arb(0), arb(0)
    sign = (sign_x if x is None else (1 if x > 0 else -1)) * (sign_y if y is None else (1 if y > 0 else -1))
    return ("+", "+") if sign > 0 else ("-", "-")


@no_type_check
def _least(ends: list[End | str]) -> End:
    if "-" in ends:
        return None
    return _extreme([end for end in ends if not isinstance(end, str) and end is not None], arb.min)


@no_type_check
def _greatest(ends: list[End | str]) -> End:
    if "+" in ends:
        return None
    return _extreme([end for end in ends if not isinstance(end, str) and end is not None], arb.max)


@no_type_check
def _extreme(ends: list[arb], choose: Callable[[arb, arb], arb]) -> End:
    if not ends:
        return None
    total = ends[0]
    for end in ends[1:]:
        total = choose(total, end)
    return total


UNBOUNDED_FUNCTIONS: dict[str, Callable[[Unbounded], Unbounded]] = {
    "exp": lambda x: x.increasing(arb.exp, arb(0), None),
    "log": lambda x: (
        x.increasing(arb.log, None, None) if x.lower is not None and x.lower > 0 else Unbounded(None, None)
    ),
    "sqrt": lambda x: (
        x.increasing(arb.sqrt, None, None) if x.lower is not None and x.lower >= 0 else Unbounded(None, None)
    ),
    "tanh": lambda x: x.increasing(arb.tanh, arb(-1), arb(1)),
    "sinh": lambda x: x.increasing(arb.sinh, None, None),
    "cosh": lambda x: x.absolute().increasing(arb.cosh, None, None),
    "asinh": lambda x: x.increasing(arb.asinh, None, None),
    "atan": lambda x: x.increasing(arb.atan, arb(-2), arb(2)),
    "erf": lambda x: x.increasing(arb.erf, arb(-1), arb(1)),
    "sin": lambda x: x.bounded_image(arb.sin, -1, 1),
    "cos": lambda x: x.bounded_image(arb.cos, -1, 1),
    "tan": lambda x: Unbounded(None, None),
}
