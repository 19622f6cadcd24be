"""Truncated power series: arithmetic, elementary functions and SymPy expressions, over several rings."""

from typing import Any

import numpy as np
import pytest
import sympy
from budgets import budget
from elbogap.theory.series.functions import FUNCTIONS, expand, power
from elbogap.theory.series.ring import FLOATS, RATIONALS, Ring, mpmath_ring
from elbogap.theory.series.truncated import Series, pack, unpack, variables
from hypothesis import given
from hypothesis import strategies as st

X, Y = sympy.symbols("x y")
DEGREE = 5
# Sums of a few hundred float64 products of moderate numbers.
ROUNDING = 1e-9

rationals = st.fractions(min_value=-2, max_value=2, max_denominator=8)
polynomials = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), rationals, min_size=1, max_size=6)


def as_expression(polynomial: dict[tuple[int, int], Any]) -> sympy.Expr:
    """The polynomial in X and Y."""
    return sum((sympy.Rational(c) * X**i * Y**j for (i, j), c in polynomial.items()), sympy.Integer(0))


def series_of(expression: sympy.Expr, ring: Ring, point: tuple[Any, Any] = (0, 0), degree: int = DEGREE) -> Series:
    """The series of an expression in X and Y at a rational point."""
    return expand(expression, (X, Y), variables(ring, [ring.convert(value) for value in point], degree))


def taylor(expression: sympy.Expr, i: int, j: int, point: tuple[Any, Any] = (0, 0)) -> sympy.Expr:
    """The coefficient of t_1^i t_2^j by differentiation."""
    derivative = sympy.diff(expression, X, i, Y, j).subs({X: point[0], Y: point[1]})
    return derivative / (sympy.factorial(i) * sympy.factorial(j))


@budget(0.2)
@given(left=polynomials, right=polynomials, point=st.tuples(rationals, rationals))
def test_arithmetic_is_that_of_polynomials(left: dict, right: dict, point: tuple) -> None:
    """Sum, difference and product of truncated series are exact and agree with SymPy's Taylor coefficients."""
    a, b = as_expression(left), as_expression(right)
    at = tuple(sympy.Rational(value) for value in point)
    for combined, expression in (
        (series_of(a, RATIONALS, at) + series_of(b, RATIONALS, at), a + b),
        (series_of(a, RATIONALS, at) - series_of(b, RATIONALS, at), a - b),
        (series_of(a, RATIONALS, at) * series_of(b, RATIONALS, at), a * b),
    ):
        shifted = sympy.Poly(expression.subs({X: X + at[0], Y: Y + at[1]}, simultaneous=True), X, Y)
        for i, j in ((0, 0), (1, 0), (1, 1), (2, 3), (0, 4)):
            assert combined.coefficient(i, j) == RATIONALS.convert(shifted.coeff_monomial((i, j)))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_elementary_functions_have_their_taylor_coefficients(name: str) -> None:
    """Each elementary function of a polynomial has the coefficients that differentiation gives."""
    inner = X / 3 - Y / 4 + X * Y / 5 + Y**2 / 6 + (1 if name == "log" else 0)
    expression = getattr(sympy, name)(inner)
    found = series_of(expression, FLOATS, (sympy.Rational(1, 5), sympy.Rational(1, 7)), 4)
    for i, j in ((0, 0), (1, 0), (0, 1), (2, 1), (1, 3), (4, 0)):
        expected = float(taylor(expression, i, j, (sympy.Rational(1, 5), sympy.Rational(1, 7))))
        assert abs(found.coefficient(i, j) - expected) < ROUNDING


@pytest.mark.parametrize("exponent", [-2, -1, sympy.Rational(-1, 2), sympy.Rational(1, 2), sympy.Rational(3, 2), 0, 3])
def test_powers(exponent: sympy.Rational | int) -> None:
    """Integer and half-integer powers agree with differentiation, exactly where the root is rational."""
    base = 4 + X - Y / 3 + X * Y
    found = power(series_of(base, RATIONALS), exponent)
    for i, j in ((0, 0), (1, 1), (3, 0), (2, 3)):
        assert found.coefficient(i, j) == RATIONALS.convert(taylor(base**exponent, i, j))


