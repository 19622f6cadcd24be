"""Elementary SymPy expressions as programs that run on real and complex balls, unbounded intervals and power series.

A `Program` is a list of instructions in which equal subexpressions are worked out once. Numbers stay exact rationals
until it runs; they become balls at the working precision of the call. Where an expression is not analytic on a complex
ball the result is not finite, as a bound of a quadrature error demands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, no_type_check

import sympy
from flint import acb, arb, arb_series, ctx, fmpq

from ..balls import BALLS, COMPLEX_BALLS, rational
from .half_lines import UNBOUNDED_FUNCTIONS, Unbounded

FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "asinh", "erf", "sqrt")


class UnsupportedError(ValueError):
    """An expression outside the supported functions; the message names it."""


@no_type_check
def _tanh(x: arb_series) -> arb_series:
    """tanh' = (1 - tanh^2) x', coefficient by coefficient: the value by Arb, so that wide balls stay below 1."""
    size = ctx.cap
    slopes = [x[k] * k for k in range(size)]
    found, rest = [x[0].tanh()], []
    for k in range(1, size):
        square = sum((found[j] * found[k - 1 - j] for j in range(k)), arb(0))
        rest.append(1 - square if k == 1 else -square)
        found.append(sum((slopes[j] * rest[k - j] for j in range(1, k + 1)), arb(0)) / k)
    return arb_series(found, ctx.cap)


@no_type_check
def _asinh(x: arb_series) -> arb_series:
    """The value by Arb, the rest by the derivative: sharp for balls about 0."""
    slope = x.derivative() / (1 + x * x).sqrt()
    return slope.integral() + x[0].asinh()


SERIES_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    name: getattr(arb_series, name) for name in ("exp", "log", "sin", "cos", "tan", "atan", "erf", "sqrt")
} | {
    "tanh": _tanh,
    "asinh": _asinh,
    "sinh": lambda x: (x.exp() - (-x).exp()) / 2,
    "cosh": lambda x: (x.exp() + (-x).exp()) / 2,
}


TABLES: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    arb: BALLS.functions,
    acb: COMPLEX_BALLS.functions,
    Unbounded: UNBOUNDED_FUNCTIONS,
    arb_series: SERIES_FUNCTIONS,
}


@no_type_check
def _power(value: Any, exponent: int) -> Any:
    """value^exponent for exponent >= 1; sharp for even powers of real balls."""
    if isinstance(value, Unbounded):
        return value.power(exponent)
    if isinstance(value, arb):
        if exponent % 2 == 0 and value.contains(0):
            return (value.abs_upper() ** exponent).union(arb(0))
        return value**exponent
    result, base, left = None, value, exponent
    while left:
        if left & 1:
            result = base if result is None else result * base
        left >>= 1
        if left:
            base = base * base
    return result


@dataclass
class Program:
    """Outputs as functions of inputs; built by `compiled`."""

    inputs: int
    constants: list[Callable[[], arb]] = field(default_factory=list)
    instructions: list[tuple[str, int, int]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _balls: dict[int, list[arb]] = field(default_factory=dict)

    @no_type_check
    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The outputs at balls or unbounded intervals, all of one kind."""
        kind = type(values[0])
        table = TABLES[kind]
        if ctx.prec not in self._balls:
            self._balls[ctx.prec] = [constant() for constant in self.constants]
        numbers = self._balls[ctx.prec]
        slots = [*values, *(map(Unbounded.of, numbers) if kind is Unbounded else numbers)]
        for name, i, j in self.instructions:
            if name == "+":
                slots.append(slots[i] + slots[j])
            elif name == "*":
                slots.append(slots[i] * slots[j])
            elif name == "/":
                slots.append(slots[i] / slots[j])
            elif name == "^":
                slots.append(_power(slots[i], j))
            else:
                slots.append(table[name](slots[i]))
        # A constant output must be of the kind of the others.
        return [slots[k] if isinstance(slots[k], kind) else values[0] * 0 + slots[k] for k in self.outputs]


