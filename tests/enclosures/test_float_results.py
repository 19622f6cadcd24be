"""Float64 gaps of `numerics` held against enclosures: each lies within its own error estimate of the true value."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("flint", reason="enclosures need the extra `rigorous`")

from elbogap.enclosures.balls import rational
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.shear import ShearInstance, shear_instance
from elbogap.numerics.families.shear import Shear
from elbogap.numerics.gap import GapMeasurement, measure_gap
from elbogap.numerics.model import LatentModel
from flint import fmpq

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


@settings(max_examples=5)
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
