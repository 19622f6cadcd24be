"""The order-of-convergence estimator on synthetic sequences whose order, constant, noise and floor are known."""

import numpy as np
import pytest
from elbogap.proofs_checks.order import asymptotic_range, estimate_constant, estimate_order, extrapolate
from hypothesis import given
from hypothesis import strategies as st

EPS = 10.0 ** -np.arange(1.0, 6.25, 0.5)
ORDERS = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])
CONSTANTS = st.floats(0.1, 10.0).flatmap(lambda size: st.sampled_from([size, -size]))
COEFFICIENTS = st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3)
FLOORS = st.floats(-14.0, -9.0).map(lambda exponent: 10.0**exponent)


def sequence(order, constant, coefficients, floor, seed):
    """y = C eps^p (1 + c1 eps + c2 eps^2 + c3 eps^3) with noise of at most `floor`."""
    series = 1 + sum(c * EPS ** (k + 1) for k, c in enumerate(coefficients))
    noise = np.random.default_rng(seed).uniform(-1, 1, EPS.size) * floor
    return constant * EPS**order * series + noise, np.full_like(EPS, floor)


@given(ORDERS, CONSTANTS, COEFFICIENTS, FLOORS, st.integers(0, 2**31))
def test_the_order_lies_in_its_interval(order, constant, coefficients, floor, seed):
    """Whatever the constant, the higher terms, the noise and the floor: a conclusive interval contains the order."""
    y, floors = sequence(order, constant, coefficients, floor, seed)
    estimate = estimate_order(EPS, y, floors)
    if estimate.status == "conclusive":
        assert not estimate.order.excludes(order)


@given(ORDERS, CONSTANTS, COEFFICIENTS, FLOORS, st.integers(0, 2**31))
def test_the_constant_lies_in_its_interval(order, constant, coefficients, floor, seed):
    """With the order known, the interval of the constant contains it."""
    y, floors = sequence(order, constant, coefficients, floor, seed)
    assert not estimate_constant(EPS, y, floors, order).excludes(constant)


@given(st.sampled_from([1.0, 2.0]), CONSTANTS, COEFFICIENTS, st.integers(0, 2**31))
def test_clean_sequences_are_conclusive_and_sharp(order, constant, coefficients, seed):
    """With a floor of 1e-14 the order is known to 1e-2 and the constant to 1e-3, relative."""
    y, floors = sequence(order, constant, coefficients, 1e-14, seed)
    estimate = estimate_order(EPS, y, floors)
    assert estimate.status == "conclusive"
    assert estimate.order.half_width < 1e-2
    assert estimate_constant(EPS, y, floors, order).half_width < 1e-3 * abs(constant)


@given(CONSTANTS, COEFFICIENTS, FLOORS, st.integers(0, 2**31), st.sampled_from([0.5, 1.5, 2.0]))
def test_a_wrong_constant_and_a_wrong_order_are_excluded(constant, coefficients, floor, seed, factor):
    """A constant that is off by a factor, and an order that is off by one half, lie outside conclusive intervals."""
    y, floors = sequence(1.0, constant, coefficients, floor, seed)
    estimate = estimate_order(EPS, y, floors)
    if estimate.status == "conclusive":
        assert estimate.order.excludes(0.5) and estimate.order.excludes(1.5)
        found = estimate_constant(EPS, y, floors, 1.0)
        if found.half_width < 0.2 * abs(constant):
            assert found.excludes(factor * constant)


@given(FLOORS, st.integers(0, 2**31))
def test_pure_noise_is_never_given_an_order(floor, seed):
    """A sequence of nothing but noise is below its floor, not of some order."""
    y, floors = sequence(1.0, 0.0, [0.0, 0.0, 0.0], floor, seed)
    assert estimate_order(EPS, y, floors).status == "below floor"


def test_half_integer_expansions_need_their_spacing():
    """An expansion in powers of sqrt(eps) is extrapolated to its order when the spacing says so."""
    y = EPS**0.5 * (1 + 0.7 * EPS**0.5 - 0.4 * EPS)
    estimate = estimate_order(EPS, y, np.full_like(EPS, 1e-15), spacing=0.5)
    assert estimate.status == "conclusive" and not estimate.order.excludes(0.5)


