"""Enclosures of one shear: quoted digits, exact coefficients, uniform intervals, and what cannot be proved."""

import pytest
import sympy
from budgets import budget
from elbogap.enclosures.all_eps import bound, enclose_all_eps, enclose_piece, proves_order_one
from elbogap.enclosures.balls import decimal_interval, end_points, rational, shown
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.global_maximum import certify_global_maximum
from elbogap.enclosures.likelihood import likelihood_integrals
from elbogap.enclosures.maximiser import Box, EnclosureError, approximate_maximiser, enclose_maximiser
from elbogap.enclosures.proofs import exact_slope
from elbogap.enclosures.shear import ShearInstance, shear_instance, symbolic_decoder
from elbogap.theory.series.decoders import gap_coefficients
from elbogap.theory.series.ring import RATIONALS
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

WIDTH = fmpq(1, 50)


@pytest.mark.parametrize(
    ("eps", "quoted"),
    [
        ("1/10", ".2370529300446168746746363548601017395872"),
        ("1/100", ".2696856551737431473379062509900899621650"),
        ("0", ".2732704384451913686025420947"),
    ],
)
def test_quoted_digits(reference: ShearInstance, eps: str, quoted: str) -> None:
    """The gap of the first instance has the digits of the reference, and sixty more can be had."""
    found = gap_at(reference, rational(eps), 62).gap
    unit = fmpq(1, 10 ** (len(quoted) - 1))
    with ctx.workprec(300):
        assert abs(found - rational(quoted)) <= arb(unit)
        assert found.rad() < arb(10) ** -60


def test_interval_below_a_thousandth(reference: ShearInstance, second: ShearInstance) -> None:
    """For all eps <= 1e-3 the interval of (gap - c)/eps is inside the reference's, excludes 0 and holds a_1."""
    enclosure = enclose_all_eps(reference, rational("1/1000"), rational("6/1000"))
    lower, upper = end_points(enclosure.slope)
    assert rational("-.358548") <= lower and upper <= rational("-.352941")
    assert proves_order_one(enclosure)
    assert enclosure.slope.contains(arb(exact_slope(reference)))
    hundredth = enclose_all_eps(second, rational("1/100"), WIDTH)
    lower, upper = end_points(hundredth.slope)
    assert rational("-.4258") <= lower and upper <= rational("-.3848")


def test_pieces_tile_the_range_and_hold_point_values(reference: ShearInstance) -> None:
    """Up to eps0 = 1/10 the pieces join without a hole and each holds (gap - c)/eps at a point of its own."""
    enclosure = enclose_all_eps(reference, rational("1/10"), WIDTH)
    reached = fmpq(0)
    for piece in enclosure.pieces:
        assert piece.start == reached
        reached = piece.end
        eps = (piece.start + 2 * piece.end) / 3
        with ctx.workprec(120):
            value = (gap_at(reference, eps, 25).gap - reference.contrast()) / eps
            assert piece.slope.contains(value)
        assert 2 * piece.slope.rad() <= arb(WIDTH)
    assert reached == enclosure.eps0
    assert bound(enclosure) < rational("373/1000")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_slope_at_zero_is_the_exact_coefficient(
    index: int, reference: ShearInstance, second: ShearInstance, three_latents: ShearInstance
) -> None:
    """At eps = 0 the enclosed gap and slope are the contrast and the rational a_1 of the series engine (d = 2, 3)."""
    instance = (reference, second, three_latents)[index]
    found = gap_at(instance, fmpq(0), 40)
    with ctx.workprec(200):
        assert found.gap.overlaps(instance.contrast())
        assert found.slope.contains(arb(exact_slope(instance)))
        # The same coefficient with the wrong sign is excluded.
        assert not found.slope.overlaps(-arb(exact_slope(instance)))


def test_residual_of_the_series_shows_the_next_order(three_latents: ShearInstance) -> None:
    """For three latents, gap - c - a_1 eps - a_2 eps^2 = a_3 eps^3 + O(eps^4): the reduction holds for d > 2."""
    point = [sympy.Rational(str(value)) for value in three_latents.point]
    exact = gap_coefficients(symbolic_decoder(three_latents), point, 3, RATIONALS).gap
    eps = fmpq(1, 10**6)
    with ctx.workprec(300):
        a1, a2, a3 = (arb(rational(str(value))) for value in exact)
        residual = (gap_at(three_latents, eps, 60).gap - three_latents.contrast() - a1 * eps - a2 * eps**2) / eps**3
        assert abs(residual - a3) < arb(fmpq(1, 1000))
        assert abs(a3) > arb(fmpq(1, 10))


