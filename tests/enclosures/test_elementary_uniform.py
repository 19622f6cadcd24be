"""Enclosures of elementary decoders for every noise variance up to one: by other routes, and where they stop."""

from itertools import pairwise

import pytest
import sympy
from elbogap.enclosures.balls import square
from elbogap.enclosures.elementary.encoder_model import Path, Walk, best_path
from elbogap.enclosures.elementary.eps_model import EpsModel
from elbogap.enclosures.elementary.fixed import enclose
from elbogap.enclosures.elementary.instance import Instance
from elbogap.enclosures.elementary.landscape import find_barrier
from elbogap.enclosures.elementary.likelihood_model import derivative_size, likelihood_model
from elbogap.enclosures.elementary.maximality import largest_expectation, setting
from elbogap.enclosures.elementary.program import compiled
from elbogap.enclosures.elementary.small_noise import Ground, TooWideError
from elbogap.enclosures.elementary.uniform import UniformElementary, enclose_uniform
from elbogap.enclosures.maximiser import EnclosureError
from elbogap.theory.series.decoders import SymbolicDecoder, latent_symbols
from flint import arb, arb_series, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

Z1, Z2 = latent_symbols(2)
HUNDREDTH = fmpq(1, 100)
CURVE = Instance(SymbolicDecoder("curve", (Z1,), (Z1, sympy.exp(Z1 / 2))), (fmpq(7, 10),))
SINE = Instance(SymbolicDecoder("sine", (Z1, Z2), (Z1 + sympy.sin(Z2) / 2, Z2)), (fmpq(7, 10), fmpq(-2, 5)))


@pytest.fixture(scope="module")
def ground() -> Ground:
    """The curve (z, exp(z/2)) up to 1/100, with three powers of eps."""
    with ctx.workprec(96):
        barrier = find_barrier(CURVE, fmpq(3, 5), None)
        assert barrier is not None
        return Ground(CURVE, HUNDREDTH, barrier, 3)


@pytest.fixture(scope="module")
def sine() -> UniformElementary:
    """(z_1 + sin(z_2)/2, z_2) for every eps up to 1/100."""
    return enclose_uniform(SINE, HUNDREDTH)


def test_every_noise_variance_tried_lies_inside(sine: UniformElementary) -> None:
    """The slope at single noise variances, by the other route, lies on its piece; and the limit is the exact a_1."""
    ends = [(start, end) for start, end, _ in sine.parts]
    assert ends[0][0] == 0 and ends[-1][1] == HUNDREDTH and all(a[1] == b[0] for a, b in pairwise(ends))
    for eps in (HUNDREDTH, fmpq(1, 300)):
        found = enclose(SINE, eps).slope
        with ctx.workprec(96):
            (part,) = [value for start, end, value in sine.parts if start < eps <= end]
            assert part.contains(found) and sine.slope.contains(found)
            assert not part.contains(found + fmpq(1, 50))
    with ctx.workprec(96):
        assert sine.parts[0][2].contains(SINE.coefficients(1).gap[0])
    assert sine.order_is_one


def test_two_sines_are_enclosed() -> None:
    """A decoder in which both outputs are transcendental: (z_1 + sin(z_2)/4, z_2 + sin(z_1)/5)."""
    outputs = (Z1 + sympy.sin(Z2) / 4, Z2 + sympy.sin(Z1) / 5)
    found = enclose_uniform(Instance(SymbolicDecoder("sines", (Z1, Z2), outputs), SINE.point), HUNDREDTH)
    assert found.order_is_one and found.slope < 0


def test_coefficients_are_those_of_the_series(ground: Ground) -> None:
    """log J and G have the coefficients L_n and E_n of the series engine, which shares nothing with these moments."""
    with ctx.workprec(96):
        series = CURVE.coefficients(3)
        likelihood, encoder = likelihood_model(ground), Walk(ground, best_path(ground)).enclosed()
        for k in range(1, 4):
            assert likelihood.coefficients[k].overlaps(series.log_likelihood[k - 1])
            # G is E_n up to the rounding of the path.
            assert abs(encoder.value.coefficients[k] - series.elbo[k - 1]) < arb(2) ** -30
            assert not likelihood.coefficients[k].overlaps(series.elbo[k - 1])


def test_the_path_matters(ground: Ground) -> None:
    """Along the best path the gradient is smaller by far than along one with a wrong term."""
    with ctx.workprec(96):
        path = best_path(ground)
        wrong = Path(path.mean, ((path.deviation[0][0] + 1, *path.deviation[0][1:]),))
        good, bad = (Walk(ground, one).enclosed().by_deviation[0] for one in (path, wrong))
        assert 100 * good < bad


