"""Float64 gaps of `numerics` held against enclosures: each lies within its own error estimate of the true value."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from budgets import budget
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("flint", reason="enclosures need the extra `rigorous`")

from elbogap.enclosures.balls import rational
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.likelihood import log_likelihood
from elbogap.enclosures.shear import ShearInstance, shear_instance
from elbogap.numerics.families.linear import draw_linear
from elbogap.numerics.families.shear import Shear, draw_shear
from elbogap.numerics.gap import GapMeasurement, measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.theory.series import decoders as series_decoders
from flint import ctx, fmpq

BATCH = 48
# Dyadic numbers of few bits: the decoder, g and x = f(g) are exact in float64.
GRID = 64
DIGITS = 20


def draw(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """BATCH shears: rotation-like matrices kept away from singular, gentle profiles, points in the prior's bulk."""

    def dyadic(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.integers(round(low * GRID), round(high * GRID), (BATCH, *shape)) / GRID

    matrix = np.eye(2) + dyadic(-0.5, 0.5, 2, 2)
    eps = 2.0 ** -rng.integers(4, 20, BATCH)
    return matrix, dyadic(-0.4, 0.4, 1), dyadic(-0.2, 0.2, 1), dyadic(-1.5, 1.5, 2), eps


@eqx.filter_jit
@eqx.filter_vmap
def measured(matrix: jax.Array, quadratic: jax.Array, cubic: jax.Array, g: jax.Array, eps: jax.Array) -> GapMeasurement:
    """The float64 gap at x = f(g)."""
    decoder = Shear(matrix, quadratic, cubic)
    return measure_gap(LatentModel(decoder, 2, noise_var=eps), decoder(g), start=g)


def exact(value: np.ndarray) -> fmpq:
    """A float64 as the rational that it is."""
    return fmpq(*float(value).as_integer_ratio())


def instance(matrix: np.ndarray, quadratic: np.ndarray, cubic: np.ndarray, g: np.ndarray) -> ShearInstance:
    """The same decoder and point in exact rationals."""
    profile = [0, 0, exact(quadratic[0]), exact(cubic[0])]
    return shear_instance([[exact(entry) for entry in row] for row in matrix], [profile], [exact(entry) for entry in g])


@budget(0.05)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_float_gap_lies_within_its_error_estimate(seed: int) -> None:
    """The float64 gap differs from the enclosed gap by at most the error that `measure_gap` itself states."""
    batch = draw(np.random.default_rng(seed))
    found = measured(*(jnp.asarray(part) for part in batch))
    assert bool(found.converged.all())
    for k in range(BATCH):
        case = instance(*(part[k] for part in batch[:4]))
        enclosure = gap_at(case, exact(batch[4][k]), DIGITS).gap
        error = abs(enclosure - exact(found.gap[k]))
        stated = exact(found.gap_error[k])
        assert error <= stated, (
            f"{case} at eps = {batch[4][k]}: error {error} above the stated {float(found.gap_error[k])}"
        )


def test_the_comparison_can_fail() -> None:
    """A gap that is off by ten times its error estimate is not accepted, so the comparison is not empty."""
    batch = draw(np.random.default_rng(0))
    found = measured(*(jnp.asarray(part) for part in batch))
    for k in range(3):
        enclosure = gap_at(instance(*(part[k] for part in batch[:4])), exact(batch[4][k]), DIGITS).gap
        wrong = exact(found.gap[k]) + 10 * exact(found.gap_error[k])
        assert abs(enclosure - wrong) > exact(found.gap_error[k])


def test_floats_are_refused_as_data() -> None:
    """A float cannot enter an instance: it would not be the number that is meant."""
    with pytest.raises(ValueError, match="exact numbers"):
        rational(0.1)


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_symbolic_decoders_repeat_the_families(latent_dim: int) -> None:
    """The SymPy shear and linear decoder, as JAX functions, equal the families of `numerics` with their parameters."""
    rng = np.random.default_rng(latent_dim)
    drawn, line = draw_shear(rng, latent_dim), draw_linear(rng, latent_dim)
    profiles = [
        lambda t, q=quadratic, r=cubic: (
            sympy.Rational(*float(q).as_integer_ratio()) * t**2 + sympy.Rational(*float(r).as_integer_ratio()) * t**3
        )
        for quadratic, cubic in zip(drawn.quadratic, drawn.cubic, strict=True)
    ]
    pairs = (
        (drawn, series_decoders.shear(exact_rows(drawn.matrix), profiles)),
        (line, series_decoders.linear(exact_rows(line.matrix))),
    )
    for decoder, symbolic in pairs:
        z = jnp.asarray(rng.normal(size=latent_dim))
        again = jnp.stack(symbolic.callable_form(jnp)(*z))
        # A few dozen float64 operations on numbers of order one.
        value = decoder(z) - decoder(jnp.zeros(latent_dim))  # the family's linear decoders have a shift
        assert jnp.allclose(again, value, rtol=0, atol=1e-13)
        assert not jnp.allclose(again, value + decoder(z + 0.1) - decoder(z), rtol=0, atol=1e-3)


def exact_rows(matrix: np.ndarray) -> list[list[sympy.Rational]]:
    """A float64 matrix as the rationals that its entries are."""
    return [[sympy.Rational(*float(entry).as_integer_ratio()) for entry in row] for row in matrix]


def test_float_log_likelihood_lies_within_its_error_estimate() -> None:
    """The same for log p_eps(x), whose constants the enclosure adds in ball arithmetic."""
    batch = draw(np.random.default_rng(7))
    found = measured(*(jnp.asarray(part) for part in batch))
    for k in range(BATCH):
        with ctx.workprec(100):
            proved = log_likelihood(instance(*(part[k] for part in batch[:4])), exact(batch[4][k]))
            assert abs(proved - exact(found.log_likelihood[k])) <= exact(found.log_likelihood_error[k])
