"""Bounds |e(z)| <= C exp(b |z|), for all real z, of an elementary expression e of one symbol.

They carry the tails of Gaussian expectations, where quadrature stops. The rules are structural: constants, the
symbol itself (|z| <= exp |z|), sums, products, powers, bounded functions, exp of an affine or bounded argument,
log(1 + exp), and reciprocals of sums with a positive floor. Anything else raises ValueError.
"""

from dataclasses import dataclass

import sympy
from flint import arb

from .balls import rational

BOUNDED = {sympy.tanh: 1, sympy.sin: 1, sympy.cos: 1, sympy.erf: 1, sympy.atan: 2}


@dataclass(frozen=True)
class Growth:
    """|e(z)| <= factor exp(rate |z|), both exact and non-negative upper bounds."""

    factor: arb
    rate: arb

    def __add__(self, other: "Growth") -> "Growth":
        return Growth(self.factor + other.factor, self.rate.max(other.rate))

    def __mul__(self, other: "Growth") -> "Growth":
        return Growth(self.factor * other.factor, self.rate + other.rate)


def growth(expression: sympy.Expr, symbol: sympy.Symbol) -> Growth:
    """The bound of an expression of one real symbol; ValueError where no rule applies."""
    if expression.is_Rational:
        return Growth(abs(_number(expression)), arb(0))
    if expression in (sympy.pi, sympy.E):
        return Growth(arb(4), arb(0))
    if expression == symbol:
        return Growth(arb(1), arb(1))
    if expression.is_Add or expression.is_Mul:
        first, *rest = (growth(argument, symbol) for argument in expression.args)
        for bound in rest:
            first = first + bound if expression.is_Add else first * bound
        return first
    if expression.is_Pow:
        return _power(expression, symbol)
    if type(expression) in BOUNDED:
        return Growth(arb(BOUNDED[type(expression)]), arb(0))
    if isinstance(expression, sympy.exp | sympy.sinh | sympy.cosh):
        return _exponential(expression.args[0], symbol)
    if isinstance(expression, sympy.asinh):
        return growth(expression.args[0], symbol)
    if isinstance(expression, sympy.log):
        remainder = expression.args[0] - 1
        if isinstance(remainder, sympy.exp):
            return Growth(arb(1), arb(0)) + growth(remainder.args[0], symbol)  # softplus(t) <= log 2 + |t|
    raise ValueError(
        f"no growth bound known for {expression}: expected elementary functions of at most exponential growth"
    )


def _number(expression: sympy.Expr) -> arb:
    return arb(rational(str(expression)))


def _power(expression: sympy.Expr, symbol: sympy.Symbol) -> Growth:
    base, exponent = expression.args
    if exponent.is_Integer and exponent > 0:
        bound = growth(base, symbol)
        total = bound
        for _ in range(int(exponent) - 1):
            total = total * bound
        return total
    if exponent.is_Integer:
        floor = _floor(base)
        if floor > 0:
            return Growth(1 / _number(sympy.Rational(floor)) ** int(-exponent), arb(0))
    if exponent == sympy.Rational(1, 2):
        return Growth(arb(1), arb(0)) + growth(base, symbol)  # sqrt(t) <= 1 + t
    raise ValueError(f"no growth bound known for {expression}: expected a base bounded away from 0")


def _exponential(argument: sympy.Expr, symbol: sympy.Symbol) -> Growth:
    """exp, sinh and cosh of an affine argument a + b z (<= exp(|a| + |b| |z|)) or of a bounded one."""
    polynomial = argument.as_poly(symbol)
    if polynomial is not None and polynomial.degree() <= 1 and all(c.is_Rational for c in polynomial.all_coeffs()):
        slope, offset = polynomial.nth(1), polynomial.nth(0)
        return Growth(abs(_number(offset)).exp(), abs(_number(slope)))
    bound = growth(argument, symbol)
    if bound.rate > 0:
        raise ValueError(f"exp({argument}) grows faster than exp(b |z|): no Gaussian tail bound")
    return Growth(bound.factor.exp(), arb(0))


def _floor(expression: sympy.Expr) -> sympy.Rational:
    """A lower bound of the expression for real arguments; negative where none is known."""
    if expression.is_Rational:
        return sympy.Rational(expression)
    if isinstance(expression, sympy.exp):
        return sympy.Integer(0)
    if isinstance(expression, sympy.cosh):
        return sympy.Integer(1)
    if expression.is_Pow and expression.args[1].is_Integer and expression.args[1] > 0 and expression.args[1] % 2 == 0:
        return sympy.Integer(0)
    if expression.is_Add:
        floors = [_floor(argument) for argument in expression.args]
        return sum(floors, sympy.Integer(0)) if all(floor >= 0 for floor in floors) else sympy.Integer(-1)
    return sympy.Integer(-1)


def gaussian_tail(bound: Growth, mean: arb, deviation: arb, limit: arb, power: int) -> arb:
    """A bound of int_{|u|>U} |u|^power |e(mean + deviation u)| phi(u) du, phi the standard normal density.

    |e| <= C exp(b |mean|) exp(s |u|), s = b |deviation|, and |u|^power <= power! exp(|u|), so the integral is at most
    2 C power! exp(b |mean| + t^2/2) Q(U - t), t = s + 1, Q the normal tail.
    """
    rate = bound.rate * abs(deviation) + 1
    normal_tail = ((limit - rate) / arb(2).sqrt()).erfc() / 2
    return 2 * bound.factor * arb(power).fac() * (bound.rate * abs(mean) + rate * rate / 2).exp() * normal_tail
