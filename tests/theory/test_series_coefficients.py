"""Coefficients of the gap to any order against published values, closed forms and independent formulas."""

import math
from itertools import combinations

import mpmath
import numpy as np
import pytest
import sympy
from budgets import budget
from elbogap.theory.series import decoders as series_decoders
from elbogap.theory.series.coefficients import GapSeries, encoder_series, gap_series
from elbogap.theory.series.decoders import (
    SymbolicDecoder,
    decoder_series,
    gap_coefficients,
    latent_symbols,
    potential_series,
    standard_normal_series,
)
from elbogap.theory.series.ring import FLOATS, RATIONALS, mpmath_ring
from hypothesis import given
from hypothesis import strategies as st

POINT = [sympy.Rational(7, 10), sympy.Rational(-2, 5)]
# Values are quoted in the theory with this many correct digits at least; float64 loses a few in high orders.
QUOTED = 1e-10


def close(found: object, expected: float, tolerance: float = QUOTED) -> bool:
    """Relative agreement with a quoted value."""
    return abs(float(found) - expected) <= tolerance * max(1.0, abs(expected))  # type: ignore[arg-type]


def fraction(value: object) -> sympy.Rational:
    """An element of the rational ring as a SymPy number."""
    return sympy.Rational(int(value.numerator), int(value.denominator))  # type: ignore[attr-defined]


def test_f2_to_sixth_order() -> None:
    """a_1 .. a_6 of f2 in 40-digit arithmetic are those that a second route gave."""
    expected = (
        "-.07341958732491637988829827", "-.9166236369065904843441994", "2.738839244892116863236416",
        "1.495389621350095573971809", "-67.55329102860533", "328.7329639866",
    )  # fmt: skip
    found = gap_coefficients(series_decoders.f2(), POINT, 6, mpmath_ring(40)).gap
    for value, text in zip(found, expected, strict=True):
        digits = len(text.strip("-").replace(".", ""))
        reference = mpmath.mpf(text)
        # Quoted digits round, so one unit of the last one is allowed.
        assert abs(mpmath.mpf(str(value)) - reference) < abs(reference) * mpmath.mpf(10) ** (1 - digits) * 10


def test_f2_first_order_quantities() -> None:
    """m, s, t, L_1 of f2 are those of the reference table."""
    found = gap_coefficients(series_decoders.f2(), POINT, 2, FLOATS)
    assert close(found.mean[0][0], -0.64065072, 1e-8) and close(found.mean[1][0], 0.40477656, 1e-8)
    assert close(found.variance[0][1], -0.2143911, 1e-7) and close(found.variance[1][1], -0.01089504, 1e-7)
    assert close(found.log_likelihood[0], -0.07776596, 1e-8)
    assert close(0.5 * math.log(found.twice_contrast_exp), 0.2913816362, 1e-9)


@pytest.mark.parametrize(
    ("decoder", "point", "expected"),
    [
        (series_decoders.f3(), [*POINT, sympy.Rational(3, 10)], (-0.159570444586, -0.537791392775, 1.644956246975)),
        (series_decoders.f23(), POINT, (-0.468566502803,)),
        (
            series_decoders.reference_shear(),
            POINT,
            (0.00845284066970135, 0.113482222862449, -0.206982063359717, -0.0924113461670171, 0.776869486599716),
        ),
    ],
)
def test_quoted_coefficients(decoder: SymbolicDecoder, point: list, expected: tuple[float, ...]) -> None:
    """f3, f23 (D > d) and the shear have the reference's coefficients."""
    found = gap_coefficients(decoder, point, len(expected), FLOATS).gap
    assert all(close(value, reference) for value, reference in zip(found, expected, strict=True))


def test_shear_is_exact_to_order_fourteen() -> None:
    """Over the rationals the shear's coefficients are exact fractions, and L_14 has grown to about 1.2e3."""
    found = gap_coefficients(series_decoders.reference_shear(), POINT, 14, RATIONALS)
    assert all(fraction(value).is_Rational for value in found.gap)
    assert 1.2e3 < float(fraction(found.log_likelihood[13])) < 1.3e3
    assert close(fraction(found.gap[0]), 0.00845284066970135, 1e-13)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (lambda z: -z - 2 * sympy.log(1 + sympy.exp(-z)), -0.065726),  # logistic
        (lambda z: -2 * sympy.log(1 + z**2 / 3), 0.004007),  # Student's t, 3 degrees of freedom
    ],
)
def test_other_priors(prior: object, expected: float) -> None:
    """A factorised prior given as an expression yields the reference's a_1 for f2."""
    symbols = series_decoders.f2().symbols
    log_prior = sum(prior(z) for z in symbols)  # type: ignore[operator]
    found = gap_coefficients(series_decoders.f2(), POINT, 1, FLOATS, log_prior).gap[0]
    assert close(found, expected, 1e-6)


