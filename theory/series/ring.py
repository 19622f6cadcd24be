"""Rings over which one and the same power-series code runs.

A `Ring` says how a SymPy number becomes an element and what exp, log, sin, ... of an element are. Elements
need only `+ - * /` among themselves and with Python integers. Exact rationals know transcendental values at
the points where these are rational (exp 0 = 1, log 1 = 0, ...) and raise `ValueError` elsewhere. Ball
arithmetic is such a ring too; it lives in `elbogap.enclosures.balls`, because it needs python-flint.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import mpmath
import sympy

FUNCTION_NAMES = ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "asinh", "erf", "sqrt")


@dataclass(frozen=True, eq=False)
class Ring:
    """A commutative ring in which numbers of a SymPy expression have a meaning.

    `rational(p, q)` is the element p/q; `functions[name]` maps elements to elements for the names of
    `FUNCTION_NAMES`; `pi` is a function of no argument, because balls depend on the working precision.
    """

    name: str
    rational: Callable[[int, int], Any]
    functions: Mapping[str, Callable[[Any], Any]]
    pi: Callable[[], Any]

    def convert(self, number: Any) -> Any:
        """The element equal to a rational number: a Python integer, a Fraction or a SymPy Rational."""
        if isinstance(number, float | sympy.Float):
            raise ValueError(f"numbers of a series must be exact: expected a rational, got the float {number}")
        exact = sympy.Rational(number)
        return self.rational(int(exact.p), int(exact.q))


# Where the elementary functions have rational values at rational points.
_RATIONAL_VALUES: dict[str, dict[int, int]] = {
    "exp": {0: 1},
    "log": {1: 0},
    "cos": {0: 1},
    "cosh": {0: 1},
} | {name: {0: 0} for name in ("sin", "tan", "tanh", "sinh", "atan", "asinh", "erf")}


def _rational_function(name: str, element: Any) -> Any:
    value = sympy.Rational(int(element.numerator), int(element.denominator))
    if name == "sqrt":
        root = sympy.sqrt(value)
        if root.is_Rational:
            return _rational(int(root.p), int(root.q))
    elif value in _RATIONAL_VALUES[name]:
        return _rational(_RATIONAL_VALUES[name][int(value)], 1)
    raise ValueError(f"exact rationals cannot hold {name}({value}): expected a rational value, use another ring")


def _no_rational_pi() -> Any:
    raise ValueError("exact rationals cannot hold pi: use another ring")


def _rational(numerator: int, denominator: int) -> Any:
    return sympy.QQ(numerator, denominator)  # gmpy2, python-flint or plain Python, whichever SymPy has


RATIONALS = Ring(
    "exact rationals",
    _rational,
    {name: partial(_rational_function, name) for name in FUNCTION_NAMES},
    _no_rational_pi,
)

FLOATS = Ring(
    "float64",
    lambda numerator, denominator: numerator / denominator,
    {name: getattr(math, name) for name in FUNCTION_NAMES},
    lambda: math.pi,
)


@lru_cache
def mpmath_ring(digits: int) -> Ring:
    """Decimal floating point with `digits` significant digits, in an mpmath context of its own."""
    context = mpmath.MPContext()
    context.dps = digits
    return Ring(
        f"mpmath, {digits} digits",
        lambda numerator, denominator: context.mpf(numerator) / denominator,
        {name: getattr(context, name) for name in FUNCTION_NAMES},
        lambda: +context.pi,
    )
