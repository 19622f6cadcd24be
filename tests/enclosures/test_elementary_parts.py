"""The parts of the elementary engine: programs, intervals with infinite ends, Gauss's rule with its proved error."""

import mpmath
import pytest
import sympy
from elbogap.enclosures.elementary.half_lines import UNBOUNDED_FUNCTIONS, Unbounded
from elbogap.enclosures.elementary.program import UnsupportedError, compiled
from elbogap.enclosures.elementary.quadrature import integrate
from elbogap.enclosures.maximiser import EnclosureError
from flint import acb, arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

X, Y = sympy.symbols("x y", real=True)
EXPRESSIONS = (
    sympy.exp(X / 2) * sympy.sin(Y) - 3 * X * Y**2,
    sympy.tanh(X) / (1 + Y**2) + sympy.atan(X * Y),
    sympy.sqrt(1 + X**2) + sympy.log(2 + sympy.cos(Y)) + sympy.pi,
    (1 + X**2 * Y**2) ** sympy.Rational(1, 3) + sympy.cosh(X / 3) ** -2 + sympy.asinh(Y),
)


@given(x=st.fractions(-3, 3, max_denominator=16), y=st.fractions(-3, 3, max_denominator=16))
def test_programs_contain_the_values_of_another_library(x: sympy.Rational, y: sympy.Rational) -> None:
    """Real and complex balls hold mpmath's values to 12 digits."""
    program = compiled(EXPRESSIONS, (X, Y))
    with ctx.workprec(80):
        places = [arb(fmpq(v.numerator, v.denominator)) for v in (x, y)]
        real, complex_ = program(places), program([acb(place) for place in places])
    values = sympy.lambdify((X, Y), EXPRESSIONS, modules="mpmath")(
        mpmath.mpf(x.numerator) / x.denominator, mpmath.mpf(y.numerator) / y.denominator
    )
    for ball, other, value in zip(real, complex_, values, strict=True):
        expected = arb(str(value), fmpq(1, 10**12))
        assert ball.overlaps(expected) and other.real.overlaps(expected)


def test_poles_and_cuts_are_not_crossed() -> None:
    """On complex balls that hold a pole or meet a branch cut the result is not finite."""
    wide = [acb(arb(0, 1), arb(0, 1)), acb(arb(0, 1), arb(0, 1))]
    for expression in (1 / X, sympy.log(X), sympy.sqrt(X), sympy.tanh(2 * X)):
        assert not compiled([expression], (X, Y))(wide)[0].is_finite()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (sympy.besselj(0, X), "unsupported function besselj"),
        (sympy.Abs(X), "unsupported function Abs"),
        (sympy.Float(0.5) * X, "got the float"),
        (sympy.Symbol("q") * X, "unknown symbol q"),
        (X**Y, "unsupported function Pow"),
    ],
)
def test_what_is_unsupported_is_named(expression: sympy.Expr, message: str) -> None:
    """Functions outside the list, floats and strange symbols are refused by name."""
    with pytest.raises(UnsupportedError, match=message):
        compiled([expression], (X, Y))


ENDS = st.one_of(st.none(), st.integers(-4, 4))


@given(a=ENDS, b=ENDS, inside=st.integers(-40, 40), name=st.sampled_from(sorted(UNBOUNDED_FUNCTIONS)))
def test_images_of_half_lines_contain_the_values(a: int | None, b: int | None, inside: int, name: str) -> None:
    """f(x) lies in the image of every interval with infinite ends that holds x, and x*y, x/y, x^2, x^3 likewise."""
    low, high = (a, b) if a is None or b is None else (min(a, b), max(a, b))
    x = inside if low is None and high is None else inside % 5 + (low if low is not None else high - 5)
    if high is not None:
        x = min(x, high)
    box = Unbounded(None if low is None else arb(low), None if high is None else arb(high))

    def holds(image: Unbounded, value: arb) -> bool:
        return not (image.lower is not None and value < image.lower) and not (
            image.upper is not None and value > image.upper
        )

    value = getattr(arb(x), name)()
    if value.is_finite():
        assert holds(UNBOUNDED_FUNCTIONS[name](box), value)
    other = Unbounded(arb(-1), None)
    assert holds(box * other, arb(x) * 3) and holds(box - other, arb(x) - 7) and holds(box * -other, arb(x))
    assert holds(box.power(2), arb(x) ** 2) and holds(box.power(3), arb(x) ** 3)
    assert holds(box / Unbounded(arb(2), None), arb(x) / 5)


def test_half_lines_are_not_the_whole_line() -> None:
    """The intervals can exclude something: z + tanh(z)/2 > 7 for z >= 8."""
    far = compiled([X + sympy.tanh(Y) / 2], (X, Y))([Unbounded(arb(8), None), Unbounded(None, None)])[0]
    assert far.lower is not None and far.lower > 7 and far.upper is None


def test_gauss_contains_known_integrals() -> None:
    """exp(x) cos(y) and 1/(1 + 25 x^2), near whose poles boxes are halved, are enclosed to the tolerance."""
    tolerance, square = arb(2) ** -50, ((fmpq(-1), fmpq(1)), (fmpq(0), fmpq(2)))
    with ctx.workprec(80):
        found = integrate(lambda p: [p[0].exp() * p[1].cos(), p[0] * 0 + 1], square, tolerance, 14)
        exact = (arb(1).exp() - arb(-1).exp()) * arb(2).sin()
        assert found[0].overlaps(exact) and found[1].overlaps(arb(4)) and found[0].rad() < 64 * tolerance
        runge = integrate(lambda p: [1 / (1 + 25 * p[0] * p[0])], ((fmpq(-1), fmpq(1)),), tolerance, 14)[0]
        assert runge.overlaps(2 * arb(5).atan() / 5) and runge.rad() < 64 * tolerance


def test_a_singularity_is_not_integrated() -> None:
    """An integrand that is not analytic on the way raises EnclosureError instead of returning a ball."""
    with ctx.workprec(64), pytest.raises(EnclosureError, match="more than"):
        integrate(lambda p: [p[0].log()], ((fmpq(-1), fmpq(1)),), arb(2) ** -20, 8)