@budget(0.3)
@given(polynomial=polynomials)
def test_exponential_and_logarithm_are_inverse(polynomial: dict) -> None:
    """log(exp(a)) = a exactly over the rationals, for a without constant term."""
    inner = as_expression({key: value for key, value in polynomial.items() if key != (0, 0)})
    series = series_of(inner, RATIONALS)
    back = FUNCTIONS["log"](FUNCTIONS["exp"](series))
    assert all(value == series.coefficient(*exponents) for exponents, value in back.terms())


def test_rings_agree() -> None:
    """Rationals, floats and 30-digit numbers give the same coefficients of one expression."""
    expression = sympy.exp(X * Y - Y / 2) / (2 + X) + sympy.tanh(X) ** 2
    exact, floats, many = (series_of(expression, ring) for ring in (RATIONALS, FLOATS, mpmath_ring(30)))
    for exponents, value in exact.terms():
        reference = sympy.Rational(int(value.numerator), int(value.denominator))
        assert abs(floats.coefficient(*exponents) - float(reference)) < ROUNDING
        assert abs(sympy.Float(many.coefficient(*exponents), 30) - reference) < sympy.Float("1e-27")


@budget(0.2)
@given(polynomial=polynomials, mixing=st.tuples(rationals, rationals))
def test_composition_is_substitution(polynomial: dict, mixing: tuple) -> None:
    """compose replaces the variables by series, exactly."""
    expression = as_expression(polynomial)
    images = (X + sympy.Rational(mixing[0]) * Y, Y**2 + sympy.Rational(mixing[1]) * X)
    arguments = [series_of(image, RATIONALS).without_constant() for image in images]
    composed = series_of(expression, RATIONALS).compose(arguments)
    # The images start at degree one, so what the series has dropped could not contribute.
    direct = series_of(expression.subs({X: images[0], Y: images[1]}, simultaneous=True), RATIONALS)
    assert all(value == composed.coefficient(*exponents) for exponents, value in direct.terms())


@given(exponents=st.lists(st.integers(0, 255), min_size=1, max_size=5))
def test_packing_round_trips(exponents: list[int]) -> None:
    """Exponents up to 255 survive packing into one integer."""
    assert unpack(pack(exponents), len(exponents)) == tuple(exponents)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (sympy.Float(0.5) * X, "exact"),
        (sympy.besselj(0, X), "cannot expand"),
        (X ** sympy.Rational(1, 3), "integer or half-integer"),
        (sympy.exp(X + 1), "exact rationals"),
        (sympy.pi * X, "pi"),
    ],
)
def test_what_cannot_be_expanded_is_refused(expression: sympy.Expr, message: str) -> None:
    """Floats, unknown functions and transcendental constants over the rationals raise one clear line."""
    with pytest.raises(ValueError, match=message):
        series_of(expression, RATIONALS)


def test_wrong_requests_are_refused() -> None:
    """Coefficients above the degree, degrees out of range and arguments with a constant term raise ValueError."""
    series = series_of(X, RATIONALS)
    with pytest.raises(ValueError, match="no such coefficient"):
        series.coefficient(DEGREE, 1)
    with pytest.raises(ValueError, match="degree"):
        variables(RATIONALS, [RATIONALS.convert(0)], 256)
    with pytest.raises(ValueError, match="compose"):
        series.compose([series + 1, series])


def test_a_wrong_recurrence_is_noticed() -> None:
    """The comparison with differentiation rejects a series whose last coefficient is off by a factor 1/2."""
    expression = sympy.exp(X)
    found = series_of(expression, FLOATS, degree=4)
    wrong = found.coefficient(4, 0) / 2
    assert not np.isclose(wrong, float(taylor(expression, 4, 0)), rtol=ROUNDING)