small_matrices = st.lists(st.integers(-3, 3), min_size=9, max_size=9).map(lambda entries: np.reshape(entries, (3, 3)))


@budget(0.08)
@given(noise=small_matrices, tall=st.booleans())
def test_linear_decoders_have_the_closed_form(noise: np.ndarray, tall: bool) -> None:
    """a_n = (-1)^(n+1)/(2n) (sum_k A_kk^-n - tr A^-n), exactly, for W of full column rank."""
    weights = sympy.Matrix(np.vstack([noise, 5 * np.eye(3, dtype=int)]) if tall else noise + 12 * np.eye(3, dtype=int))
    metric = weights.T * weights
    inverse = metric.inv()
    found = gap_coefficients(series_decoders.linear(weights.tolist()), [0, sympy.Rational(1, 2), -1], 4, RATIONALS)
    for n in range(1, 5):
        columns = sum(1 / metric[k, k] ** n for k in range(3))
        expected = sympy.Rational((-1) ** (n + 1), 2 * n) * (columns - (inverse**n).trace())
        assert fraction(found.gap[n - 1]) == expected
    product = metric[0, 0] * metric[1, 1] * metric[2, 2]
    assert fraction(found.twice_contrast_exp) == product / metric.det()


@budget(0.2)
@given(
    coefficients=st.tuples(st.fractions(-1, 1, max_denominator=9), st.fractions(-1, 1, max_denominator=9)),
    point=st.fractions(-1, 1, max_denominator=7),
)
def test_one_latent_has_the_full_covariance_slope(coefficients: tuple, point: sympy.Rational) -> None:
    """For one latent c = 0 and a_1 = (3/4) H^2/J^4 whatever the third derivative (claim `block-encoder`)."""
    (z,) = latent_symbols(1)
    quadratic, cubic = (sympy.Rational(value) for value in coefficients)
    # The slope at g is set to 2, so the point is regular by construction.
    g = sympy.Rational(point)
    output = 2 * (z - g) + quadratic * (z - g) ** 2 + cubic * (z - g) ** 3
    found = gap_coefficients(SymbolicDecoder("cubic", (z,), (output,)), [g], 1, RATIONALS)
    assert fraction(found.gap[0]) == sympy.Rational(3, 4) * (2 * quadratic) ** 2 / 16


def both_series(order: int) -> tuple[GapSeries, tuple, tuple]:
    """Coefficients of the reference shear by the 2n+1 rule, and the encoder's series without it."""
    degree = 2 * order + 4
    outputs = decoder_series(series_decoders.reference_shear(), POINT, degree, RATIONALS)
    potential, prior = potential_series(outputs), standard_normal_series(POINT, degree, RATIONALS)
    mean, variance = encoder_series(potential, prior, order)
    return gap_series(potential, prior, order), mean, variance


def test_half_the_order_suffices_for_the_encoder() -> None:
    """The encoder's series to half the order (2n+1 rule) starts like the full one, computed without the rule."""
    found, mean, variance = both_series(4)
    for k in range(2):
        assert mean[k][: len(found.mean[k])] == found.mean[k]
        assert variance[k][: len(found.variance[k])] == found.variance[k]
        assert len(mean[k]) == 5 and len(found.mean[k]) == 3


def test_elbo_series_meets_the_elbo_of_its_own_encoder() -> None:
    """At eps = 1e-6 the truncated ELBO series equals, to its next order, the ELBO of the truncated encoder.

    The ELBO is evaluated in 60 digits by exact Gaussian moments of the polynomial decoder, not by series.
    """
    order, eps = 4, sympy.Rational(1, 10**6)
    found, mean, variance = both_series(order)
    mu = [POINT[k] + sum(fraction(c) * eps ** (n + 1) for n, c in enumerate(mean[k])) for k in range(2)]
    spread = [sum(fraction(c) * eps ** (n + 1) for n, c in enumerate(variance[k])) for k in range(2)]
    decoder = series_decoders.reference_shear()
    image = [output.subs(dict(zip(decoder.symbols, POINT, strict=True))) for output in decoder.outputs]
    energy = sum((output - value) ** 2 for output, value in zip(decoder.outputs, image, strict=True)) / (2 * eps)
    energy += sum(z**2 for z in decoder.symbols) / 2
    expected = gaussian_mean(sympy.Poly(sympy.expand(energy), *decoder.symbols), mu, spread)
    with mpmath.workdps(60):
        logs = sum(mpmath.log(mpmath.mpf(int(s.p)) / int(s.q)) for s in map(sympy.Rational, spread))
        elbo = logs / 2 - mpmath.mpf(int(expected.p)) / int(expected.q)
        limit = elbo_limit(eps, found)
        series = sum(mpmath.mpf(int(fraction(e).p)) / int(fraction(e).q) * mpmath.mpf("1e-6") ** (n + 1)
                     for n, e in enumerate(found.elbo))  # fmt: skip
        # The next coefficient is of order ten.
        assert abs(elbo - limit - series) < mpmath.mpf("1e-28")
        # Without the last coefficient the difference is that coefficient times eps^4: the comparison sees it.
        assert abs(elbo - limit - series + float(fraction(found.elbo[-1])) * mpmath.mpf("1e-24")) > mpmath.mpf("1e-27")


