"""Bounds |e(z)| <= C exp(sum_k b_k |z_k|), for all real z, of an elementary expression e of some symbols.

They carry the tails of Gaussian expectations, where quadrature stops. The rules are structural: constants, the
symbols themselves (|z| <= exp |z|), sums, products, powers, bounded functions, exp of an affine or bounded argument,
log(1 + exp), and reciprocals of sums with a positive floor. Anything else raises RequestError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from flint import arb

from ..errors import RequestError
from .balls import rational

BOUNDED = {sympy.tanh: 1, sympy.sin: 1, sympy.cos: 1, sympy.erf: 1, sympy.atan: 2}


@dataclass(frozen=True)
class Growth:
    """|e(z)| <= factor exp(sum_k rates_k |z_k|), all exact and non-negative upper bounds."""

    factor: arb
    rates: tuple[arb, ...]

    def __add__(self, other: "Growth") -> "Growth":
        rates = tuple(mine.max(yours) for mine, yours in zip(self.rates, other.rates, strict=True))
        return Growth(self.factor + other.factor, rates)

    def __mul__(self, other: "Growth") -> "Growth":
        rates = tuple(mine + yours for mine, yours in zip(self.rates, other.rates, strict=True))
        return Growth(self.factor * other.factor, rates)


Symbols = Sequence[sympy.Symbol]


def _flat(factor: arb, symbols: Symbols) -> Growth:
    return Growth(factor, (arb(0),) * len(symbols))


def growth(expression: sympy.Expr, symbols: Symbols) -> Growth:
    """The bound of an expression of real symbols; RequestError where no rule applies."""
    if expression.is_Rational:
        return _flat(abs(_number(expression)), symbols)
    if expression in (sympy.pi, sympy.E):
        return _flat(arb(4), symbols)
    if expression in symbols:
        return Growth(arb(1), tuple(arb(1 if symbol == expression else 0) for symbol in symbols))
    if expression.is_Add or expression.is_Mul:
        first, *rest = (growth(argument, symbols) for argument in expression.args)
        for bound in rest:
            first = first + bound if expression.is_Add else first * bound
        return first
    if expression.is_Pow:
        return _power(expression, symbols)
    if type(expression) in BOUNDED:
        return _flat(arb(BOUNDED[type(expression)]), symbols)
    if isinstance(expression, sympy.exp | sympy.sinh | sympy.cosh):
        return _exponential(expression, symbols)
    if isinstance(expression, sympy.asinh):
        return growth(expression.args[0], symbols)
    if isinstance(expression, sympy.log):
        remainder = expression.args[0] - 1
        if isinstance(remainder, sympy.exp):
            return _flat(arb(1), symbols) + growth(remainder.args[0], symbols)  # softplus(t) <= log 2 + |t|
        floor = _floor(expression.args[0])
        if floor > 0:  # |log t| <= |log floor| + t/floor
            return _flat(abs(_number(floor).log()) + 1, symbols) + growth(expression.args[0] / floor, symbols)
    raise RequestError(
        f"no growth bound known for {expression}: expected elementary functions of at most exponential growth"
    )


def _number(expression: sympy.Expr) -> arb:
    return arb(rational(str(expression)))


def _power(expression: sympy.Expr, symbols: Symbols) -> Growth:
    base, exponent = expression.args
    if exponent.is_Integer and exponent > 0:
        bound = growth(base, symbols)
        total = bound
        for _ in range(int(exponent) - 1):
            total = total * bound
        return total
    if exponent.is_Rational and exponent < 0:
        floor = _floor(base)
        if floor > 0:
            return _flat(_number(sympy.Rational(floor)) ** rational(str(exponent)), symbols)
    if exponent.is_Rational and exponent > 0 and _floor(base) >= 0:
        whole = growth(base, symbols) + _flat(arb(1), symbols)  # t^p <= (1 + t)^n, n >= p
        total = whole
        for _ in range(int(sympy.ceiling(exponent)) - 1):
            total = total * whole
        return total
    raise RequestError(f"no growth bound known for {expression}: expected a base bounded away from 0")


def _exponential(expression: sympy.Expr, symbols: Symbols) -> Growth:
    """exp, sinh and cosh of an affine argument a + b.z (<= exp(|a| + |b|.|z|)) or of a bounded one."""
    argument, rest = expression.args[0], sympy.Integer(0)
    rates = []
    for symbol in symbols:
        slope = argument.coeff(symbol) if argument.is_Add or argument.is_Mul or argument == symbol else sympy.Integer(0)
        slope = slope if slope.is_Rational else sympy.Integer(0)
        rates.append(abs(_number(slope)))
        rest += slope * symbol
    bound = growth(sympy.expand(argument - rest), symbols)
    if not all(rate == 0 for rate in bound.rates):
        raise RequestError(f"{expression} grows faster than exp(b |z|): no Gaussian tail bound")
    return Growth(bound.factor.exp(), tuple(rates))


def _floor(expression: sympy.Expr) -> sympy.Rational:
    """A lower bound of the expression for real arguments; negative where none is known."""
    if expression.is_Rational:
        return sympy.Rational(expression)
    if isinstance(expression, sympy.exp | sympy.Abs):
        return sympy.Integer(0)
    if isinstance(expression, sympy.cosh):
        return sympy.Integer(1)
    if expression.is_Pow and expression.args[1].is_Integer and expression.args[1] > 0 and expression.args[1] % 2 == 0:
        return sympy.Integer(0)
    if expression.is_Mul:
        constants = [argument for argument in expression.args if argument.is_Rational]
        others = [_floor(argument) for argument in expression.args if not argument.is_Rational]
        if len(constants) <= 1 and all(floor >= 0 for floor in others) and (not constants or constants[0] > 0):
            return sympy.prod([*constants, *others])
    if expression.is_Add:
        floors = [_floor(argument) for argument in expression.args]
        return sum(floors, sympy.Integer(0)) if all(floor >= 0 for floor in floors) else sympy.Integer(-1)
    return sympy.Integer(-1)


def gaussian_tail(bound: Growth, mean: arb, deviation: arb, limit: arb, power: int) -> arb:
    """A bound of int_{|u|>U} |u|^power |e(mean + deviation u)| phi(u) du, phi the standard normal density; one symbol.

    |e| <= C exp(b |mean|) exp(s |u|), s = b |deviation|, and |u|^power <= power! exp(|u|), so the integral is at most
    2 C power! exp(b |mean| + t^2/2) Q(U - t), t = s + 1, Q the normal tail.
    """
    rate = bound.rates[0] * abs(deviation) + 1
    normal_tail = ((limit - rate) / arb(2).sqrt()).erfc() / 2
    return 2 * bound.factor * arb(power).fac() * (bound.rates[0] * abs(mean) + rate * rate / 2).exp() * normal_tail