def test_derivatives_of_the_evidence_are_difference_quotients(reference: ShearInstance) -> None:
    """I' and I'' by integration by parts agree with central differences of I at 80 digits."""
    eps, step = rational("1/10"), fmpq(1, 10**20)
    with ctx.workprec(320):
        values = [
            likelihood_integrals(reference, arb(at), arb(at).sqrt(), 2, 300) for at in (eps - step, eps, eps + step)
        ]
        first = (values[2][0] - values[0][0]) / (2 * step)
        second = (values[2][0] - 2 * values[1][0] + values[0][0]) / step**2
        # Central differences are off by O(step^2) = 1e-40 times a third or fourth derivative.
        assert abs(first - values[1][1]) < arb(10) ** -38
        assert abs(second - values[1][2]) < arb(10) ** -38


@budget(0.12)
@given(
    entries=st.lists(st.integers(-4, 4), min_size=4, max_size=4),
    profile=st.lists(st.integers(-3, 3), min_size=2, max_size=2),
    point=st.tuples(st.integers(-8, 8), st.integers(-8, 8)),
)
def test_gap_is_at_least_zero_and_its_slope_at_zero_exact(entries: list, profile: list, point: tuple) -> None:
    """For random shears the enclosed gap is not negative and the slope at 0 holds the exact rational a_1."""
    matrix = [[fmpq(12 + entries[0], 12), fmpq(entries[1], 12)], [fmpq(entries[2], 12), fmpq(12 + entries[3], 12)]]
    coefficients = [0, 0, fmpq(profile[0], 8), fmpq(profile[1], 16)]
    instance = shear_instance(matrix, [coefficients], [fmpq(value, 8) for value in point])
    assert not gap_at(instance, fmpq(1, 50), 15).gap < 0
    with ctx.workprec(200):
        assert gap_at(instance, fmpq(0), 20).slope.contains(arb(exact_slope(instance)))


def test_a_linear_shear_has_the_closed_form() -> None:
    """With p = 0 the gap is 1/2 [sum log(1 + A_kk/eps) - log det(I + A/eps)], enclosed by quadrature."""
    instance = shear_instance([["1", "1/2"], ["-1/5", "6/5"]], [[0]], ["1/2", "3/5"])
    eps = rational("1/10")
    gram = instance.gram
    with ctx.workprec(200):
        diagonal = (1 + gram[0, 0] / eps) * (1 + gram[1, 1] / eps)
        determinant = diagonal - (gram[0, 1] / eps) ** 2
        expected = (arb(diagonal) / arb(determinant)).log() / 2
        assert gap_at(instance, eps, 40).gap.overlaps(expected)
        assert not gap_at(instance, eps, 40).gap.overlaps(instance.contrast())


def test_a_wrong_maximiser_is_not_certified(reference: ShearInstance) -> None:
    """Branch and bound refuses a box that is not around the maximum: the proof can fail."""
    eps = rational("1/10")
    centre = approximate_maximiser(reference, eps)
    shifted = Box(centre.mean + 3, centre.variance * 2)
    with pytest.raises(EnclosureError):
        certify_global_maximum(reference, arb(eps).sqrt(), shifted)
    with pytest.raises(EnclosureError):
        enclose_maximiser(reference, arb(eps), shifted)


def test_too_wide_a_piece_is_refused(reference: ShearInstance) -> None:
    """A piece on which the proof does not go through raises EnclosureError instead of returning an interval."""
    with pytest.raises(EnclosureError):
        enclose_piece(reference, fmpq(0), fmpq(1), WIDTH)
    with pytest.raises(EnclosureError, match="wider"):
        enclose_piece(reference, fmpq(0), rational("1/100"), fmpq(1, 10**6))


@pytest.mark.parametrize(
    ("matrix", "profiles", "point", "message"),
    [
        ([[1, 0], [0, 1]], [[0], [0]], [0, 0], "not a shear instance"),
        ([[1, 2], [2, 4]], [[0]], [0, 0], "determinant 0"),
        ([[1.5, 0], [0, 1]], [[0]], [0, 0], "exact numbers"),
    ],
)
def test_bad_instances_are_refused(matrix: list, profiles: list, point: list, message: str) -> None:
    """Wrong sizes, singular matrices and floats raise one clear line."""
    with pytest.raises(ValueError, match=message):
        shear_instance(matrix, profiles, point)


def test_bad_requests_are_refused(reference: ShearInstance) -> None:
    """Negative eps, no digits and empty ranges raise ValueError."""
    for eps, digits in ((fmpq(-1), 10), (fmpq(1), 0)):
        with pytest.raises(ValueError, match="expected eps >= 0"):
            gap_at(reference, eps, digits)
    with pytest.raises(ValueError, match="eps0 > 0"):
        enclose_all_eps(reference, fmpq(0), WIDTH)


@given(numerator=st.integers(-(10**9), 10**9), places=st.integers(1, 12))
def test_decimal_intervals_round_outwards(numerator: int, places: int) -> None:
    """The decimal interval of a ball contains the ball."""
    value = fmpq(numerator, 97)
    with ctx.workprec(200):
        ball = arb(value)
    lower, upper = (rational(text) for text in decimal_interval(ball, places))
    assert lower <= value <= upper
    assert upper - lower <= fmpq(3, 10**places)
    assert shown(ball).startswith("[")