class _Builder:
    """Collects constants first, then instructions, each subexpression once."""

    def __init__(self, symbols: Sequence[sympy.Symbol]) -> None:
        self.program = Program(len(symbols))
        self.places: dict[Any, tuple[str, int]] = {symbol: ("slot", k) for k, symbol in enumerate(symbols)}

    def constant(self, key: Any, value: Callable[[], arb]) -> tuple[str, int]:
        if key not in self.places:
            self.program.constants.append(value)
            self.places[key] = ("constant", len(self.program.constants) - 1)
        return self.places[key]

    def emit(self, name: str, i: tuple[str, int], j: Any = None) -> tuple[str, int]:
        key = (name, i, j)
        if key not in self.places:
            self.program.instructions.append((name, i, j))  # type: ignore[arg-type]
            self.places[key] = ("result", len(self.program.instructions) - 1)
        return self.places[key]

    def place(self, expression: sympy.Expr) -> tuple[str, int]:
        if expression not in self.places:
            self.places[expression] = self._place(expression)
        return self.places[expression]

    def _number(self, value: fmpq) -> tuple[str, int]:
        return self.constant(("number", value.p, value.q), lambda: arb(value))

    def _place(self, expression: sympy.Expr) -> tuple[str, int]:
        if expression.is_Rational:
            return self._number(rational(str(expression)))
        if expression is sympy.pi:
            return self.constant("pi", arb.pi)
        if expression is sympy.E:
            return self.constant("e", lambda: arb(1).exp())
        if expression.is_Add or expression.is_Mul:
            first, *rest = (self.place(argument) for argument in expression.args)
            for other in rest:
                first = self.emit("+" if expression.is_Add else "*", first, other)
            return first
        if expression.is_Pow and expression.args[1].is_Rational:
            return self._power(*expression.args)
        if expression.is_Pow and expression.args[0] is sympy.E:
            return self.emit("exp", self.place(expression.args[1]))
        name = type(expression).__name__
        if name in FUNCTIONS and len(expression.args) == 1:
            return self.emit(name, self.place(expression.args[0]))
        raise UnsupportedError(refusal(expression))

    def _power(self, base: sympy.Expr, exponent: sympy.Rational) -> tuple[str, int]:
        value = self.place(base)
        whole, odd = int(exponent.p), int(exponent.q)
        if odd == 2:
            value = self.emit("sqrt", value)
        elif odd != 1:
            logarithm = self.emit("*", self.emit("log", value), self._number(fmpq(whole, odd)))
            return self.emit("exp", logarithm)
        if abs(whole) > 1:
            value = self.emit("^", value, abs(whole))
        return self.emit("/", self._number(fmpq(1)), value) if whole < 0 else value


def refusal(expression: sympy.Expr) -> str:
    """One line for what is not supported."""
    if isinstance(expression, sympy.Float):
        return f"an enclosure needs exact numbers: expected one such as Rational('1/10'), got the float {expression}"
    if isinstance(expression, sympy.Symbol):
        return f"unknown symbol {expression}: expected the latents only"
    where = f"{type(expression).__name__} in {str(expression)[:60]}"
    return f"unsupported function {where}: expected +, *, rational powers and {', '.join(FUNCTIONS)}"


def compiled(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> Program:
    """The program of some expressions; UnsupportedError names what is outside the supported functions."""
    builder = _Builder(symbols)
    outputs = [builder.place(sympy.sympify(expression)) for expression in expressions]
    program, offset = builder.program, len(symbols)
    shift = {"slot": 0, "constant": offset, "result": offset + len(program.constants)}

    def index(place: tuple[str, int]) -> int:
        return shift[place[0]] + place[1]

    program.instructions = [
        (name, index(i), j if isinstance(j, int) else (0 if j is None else index(j)))  # type: ignore[arg-type]
        for name, i, j in program.instructions
    ]
    program.outputs = [index(place) for place in outputs]
    return program