def gaussian_mean(polynomial: sympy.Poly, mean: list, variance: list) -> sympy.Rational:
    """E of a polynomial of independent Gaussians, exactly."""
    total = sympy.Integer(0)
    for exponents, coefficient in polynomial.terms():
        product = coefficient
        for power, m, s in zip(exponents, mean, variance, strict=True):
            product *= sum(
                sympy.binomial(power, 2 * j) * sympy.factorial2(2 * j - 1) * s**j * m ** (power - 2 * j)
                for j in range(power // 2 + 1)
            )
        total += product
    return sympy.Rational(total)


def elbo_limit(eps: sympy.Rational, found: GapSeries) -> mpmath.mpf:
    """(log eps - log M_kk - 1)/2 summed, minus |g|^2/2: what is left of the ELBO without the noise's constant."""
    total = mpmath.mpf(0)
    for k in range(2):
        first = fraction(found.variance[k][0]) * eps
        total += (mpmath.log(mpmath.mpf(int(first.p)) / int(first.q)) - 1) / 2
    point = sum(value**2 for value in POINT) / 2
    return total - mpmath.mpf(int(point.p)) / int(point.q)


def test_orders_that_the_series_cannot_give_are_refused() -> None:
    """An order above what the Taylor series of V holds, or below one, raises ValueError."""
    outputs = decoder_series(series_decoders.reference_shear(), POINT, 4, RATIONALS)
    potential, prior = potential_series(outputs), standard_normal_series(POINT, 4, RATIONALS)
    for order in (0, 2):
        with pytest.raises(ValueError, match="order"):
            gap_series(potential, prior, order)
    with pytest.raises(ValueError, match="wrong size"):
        gap_coefficients(series_decoders.f2(), POINT[:1], 1, FLOATS)


@pytest.mark.parametrize("name", ["mean shift", "third derivatives", "sign"])
def test_false_first_coefficients_are_far_away(name: str) -> None:
    """The false variants of a_1 differ from the series' a_1 by far more than any tolerance used here."""
    decoder = series_decoders.f2()
    found = gap_coefficients(decoder, POINT, 1, FLOATS)
    subs = dict(zip(decoder.symbols, POINT, strict=True))
    jacobian = np.array(sympy.Matrix(decoder.outputs).jacobian(decoder.symbols).subs(subs).evalf(), dtype=float)
    metric = jacobian.T @ jacobian
    shift = np.array([entry[0] for entry in found.mean])
    third = sum(
        float(sympy.diff(output, decoder.symbols[k], 1, decoder.symbols[j], 2).subs(subs))
        * jacobian[i, k] / (metric[k, k] * metric[j, j]) / 2
        for i, output in enumerate(decoder.outputs) for k in range(2) for j in range(2)
    )  # fmt: skip
    false = {"mean shift": shift @ metric @ shift / 2, "third derivatives": -third, "sign": -2 * found.gap[0]}[name]
    assert abs(false) > 1e-2


def test_decoders_have_one_source() -> None:
    """The array form, the mpmath form and the constant term of the series of each decoder agree at the point."""
    for decoder, point in (
        (series_decoders.f2(), POINT),
        (series_decoders.f23(), POINT),
        (series_decoders.f3(), [*POINT, sympy.Rational(3, 10)]),
        (series_decoders.reference_shear(), POINT),
    ):
        arrays = decoder.callable_form("numpy")(*(float(value) for value in point))
        many = decoder.callable_form("mpmath")(*(mpmath.mpf(int(v.p)) / int(v.q) for v in point))
        series = [output.constant for output in decoder_series(decoder, point, 1, FLOATS)]
        for first, second, third in zip(arrays, many, series, strict=True):
            # A handful of float64 operations.
            assert all(abs(float(a) - float(b)) < 1e-14 for a, b in combinations((first, second, third), 2))