@settings(max_examples=15, deadline=None)
@given(x=st.integers(-32, 32), xi=st.integers(1, 10))
def test_derivatives_in_the_noise_are_bounded(ground: Ground, x: int, xi: int) -> None:
    """|E_m| at a point, from series at one number, is at most the bound on a box and a ball around it."""
    place, noise = fmpq(x, 8), fmpq(xi, 100)
    if abs(place * noise) > ground.reach:
        return
    m = ground.derivatives
    with ctx.workprec(200):
        # [s^m] exp(-U(x; xi + s)), by the series of f along the ray divided by that of h^2.
        size, cap = m + 1, ctx.cap
        ctx.cap = size
        step = arb_series([arb(noise), 1], size) * arb(CURVE.scale[0]) * arb(place)
        z = step + arb(CURVE.point[0])
        image, _ = CURVE.at_point()
        misfit = sum(
            ((value - at) * (value - at) / 2 for value, at in zip(CURVE.function([z]), image, strict=True)),
            arb_series([0], size),
        )
        noises = arb_series([arb(noise), 1], size)
        total = misfit / (noises * noises) + step * arb(CURVE.point[0]) + step * step / 2
        exact = (-total).exp()[m]
        ctx.cap = cap
    with ctx.workprec(96):
        box = ((place - fmpq(1, 16), place + fmpq(1, 16)),)
        bound = derivative_size(ground, box, arb(noise).union(arb(noise) * fmpq(9, 8)))
        assert exact.is_finite() and not abs(exact) > bound


def test_models_hold_what_they_stand_for() -> None:
    """Products and logarithms of models hold the true values at every eps tried, and not values elsewhere."""
    with ctx.workprec(96):
        u = EpsModel((arb(0), arb(2), arb(-3)), arb(0), fmpq(1, 20))
        for k in range(1, 21):
            eps = fmpq(k, 400)
            exact = arb(2 * eps - 3 * eps**2)
            for model, value in ((u * u, exact * exact), (u.log1p(), (1 + exact).log())):
                found = model.on(arb(eps))
                assert found.overlaps(value) and not found.overlaps(value + fmpq(1, 100))
        with pytest.raises(TooWideError):
            EpsModel((arb(0), arb(30), arb(0)), arb(0), fmpq(1, 20)).log1p()


@pytest.mark.parametrize("name", ["tanh", "asinh", "sinh", "cosh"])
def test_series_of_functions_are_right(name: str) -> None:
    """Power series of the functions that Arb's series lack have SymPy's Taylor coefficients."""
    t = sympy.Symbol("t")
    function = getattr(sympy, name)
    exact = sympy.series(function(sympy.Rational(1, 3) + 2 * t - t**2), t, 0, 6).removeO()
    with ctx.workprec(96):
        cap, ctx.cap = ctx.cap, 6
        try:
            (found,) = compiled([function(Z1)], [Z1])([arb_series([arb(1) / 3, 2, -1], 6)])
        finally:
            ctx.cap = cap
        for k in range(6):
            assert abs(found[k] - arb(str(sympy.N(exact.coeff(t, k), 30)))) < arb(10) ** -20


def test_the_square_of_a_ball_about_zero_is_known() -> None:
    """The square of a ball centred at zero is [0, r^2]: Arb's own power knows nothing there."""
    with ctx.workprec(64):
        ball = arb(0, 1) / 3
        assert not (ball**2).is_finite()
        assert square(ball).contains(0) and square(ball) < fmpq(1, 8)
        assert square(arb(-3)) == 9


def test_what_is_not_proved_is_said() -> None:
    """Without growth of the misfit, for eps too large, or where smaller eps need another argument: one reason each."""
    folded = Instance(SymbolicDecoder("folded", (Z1,), (sympy.sin(Z1),)), (fmpq(1, 2),))
    with pytest.raises(EnclosureError, match="no growth of the misfit"):
        enclose_uniform(folded, HUNDREDTH)
    with pytest.raises(EnclosureError, match=r"not proved|not excluded|too large|wider than|not bounded"):
        enclose_uniform(CURVE, fmpq(2))
    with pytest.raises(ValueError, match="expected eps0 > 0"):
        enclose_uniform(SINE, fmpq(0))
    with ctx.workprec(64):
        barrier = find_barrier(SINE, fmpq(1, 2), None)
        assert barrier is not None
        wide, level = fmpq(1), arb(-4)
        with pytest.raises(EnclosureError, match="not excluded"):
            largest_expectation(setting(SINE, wide, barrier, all_smaller=True), level)
