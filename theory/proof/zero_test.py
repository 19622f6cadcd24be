"""Is an expression zero? Exactly, in a canonical form; and beside it, at random points to 50 digits.

The exact test writes the expression as a rational function over Q (or Q(i)) in algebraically independent
generators: symbols, logarithms of irreducible polynomials (log q = sum e_i log |p_i| for q = prod p_i^e_i >
0), exponentials of linearly independent exponents, and whatever else SymPy leaves atomic. Its numerator
vanishes identically or it does not. Only if generators may hide a relation (radicals, special functions) is
`simplify` asked, last.

Elements of polynomial rings and fields are tested exactly by their own arithmetic. Statuses: "proved"
(exact zero), "refuted" (different from zero, exactly or at a point), "evaluated" (zero at the points, no
canonical form found).
"""

import random
from typing import Any, Literal, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement, ring

DIGITS = 50
POINTS = 2
# Evaluation carries 20 guard digits, so that cancellation in a true identity stays below this relative size.
ZERO = sp.Float(10) ** (-DIGITS + 5)
_CALCULUS = (sp.Integral, sp.Derivative, sp.Sum, sp.Product, sp.Limit)

Status = Literal["proved", "refuted", "evaluated"]


class Decision(NamedTuple):
    """The status and, in words, what it rests on."""

    status: Status
    detail: str


def is_zero(difference: Any, *, seed: int = 0) -> Decision:
    """Decide whether a number, ring element or expression is identically zero.

    Symbols are read with their assumptions (real, positive, integer); arguments of logarithms are assumed
    positive.
    """
    if isinstance(difference, PolyElement | FracElement):
        if difference == 0:
            return Decision("proved", "exact zero in a polynomial ring")
        return Decision("refuted", f"nonzero polynomial with leading term {_leading(difference)}")
    expression = sp.sympify(difference)
    if expression.has(*_CALCULUS):
        expression = expression.doit()
    if expression == 0:
        return Decision("proved", "exact zero")
    refutation = nonzero_point(expression, seed)
    if refutation is not None:
        return Decision("refuted", refutation)
    if _normal_form_vanishes(expression):
        return Decision("proved", f"exact zero in canonical form, and zero to {DIGITS} digits at random points")
    if sp.simplify(expression) == 0:
        return Decision("proved", f"simplified to zero, and zero to {DIGITS} digits at random points")
    return Decision("evaluated", f"zero to {DIGITS} digits at {POINTS} random points, no canonical form found")


def _leading(element: Any) -> str:
    numerator = element.numer if isinstance(element, FracElement) else element
    return str(numerator.leading_term())[:120]


def nonzero_point(expression: sp.Expr, seed: int = 0) -> str | None:
    """A random point, in words, at which the expression is not zero to 50 digits; None if there is none."""
    generator = random.Random(seed)
    for _ in range(POINTS):
        point = _random_point(expression, generator)
        value, scale = _evaluate(expression, point)
        if value is not None and abs(value) > ZERO * scale:
            where = ", ".join(f"{name} = {number}" for name, number in list(point.items())[:6])
            return f"difference {sp.N(value, 6)} at {where or 'every point'}"
    return None


def _random_point(expression: sp.Expr, generator: random.Random) -> dict[sp.Basic, sp.Expr]:
    point: dict[sp.Basic, sp.Expr] = {}
    for symbol in sorted(expression.free_symbols, key=str):
        if symbol.is_integer:
            point[symbol] = sp.Integer(generator.randint(2, 9))
        elif symbol.is_positive:
            point[symbol] = sp.Rational(generator.randint(200, 2000), 997)
        else:
            point[symbol] = sp.Rational(generator.randint(-2000, 2000) * 2 + 1, 1994)
    return point


def _evaluate(expression: sp.Expr, point: dict[sp.Basic, sp.Expr]) -> tuple[sp.Expr | None, sp.Expr]:
    """Value at the point and the size of its largest term; None if there is no number."""
    concrete = _with_concrete_functions(expression)
    if concrete.has(sp.log) and not concrete.has(sp.I):
        concrete = concrete.replace(sp.log, lambda argument: sp.log(sp.Abs(argument)))
    terms = [term.xreplace(point).doit().evalf(DIGITS + 20) for term in sp.Add.make_args(concrete)]
    if not all(term.is_number and term.is_finite for term in terms):
        return None, sp.Integer(1)
    return sum(terms, sp.Integer(0)).evalf(DIGITS + 20), max([abs(term) for term in terms] + [sp.Integer(1)])


