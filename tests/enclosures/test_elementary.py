"""Enclosures of elementary decoders at one noise variance: by other routes, their supremum, and where they stop."""

import pytest
import sympy
from elbogap.enclosures import one_dimensional
from elbogap.enclosures.balls import rational
from elbogap.enclosures.elementary.fixed import FixedEnclosure, enclose
from elbogap.enclosures.elementary.instance import Instance
from elbogap.enclosures.elementary.integrals import Encoder, moments
from elbogap.enclosures.elementary.landscape import curvature_rings, find_barrier
from elbogap.enclosures.elementary.maximality import concavity, setting
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.maximiser import EnclosureError
from elbogap.enclosures.shear import ShearInstance, symbolic_decoder
from elbogap.theory.series.decoders import SymbolicDecoder, f2, latent_symbols
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

Z1, Z2 = latent_symbols(2)
POINT = (fmpq(7, 10), fmpq(-2, 5))
HUNDREDTH = fmpq(1, 100)


def plane(*outputs: sympy.Expr, point: tuple[fmpq, ...] = POINT) -> Instance:
    """A decoder of two latents at a point."""
    return Instance(SymbolicDecoder("plane", (Z1, Z2), outputs), point)


def line(*outputs: sympy.Expr) -> Instance:
    """A decoder of one latent at 1/2."""
    return Instance(SymbolicDecoder("line", (Z1,), outputs), (fmpq(1, 2),))


@pytest.fixture(scope="module")
def sine() -> FixedEnclosure:
    """The shear (z_1 + sin(z_2)/2, z_2) at eps = 1/100."""
    return enclose(plane(Z1 + sympy.sin(Z2) / 2, Z2), HUNDREDTH)


@pytest.fixture(scope="module")
def tanh() -> FixedEnclosure:
    """z + tanh(z)/2 at eps = 1/100."""
    return enclose(line(Z1 + sympy.tanh(Z1) / 2), HUNDREDTH)


@pytest.mark.slow
def test_the_gap_of_the_table(sine: FixedEnclosure) -> None:
    """f2 at eps = 1/100 has the slope -.08231 of the tables, to 12 digits here, and its best encoder is the best."""
    found = enclose(Instance(f2(), POINT), HUNDREDTH)
    assert found.supremum is not None
    with ctx.workprec(128):
        assert abs(found.slope + fmpq(8231, 10**5)) < fmpq(1, 10**5)
        assert found.gap.rad() < arb(10) ** -13
        # Exactness at finite noise and the flipped slope are excluded.
        assert not found.gap.overlaps(found.instance.contrast())
        assert not found.slope.overlaps(-found.slope)
    assert sine.supremum is not None


@pytest.mark.slow
def test_polynomial_shears_agree_with_their_exact_reduction(reference: ShearInstance) -> None:
    """On a shear the two-dimensional engine contains the gap, the mean and the variance of the exact reduction."""
    other = gap_at(reference, fmpq(1, 1000), 30)
    found = enclose(Instance(symbolic_decoder(reference), reference.point), fmpq(1, 1000))
    assert found.supremum is not None
    with ctx.workprec(200):
        assert found.gap.contains(other.gap)
        assert found.mean[1].overlaps(reference.driver + fmpq(1, 1000) * other.box.mean)
        assert found.variance[1].overlaps(fmpq(1, 1000) * other.box.variance)
        assert not found.variance[1].overlaps(fmpq(1, 1000) * other.box.variance * fmpq(1001, 1000))


@pytest.mark.parametrize("outputs", [(Z1 + sympy.tanh(Z1) / 2,), (Z1 + sympy.sin(Z1) / 2, sympy.exp(Z1 / 2))])
def test_one_latent_agrees_with_arbs_quadrature_and_krawczyk(outputs: tuple) -> None:
    """With one latent both routes enclose the same log p and gap; only this one proves that the encoder is the best."""
    eps = fmpq(1, 1000)
    found = enclose(line(*outputs), eps)
    other = one_dimensional.gap_at(
        one_dimensional.OneDimensional(SymbolicDecoder("line", (Z1,), outputs), fmpq(1, 2)), eps, 20
    )
    assert found.supremum is not None
    with ctx.workprec(120):
        assert found.log_likelihood.overlaps(other.log_likelihood) and found.gap.overlaps(other.gap)
        assert not found.gap.overlaps(other.gap * fmpq(11, 10))


