"""Elementary SymPy expressions of one symbol as functions of a complex ball, at the working precision of the call.

Rational constants stay exact rationals, so nothing is rounded when the function is built. Where an expression is
not analytic on a ball the result is not finite, as Arb's quadrature demands.
"""

from collections.abc import Callable
from typing import Any

import sympy
from flint import acb, arb

from ..errors import RequestError
from .balls import COMPLEX_BALLS, rational

Scalar = Callable[[acb], Any]


def scalar_function(expression: sympy.Expr, symbol: sympy.Symbol) -> Scalar:
    """The function z -> expression(z); RequestError for floats, unknown functions and other symbols."""
    if expression == symbol:
        return lambda z: z
    if expression.is_Rational:
        constant = rational(str(expression))
        return lambda z: constant
    if expression is sympy.pi:
        return lambda z: arb.pi()
    if expression is sympy.E:
        return lambda z: arb(1).exp()
    parts = [scalar_function(argument, symbol) for argument in expression.args]
    if expression.is_Add:
        return lambda z: sum(part(z) for part in parts)
    if expression.is_Mul:
        return _product(parts)
    if expression.is_Pow and expression.args[1].is_Integer:
        exponent = int(expression.args[1])
        return lambda z: acb(parts[0](z)) ** exponent
    name = "sqrt" if expression.is_Pow and expression.args[1] == sympy.Rational(1, 2) else type(expression).__name__
    if name in COMPLEX_BALLS.functions:
        function = COMPLEX_BALLS.functions[name]
        return lambda z: function(acb(parts[0](z)))
    raise RequestError(f"cannot evaluate {expression} on balls: expected +, *, powers or an elementary function")


def _product(parts: list[Scalar]) -> Scalar:
    first, *rest = parts

    def product(z: acb) -> Any:
        total = first(z)
        for part in rest:
            total = total * part(z)
        return total

    return product
