"""Enclosures for elementary decoders of one latent, and the growth bounds that carry their tails."""

import math

import mpmath
import pytest
import sympy
from elbogap.enclosures.growth import Growth, gaussian_tail, growth
from elbogap.enclosures.one_dimensional import OneDimensional, OneDimensionalGap, coefficients, gap_at
from elbogap.enclosures.scalar import scalar_function
from elbogap.theory.series.decoders import SymbolicDecoder, latent_symbols
from flint import acb, arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

(Z,) = latent_symbols(1)
DECODERS = {
    "tanh": (Z + sympy.tanh(Z) / 2,),
    "curve": (Z + sympy.sin(Z) / 2, sympy.exp(Z / 2)),
    "softplus": (Z + sympy.log(1 + sympy.exp(Z)),),
    "swish": (Z / (1 + sympy.exp(-Z)) + Z,),
    "cubic": (Z + Z**3 / 5,),
}


def instance(name: str) -> OneDimensional:
    """A decoder at g = 1/2."""
    return OneDimensional(SymbolicDecoder(name, (Z,), DECODERS[name]), fmpq(1, 2))


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_gap_follows_its_series(name: str) -> None:
    """gap/eps - a_1 - a_2 eps = O(eps^2): the enclosure at eps = 1e-3 meets the ball-arithmetic series."""
    case, eps = instance(name), fmpq(1, 1000)
    found = gap_at(case, eps, 20)
    series = coefficients(case, 3)
    with ctx.workprec(120):
        residual = found.gap / eps - series.gap[0] - series.gap[1] * eps
        # The next term, twice over, and what follows it.
        assert abs(residual) < abs(series.gap[2]) * eps**2 * 2 + arb(fmpq(1, 10**7))
        assert not (found.gap / eps).overlaps(2 * series.gap[0])
    assert found.gap > 0


def log_likelihood_by_quadrature(name: str, eps: float) -> float:
    """log p_eps(x) at g = 1/2 by mpmath's quadrature of the joint density."""
    functions = sympy.lambdify(Z, list(DECODERS[name]), modules="mpmath")
    image = functions(mpmath.mpf(1) / 2)

    def joint(z: mpmath.mpf) -> mpmath.mpf:
        misfit = sum((a - b) ** 2 for a, b in zip(functions(z), image, strict=True)) / (2 * eps)
        return mpmath.exp(-misfit - z**2 / 2)

    integral = mpmath.quad(joint, [-8, -1, 0, 0.25, 0.5, 0.75, 1, 2, 8])
    outputs = len(image)
    return float(mpmath.log(integral) - 0.5 * math.log(2 * math.pi) - outputs / 2 * math.log(2 * math.pi * eps))


@pytest.mark.parametrize("name", ["tanh", "curve", "softplus"])
def test_log_likelihood_agrees_with_quadrature(name: str) -> None:
    """log p_eps(x) agrees with an independent quadrature to its accuracy."""
    found: OneDimensionalGap = gap_at(instance(name), fmpq(1, 10), 15)
    expected = log_likelihood_by_quadrature(name, 0.1)
    # mpmath's 15 digits over nine intervals.
    assert abs(float(found.log_likelihood.mid()) - expected) < 1e-11


def test_an_affine_decoder_has_no_gap() -> None:
    """For affine f the posterior is Gaussian: the enclosed gap contains 0."""
    case = OneDimensional(SymbolicDecoder("affine", (Z,), (2 * Z + 1,)), fmpq(1, 2))
    assert gap_at(case, fmpq(1, 100), 20).gap.contains(0)


@given(at=st.fractions(-6, 6, max_denominator=16), name=st.sampled_from(sorted(DECODERS)))
def test_growth_bounds_hold(at: sympy.Rational, name: str) -> None:
    """|e(z)| <= C exp(b |z|) at every sampled point."""
    for expression in DECODERS[name]:
        bound = growth(expression, (Z,))
        value = abs(scalar_function(expression, Z)(acb(arb(fmpq(at.numerator, at.denominator)))))
        limit = bound.factor * (bound.rates[0] * abs(arb(fmpq(at.numerator, at.denominator)))).exp()
        assert not arb(value.real if isinstance(value, acb) else value) > limit


def test_gaussian_tail_is_a_bound() -> None:
    """The tail bound exceeds the true tail of u^2 exp(|mean + sigma u|/2), and falls to zero with U."""
    bound, mean, deviation = Growth(arb(1), (arb(fmpq(1, 2)),)), arb(fmpq(1, 3)), arb(fmpq(1, 2))

    def tail(limit: int) -> float:
        def density(u: mpmath.mpf) -> mpmath.mpf:
            return u**2 * mpmath.exp(abs(mpmath.mpf(1) / 3 + u / 2) / 2 - u**2 / 2) / mpmath.sqrt(2 * mpmath.pi)

        return float(mpmath.quad(density, [limit, limit + 4, 30]) + mpmath.quad(density, [-30, -limit - 4, -limit]))

    for limit in (2, 4, 6):
        proved = gaussian_tail(bound, mean, deviation, arb(limit), 2)
        assert proved > arb(str(tail(limit)))
    assert gaussian_tail(bound, mean, deviation, arb(12), 2) < arb(fmpq(1, 10**20))


@pytest.mark.parametrize(
    "expression",
    [sympy.exp(Z**2), sympy.tan(Z), 1 / (Z - 3), sympy.log(Z), sympy.besselj(0, Z), sympy.exp(sympy.exp(Z))],
)
def test_decoders_without_a_tail_bound_are_refused(expression: sympy.Expr) -> None:
    """Growth beyond exp(b |z|), poles and unknown functions raise ValueError, never a bound."""
    with pytest.raises(ValueError, match=r"bound|elementary"):
        growth(expression, (Z,))


def test_branch_cuts_are_not_crossed() -> None:
    """log, sqrt and atan are not finite on balls that meet their branch cuts, as the quadrature demands."""
    across_zero = acb(arb(0, 1), arb(0, 1))
    for expression in (sympy.log(Z), sympy.sqrt(Z)):
        assert not scalar_function(expression, Z)(across_zero).is_finite()
    assert not scalar_function(sympy.atan(Z), Z)(acb(arb(0, fmpq(1, 10)), arb(2, fmpq(1, 10)))).is_finite()
    assert scalar_function(sympy.atan(Z), Z)(acb(1)).real.overlaps(arb.pi() / 4)


def test_wrong_decoders_are_refused() -> None:
    """Two latents, and floats in an expression, raise ValueError."""
    with pytest.raises(ValueError, match="one latent"):
        OneDimensional(SymbolicDecoder("two", latent_symbols(2), (Z,)), fmpq(0))
    with pytest.raises(ValueError, match="cannot evaluate"):
        scalar_function(sympy.Float(0.5) * Z, Z)