def test_the_series_is_met(sine: FixedEnclosure) -> None:
    """(gap - c)/eps - a_1 - a_2 eps - a_3 eps^2 = O(eps^3) with the coefficients in balls."""
    with ctx.workprec(128):
        a1, a2, a3, a4 = sine.instance.coefficients(4).gap
        residual = sine.slope - a1 - a2 / 100 - a3 / 10**4
        # The next term, three times over.
        assert abs(residual) < 3 * abs(a4) / 10**6
        assert abs(residual) < abs(a3) / 10**4


def test_off_the_manifold_the_hessian_takes_the_place_of_the_metric() -> None:
    """Off a curve 1/sigma^2 tends to (A - nu.H)/eps, not to A/eps, and the gap has the series' slope."""
    curve = SymbolicDecoder("curve", (Z1,), (Z1, Z1**2 / 4 + sympy.sin(Z1)))
    moved = Instance(curve, POINT[:1], (fmpq(-1, 2), fmpq(0)))
    found = enclose(moved, fmpq(1, 10**4))
    assert found.supremum is not None
    with ctx.workprec(128):
        a1 = moved.coefficients(1).gap[0]
        assert abs(found.slope / a1 - 1) < fmpq(1, 100)
        bare = Instance(curve, POINT[:1])
        hessian, metric = (case.hessian([arb(POINT[0])])[0][0] for case in (moved, bare))
        assert abs(found.variance[0] * 10**4 * hessian - 1) < fmpq(1, 1000)
        assert abs(found.variance[0] * 10**4 * metric - 1) > fmpq(1, 100)


def test_other_preimages_are_not_overlooked() -> None:
    """Where x has other preimages the supremum is not claimed: only one encoder's ELBO and the gap's upper bound."""
    found = enclose(line(sympy.sin(Z1)), HUNDREDTH)
    assert found.supremum is None and found.unproved
    assert found.gap > 0


@settings(max_examples=20)
@given(shift=st.integers(-24, 24), stretch=st.integers(-8, 20))
def test_no_encoder_beats_the_supremum(tanh: FixedEnclosure, shift: int, stretch: int) -> None:
    """No encoder's G exceeds the proved supremum, and near it G falls at least as the proved concavity says."""
    best, base = tanh.supremum, tanh.encoder
    assert best is not None
    other = Encoder((base.mean[0] + fmpq(shift, 8),), (base.deviation[0] * (1 + fmpq(stretch, 10)),))
    with ctx.workprec(80):
        top = moments(tanh.instance, HUNDREDTH, base, 6).value + best.excess
        value = moments(tanh.instance, HUNDREDTH, other, 6).value
        assert not value > top + arb(10) ** -5
        distance = (other.mean[0] - base.mean[0]) ** 2 + (other.deviation[0] - base.deviation[0]) ** 2
        if distance < 1:  # well inside the set on which strong concavity is proved
            assert not value > top - best.concavity * distance / 2 + arb(10) ** -5
            assert not distance > fmpq(1, 10) or value < top - arb(10) ** -3


def test_a_level_too_low_confines_nothing() -> None:
    """With a lower bound far below the maximum the proof of concavity does not go through: it can fail."""
    case = plane(Z1 + sympy.sin(Z2) / 2, Z2)
    with ctx.workprec(64):
        barrier = find_barrier(case, fmpq(1, 2), HUNDREDTH)
        assert barrier is not None
        with pytest.raises(EnclosureError):
            concavity(setting(case, HUNDREDTH, barrier), curvature_rings(case), arb(-40))


def test_a_barrier_is_a_lower_bound() -> None:
    """V >= theta/2 min(y'Ry, B^2) at points drawn over a wide range, and a steeper one is not found."""
    case = plane(Z1 + sympy.sin(Z2) / 2, Z2)
    with ctx.workprec(64):
        barrier = find_barrier(case, fmpq(1, 2), None)
        assert barrier is not None and find_barrier(case, fmpq(3, 2), None) is None
        matrix = case.correlation()
        for n in range(-20, 21):
            for m in range(-20, 21):
                y = [arb(fmpq(n, 4)), arb(fmpq(m, 4))]
                form = matrix[0][0] * y[0] ** 2 + 2 * matrix[0][1] * y[0] * y[1] + matrix[1][1] * y[1] ** 2
                claimed = barrier.theta / 2 * form.min(arb(barrier.reach) ** 2)
                assert not case.potential(case.place(y)) < claimed


def test_a_point_where_the_decoder_folds_is_refused() -> None:
    """A Hessian that is not positive definite, and eps <= 0, are refused with one line."""
    with pytest.raises(EnclosureError, match="not positive definite"):
        _ = plane(Z1**2, Z2, point=(fmpq(0), fmpq(1))).scale
    with pytest.raises(ValueError, match="expected a number > 0"):
        enclose(line(Z1), rational("0"))
