"""The error of a mean of heavy-tailed terms, on draws whose mean and index are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.frame import frame_of
from elbogap.numerics.heavy_tails import mean_error, pareto_index
from elbogap.numerics.missed import missed_ratio
from elbogap.numerics.model import LatentModel
from elbogap.numerics.modes import find_modes
from elbogap.numerics.scan import look

DRAWS = 4096
SAMPLES = 200


def pareto(k, seed, samples=SAMPLES):
    """Samples with P(t > s) = s^(-1/k), k < 1: their mean is 1 / (1 - k)."""
    return (1 - np.random.default_rng(seed).random((samples, DRAWS))) ** -k


@pytest.mark.parametrize("k", [0.3, 0.8, 1.5])
def test_index_of_pareto_draws(k):
    """The median fitted index of Pareto draws is theirs, up to the pull of the prior towards 1/2."""
    found = np.asarray(jax.jit(jax.vmap(pareto_index))(jnp.asarray(pareto(k, 0))))
    terms = 3 * np.sqrt(DRAWS)
    pulled = (k * terms + 5) / (terms + 10)
    # The fit's standard deviation is (1 + k) / sqrt(terms); the median of 200 has an eleventh of it.
    assert np.median(found) == pytest.approx(pulled, abs=4 * (1 + k) / np.sqrt(terms) / 11)


def test_index_of_what_has_no_tail():
    """Equal terms have the index 0, uniform ones a negative one, and signs do not matter."""
    uniform = jnp.asarray(np.random.default_rng(1).random(DRAWS))
    assert float(pareto_index(jnp.ones(DRAWS))) == 0.0
    assert float(pareto_index(uniform)) < -0.5
    assert float(pareto_index(-uniform)) == float(pareto_index(uniform))


def test_error_of_a_heavy_mean():
    """At index .9 the stated error covers 96 of 100 means at least, where standard errors miss every third."""
    terms = pareto(0.9, 2)
    missed = np.abs(terms.mean(axis=1) - 10)
    stated = np.asarray(jax.jit(jax.vmap(mean_error))(jnp.asarray(terms)))
    plain = 4 * terms.std(axis=1) / np.sqrt(DRAWS) + terms.max(axis=1) / DRAWS
    # 28 of 1000 were missed: a tail that a sample does not show is in no estimate from it.
    assert np.mean(missed > stated) <= 0.04
    assert np.mean(missed > plain) > 1 / 3


def test_error_of_a_light_mean_is_four_standard_errors():
    """Normal terms keep four standard errors and the largest term; an index above 1 has no error to state."""
    normal = np.random.default_rng(3).normal(size=DRAWS)
    plain = 4 * normal.std() / np.sqrt(DRAWS) + np.abs(normal).max() / DRAWS
    assert float(mean_error(jnp.asarray(normal))) == pytest.approx(plain, rel=1e-12)
    assert float(mean_error(jnp.asarray(pareto(1.5, 4, 1)[0]))) == np.inf
    for bad in (np.nan, np.inf):
        assert float(mean_error(jnp.asarray(np.append(normal[1:], bad)))) == np.inf


def test_every_mode_left_out_counts():
    """When one of the sixteen equal modes of |z_k| is known, the other fifteen are what may be missing."""
    model = LatentModel(jnp.abs, 4, noise_var=1e-4)
    x = jnp.full(4, 0.7)

    @jax.jit
    def measured(start):
        scan = look(model, x, frame_of(model))
        return missed_ratio(model, find_modes(model, x, start), scan)

    signs = np.array(np.meshgrid(*[[-0.7, 0.7]] * 4)).reshape(4, -1).T
    assert float(measured(jnp.asarray(signs))) < 1e-6
    # Half of the mass or more in the unknown: nothing is stated.
    assert float(measured(jnp.asarray(np.repeat(signs[:1], 16, axis=0)))) == np.inf
    # 5 (15 - 12) / 13 would be the estimate with thirteen known.
    assert float(measured(jnp.asarray(np.concatenate([signs[:14], signs[:2]])))) == pytest.approx(5 * 2 / 14, rel=0.05)
