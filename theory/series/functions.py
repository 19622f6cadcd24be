"""Elementary functions of truncated power series, and SymPy expressions evaluated on them.

With the Euler operator theta = sum_k t_k d/dt_k (which multiplies part n by n), y = F(a) obeys
theta y = F'(a) theta a, so that part n of y follows from lower parts:

    n y_n = sum_{k=1}^{n} (k a_k) rate_{n-k},   rate = F'(a) written through a and y,

exp: y; tanh: 1 - y^2; tan: 1 + y^2; the pairs (sin, cos) and (sinh, cosh) feed each other; log: 1/a;
atan: 1/(1 + a^2); asinh: (1 + a^2)^(-1/2); erf: 2 exp(-a^2)/sqrt(pi). A power y = a^q obeys
n a_0 y_n = sum_{k=1}^{n} (q k - (n - k)) a_k y_{n-k}. Only the value at a_0 needs the ring.
Source: claim higher-orders.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from .truncated import Part, Series, add_multiple, add_product


def _integrated(argument: Series, rate: Callable[[int], Part], n: int) -> Part:
    """Part n of y from theta y = rate * theta argument."""
    part: Part = {}
    for k in range(1, n + 1):
        scaled: Part = {}
        add_multiple(scaled, argument.parts[k], k)
        add_product(part, scaled, rate(n - k))
    inverse = argument.ring.rational(1, n)
    return {key: value * inverse for key, value in part.items()}


def _start(argument: Series, name: str) -> Part:
    return {0: argument.ring.functions[name](argument.constant)}


def _known_rate(argument: Series, name: str, rate: Series) -> Series:
    """F(a) for a function whose derivative at the argument is already a series."""
    parts = [_start(argument, name)]
    for n in range(1, argument.degree + 1):
        parts.append(_integrated(argument, lambda i: rate.parts[i], n))
    return argument.like(parts)


def exp(argument: Series) -> Series:
    """exp(a), by n y_n = sum_k k a_k y_{n-k}."""
    parts = [_start(argument, "exp")]
    for n in range(1, argument.degree + 1):
        parts.append(_integrated(argument, parts.__getitem__, n))
    return argument.like(parts)


def _riccati(argument: Series, name: str, sign: int) -> Series:
    """y = F(a) with F' = 1 + sign F^2: tanh (sign -1) and tan (sign +1)."""
    parts = [_start(argument, name)]
    rates: list[Part] = []
    for n in range(1, argument.degree + 1):
        square: Part = {}
        for i in range(n):
            add_product(square, parts[i], parts[n - 1 - i])
        rate: Part = {0: argument.ring.rational(1, 1)} if n == 1 else {}
        add_multiple(rate, square, sign)
        rates.append(rate)
        parts.append(_integrated(argument, rates.__getitem__, n))
    return argument.like(parts)


def tanh(argument: Series) -> Series:
    """tanh(a), by theta y = (1 - y^2) theta a."""
    return _riccati(argument, "tanh", -1)


def tan(argument: Series) -> Series:
    """tan(a), by theta y = (1 + y^2) theta a."""
    return _riccati(argument, "tan", 1)


def _pair(argument: Series, names: tuple[str, str], sign: int) -> tuple[Series, Series]:
    """(S, C) with S' = C and C' = sign S: sine and cosine (sign -1), hyperbolic ones (sign +1)."""
    first, second = [_start(argument, names[0])], [_start(argument, names[1])]
    for n in range(1, argument.degree + 1):
        grown = _integrated(argument, second.__getitem__, n)
        turned = _integrated(argument, first.__getitem__, n)
        first.append(grown)
        second.append({key: value * sign for key, value in turned.items()})
    return argument.like(first), argument.like(second)


def power(argument: Series, exponent: sympy.Rational | int) -> Series:
    """a^q for rational q; a_0 must not vanish unless q is a non-negative integer. q = p/2 or an integer."""
    q = sympy.Rational(exponent)
    if q.is_Integer and q >= 0:
        result = argument.lift(1)
        for bit in bin(int(q))[2:]:
            result = result * result
            result = result * argument if bit == "1" else result
        return result
    ring, base = argument.ring, argument.constant
    if q.q not in (1, 2):
        raise ValueError(f"power of a series: expected an integer or half-integer exponent, got {q}")
    root = base if q.q == 1 else ring.functions["sqrt"](base)
    inverse = ring.rational(1, 1) / base
    value = ring.rational(1, 1)
    for _ in range(abs(int(q.p))):
        value = value * root if q > 0 else value / root
    parts: list[Part] = [{0: value}]
    for n in range(1, argument.degree + 1):
        part: Part = {}
        for k in range(1, n + 1):
            weighted: Part = {}
            add_multiple(weighted, argument.parts[k], ring.convert(q * k - (n - k)) * ring.rational(1, n))
            add_product(part, weighted, parts[n - k])
        parts.append({key: entry * inverse for key, entry in part.items()})
    return argument.like(parts)


def log(argument: Series) -> Series:
    """log(a), a_0 > 0, by theta y = theta a / a."""
    return _known_rate(argument, "log", power(argument, -1))


def _erf(argument: Series) -> Series:
    ring = argument.ring
    factor = ring.rational(2, 1) / ring.functions["sqrt"](ring.pi())
    return _known_rate(argument, "erf", exp(-(argument * argument)) * factor)


FUNCTIONS: Mapping[str, Callable[[Series], Series]] = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "tan": tan,
    "sin": lambda a: _pair(a, ("sin", "cos"), -1)[0],
    "cos": lambda a: _pair(a, ("sin", "cos"), -1)[1],
    "sinh": lambda a: _pair(a, ("sinh", "cosh"), 1)[0],
    "cosh": lambda a: _pair(a, ("sinh", "cosh"), 1)[1],
    "atan": lambda a: _known_rate(a, "atan", power(a * a + 1, -1)),
    "asinh": lambda a: _known_rate(a, "asinh", power(a * a + 1, sympy.Rational(-1, 2))),
    "erf": _erf,
}


def expand(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], point: Sequence[Series]) -> Series:
    """The series of a SymPy expression at symbols = point (series of one degree over one ring).

    Understood: rational numbers, pi, e, +, *, integer and half-integer powers and the names of `FUNCTIONS`;
    anything else, floats included, raises ValueError. Common subexpressions are expanded once.
    """
    values: dict[sympy.Basic, Series] = dict(zip(symbols, point, strict=True))
    one = point[0]

    def visit(node: sympy.Basic) -> Series:
        if node not in values:
            values[node] = build(node)
        return values[node]

    def build(node: sympy.Basic) -> Series:
        if node.is_Number:
            return one.lift(one.ring.convert(node))
        if node is sympy.pi:
            return one.lift(one.ring.pi())
        if node is sympy.E:
            return exp(one.lift(1))
        if node.is_Add or node.is_Mul:
            total, *rest = sorted(node.args, key=lambda argument: not argument.is_Number)
            result: Any = one.ring.convert(total) if total.is_Number else visit(total)
            for argument in rest:
                result = visit(argument) + result if node.is_Add else visit(argument) * result
            return result
        if node.is_Pow and node.args[1].is_Rational:
            return power(visit(node.args[0]), node.args[1])
        name = type(node).__name__
        if name in FUNCTIONS and len(node.args) == 1:
            return FUNCTIONS[name](visit(node.args[0]))
        raise ValueError(f"cannot expand {node}: expected +, *, rational powers or one of {', '.join(FUNCTIONS)}")

    return visit(sympy.sympify(expression))