def _with_concrete_functions(expression: sp.Expr) -> sp.Expr:
    """Undefined functions become fixed generic polynomials: wrong identities have a counterexample."""
    for number, function in enumerate(sorted({a.func for a in expression.atoms(AppliedUndef)}, key=str), 2):
        arity = next(len(a.args) for a in expression.atoms(AppliedUndef) if a.func == function)
        slots = sp.symbols(f"slot:{arity}")
        mixed = sum(slot * sp.Rational(k + number, 7) for k, slot in enumerate(slots))
        body = 3 + mixed + mixed**2 / 3 + mixed**3 / 5 + mixed**4 / 11 + mixed**5 / 13 + slots[0] ** 2 / 17
        expression = expression.replace(function, sp.Lambda(slots, body))
    return expression.doit() if expression.has(*_CALCULUS) else expression


def _normal_form_vanishes(expression: sp.Expr) -> bool:
    """Whether the expression is zero as a rational function of its generators."""
    elementary = [sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh]
    expression = _exponentials_to_generators(expression.rewrite(elementary, sp.exp))
    return numerator(_logarithms_to_generators(expression)) == 0


def numerator(expression: sp.Expr) -> Any:
    """The numerator of a rational expression in a polynomial ring: n1 d2 + n2 d1, no gcd taken."""
    atoms = sorted(_generators(expression), key=sp.default_sort_key)
    domain = sp.QQ_I if expression.has(sp.I) else sp.QQ
    polynomials, *images = ring([f"x{k}" for k in range(len(atoms))], domain)
    known = dict(zip(atoms, images, strict=True))

    def fraction(node: sp.Expr) -> tuple[Any, Any]:
        if node in known:
            return known[node], polynomials.one
        if node.is_Rational or node == sp.I:
            return polynomials(domain.from_sympy(node)), polynomials.one
        if node.is_Add or node.is_Mul:
            top, bottom = fraction(node.args[0])
            for argument in node.args[1:]:
                n, m = fraction(argument)
                if node.is_Mul:
                    top, bottom = top * n, bottom * m
                elif m == bottom:
                    top = top + n
                else:
                    top, bottom = top * m + n * bottom, bottom * m
            return top, bottom
        n, m = fraction(node.base)
        power = int(node.exp)
        return (n**power, m**power) if power >= 0 else (m**-power, n**-power)

    return fraction(expression)[0]


def _generators(node: sp.Expr) -> set[sp.Expr]:
    if node.is_Rational or node == sp.I:
        return set()
    if node.is_Add or node.is_Mul:
        return set().union(*(_generators(argument) for argument in node.args))
    if node.is_Pow and node.exp.is_Integer:
        return _generators(node.base)
    return {node}


def _logarithms_to_generators(expression: sp.Expr) -> sp.Expr:
    """Replace each log of a rational function by its sum of logs of irreducible factors."""

    def split(argument: sp.Expr) -> sp.Expr:
        if argument.has(sp.log):
            return sp.log(argument)
        top, bottom = sp.fraction(sp.together(argument))
        total = sp.Integer(0)
        for part, sign in ((top, 1), (bottom, -1)):
            content, factors = sp.factor_list(part)
            whole = sp.factorint(abs(content)) if content.is_Integer else {content: 1}
            primes = [(sp.sympify(prime), exponent) for prime, exponent in whole.items()]
            for factor, exponent in [*primes, *factors]:
                total += sign * exponent * _log_generator(factor)
        return total

    return expression.replace(sp.log, split)


def _log_generator(factor: sp.Expr) -> sp.Expr:
    if factor in (1, -1):
        return sp.Integer(0)
    expanded = sp.expand(factor)
    if expanded.could_extract_minus_sign():
        expanded = sp.expand(-expanded)
    return sp.Symbol(f"log|{expanded}|")


def _exponentials_to_generators(expression: sp.Expr) -> sp.Expr:
    """Write exp(sum c_i t_i) with rational c_i as a product of powers of one generator for each t_i."""
    exponents = {node.exp for node in expression.atoms(sp.exp)}
    if not exponents:
        return expression
    denominators: dict[sp.Expr, sp.Integer] = {}
    for exponent in exponents:
        for term in sp.Add.make_args(sp.expand(exponent)):
            coefficient, rest = term.as_coeff_Mul(rational=True)
            denominators[rest] = sp.ilcm(denominators.get(rest, 1), sp.Rational(coefficient).q)

    def product(exponent: sp.Expr) -> sp.Expr:
        out = sp.Integer(1)
        for term in sp.Add.make_args(sp.expand(exponent)):
            coefficient, rest = term.as_coeff_Mul(rational=True)
            out *= sp.Symbol(f"exp({rest}/{denominators[rest]})", positive=True) ** (coefficient * denominators[rest])
        return out

    return expression.xreplace({node: product(node.exp) for node in expression.atoms(sp.exp)})