def test_a_first_step_of_its_own_comes_before_the_spacing():
    """eps, eps^2, eps^(5/2), ...: the constant is known several times better than by all powers of sqrt(eps)."""
    y, floors = EPS * (-0.06 - 5 * EPS + 3 * EPS**1.5), np.full_like(EPS, 1e-12)
    whole, half = (estimate_constant(EPS, y, floors, 1.0, 0.5, first) for first in (1.0, None))
    assert not whole.excludes(-0.06) and whole.half_width < half.half_width / 3


# (gap - limit - a1 eps) / eps^2 of two measured sequences, and bounds of their noise: the error of extrapolated limits
# passes through an extremum at large eps, where two entries of Richardson's table beside each other agree by accident.
TURNING = [
    (-1.3133531785, [-1.250437, -17.622481, -40.141154, -52.670254, -57.159196, -58.597665, -59.05222, -59.192151]),
    (-0.1218849192, [-1.532681, -1.241733, -0.743893, -0.546637, -0.482103, -0.461553, -0.455071, -0.452921]),
]
NOISE = np.array([1e-9, 1.7e-10, 2.1e-12, 2.2e-12, 6.9e-12, 2.1e-11, 6.8e-11, 2.1e-10])


@pytest.mark.parametrize(("slope", "beyond"), TURNING)
def test_an_error_at_its_extremum_does_not_look_exact(slope: float, beyond: list[float]):
    """The limit of a sequence that tends to 0 is not said to be off."""
    eps = 10.0 ** -(1 + np.arange(len(beyond)) / 2)
    limit = estimate_constant(eps, slope * eps + np.array(beyond) * eps**2, NOISE, 0.0)
    assert not limit.excludes(0.0) and limit.half_width < 1e-8


def test_too_few_points_and_a_change_of_sign_are_inconclusive():
    """Three points above the floor are too few, and a change of sign cuts the range."""
    y = np.where(EPS > 0.9e-2, EPS, 0.0)
    assert estimate_order(EPS, y, np.full_like(EPS, 1e-9)).status == "inconclusive"
    window = asymptotic_range(np.sign(EPS - 2e-3) * EPS, np.full_like(EPS, 1e-12))
    assert EPS[window].max() < 2e-3


def test_missing_values_are_left_out():
    """A nan or an infinite floor at one eps shortens the range and spoils nothing else."""
    y, floors = 3 * EPS, np.full_like(EPS, 1e-13)
    y[2], floors[1] = np.nan, np.inf
    estimate = estimate_order(EPS, y, floors)
    assert estimate.status == "conclusive" and not estimate.order.excludes(1.0)
    assert not estimate_constant(EPS[3:], y[3:], floors[3:], 1.0).excludes(3.0)


def test_requests_that_make_no_sense_are_refused():
    """A grid that is not geometric and a table with two entries are errors that say what was expected."""
    with pytest.raises(ValueError, match="geometric"):
        estimate_order(np.array([1.0, 0.5, 0.1]), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="at least 3"):
        extrapolate(np.ones(2), np.zeros(2), 2.0)


def test_logarithms_and_signs_are_told():
    """h log(1/h) is never given an order that leaves out 1, and of alternating signs it is said that they alternate."""
    step = 10.0 ** -np.arange(1.0, 6.25, 0.5)
    floor = np.full_like(step, 1e-15)
    logarithmic = estimate_order(step, step * np.log(1 / step), floor)
    assert logarithmic.status != "conclusive" or not logarithmic.order.excludes(1.0)
    alternating = estimate_order(step, step * (-1.0) ** np.arange(step.size), floor)
    assert alternating.status == "inconclusive" and "sign" in alternating.reason


def test_noise_in_the_middle_does_not_hide_a_power():
    """Orders that were on their way where errors were largest, and have arrived since, are those of a power."""
    per_eps = np.array([0.455, 1.552, 4.201, 7.116, 7.155, 7.0695, 7.0409, 7.03177, 7.02886, 7.02794, 7.02765])
    relative = np.array([2e-2, 1e-2, 2e-2, 1e-2, 1e-4, 1e-6, 1e-8, 1e-8, 1e-8, 1e-7, 1e-6])
    estimate = estimate_order(EPS, per_eps * EPS, relative * per_eps * EPS)
    assert estimate.status == "conclusive" and abs(estimate.order.value - 1) < 1e-3
    # The same noise does not make a power of a logarithm.
    logarithmic = EPS * np.log(1 / EPS)
    assert estimate_order(EPS, logarithmic, relative * logarithmic).drifts
