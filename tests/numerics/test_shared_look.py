"""The look that all points of an account share, beside the one that a point has of its own (`scan`)."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics import measurement
from elbogap.numerics.frame import frame_of
from elbogap.numerics.measurement import distinct_modes, glances_of, measure, with_missed
from elbogap.numerics.missed import unseen_ratio
from elbogap.numerics.model import LatentModel
from elbogap.numerics.modes import Mode
from elbogap.numerics.scan import Scan
from elbogap.numerics.shared_look import shared_look

DATA = [np.array(x) for x in ([1.0, 0.3, 0.1], [0.4, -0.5, 0.0], [1.6, 0.9, -0.2])]
NOISE = (1e-1, 1e-2, 1e-4)


def fold(z):
    """Two preimages, z_0 = +-sqrt(x_0), of every x on the manifold."""
    return jnp.stack([z[0] ** 2, z[1] + 0.2 * z[0] ** 2, 0.1 * z[1]])


def wave(z):
    """A wave in each latent: several preimages of each output, and their combinations."""
    turned = jnp.stack([z[0], z[1]]) + 0.8 * jnp.sin(3.0 * z)
    return jnp.stack([turned[0], turned[1], 0.1 * z[0]])


@cache
def model_of(decoder) -> LatentModel:
    """The model of a decoder of two latents."""
    return LatentModel(decoder, 2, noise_var=NOISE[0])


@cache
def glances(decoder):
    """What is shared by all x and noise variances."""
    return list(glances_of(model_of(decoder), DATA))


@cache
def looked(decoder):
    """The shared look of a decoder as one program of noise variance, x and glance."""
    model = model_of(decoder)
    return jax.jit(lambda eps, x, glance: shared_look(model.with_noise(eps), x, frame_of(model), glance))


ratio = eqx.filter_jit(unseen_ratio)


def kept(modes: Mode) -> np.ndarray:
    """The points of the modes, sorted."""
    points = np.asarray(modes.point)[np.asarray(modes.converged)]
    return points[np.lexsort(np.round(points, 6).T)]


@pytest.mark.parametrize("noise_var", NOISE)
@pytest.mark.parametrize("decoder", [fold, pytest.param(wave, marks=pytest.mark.slow)])  # 20 s to compile each
def test_the_shared_look_finds_what_a_look_of_its_own_finds(decoder, noise_var):
    """For each x and noise variance the modes are the same as without sharing, and more than one at the least noise."""
    model, start = model_of(decoder).with_noise(noise_var), jnp.zeros((1, 2))
    for x, glance in zip(DATA, glances(decoder), strict=True):
        alone, _ = distinct_modes(model, jnp.asarray(x), start)
        shared, missed = distinct_modes(model, jnp.asarray(x), start, glance=glance)
        assert kept(shared) == pytest.approx(kept(alone), abs=1e-6)
        assert missed < 1e-6
    assert len(kept(shared)) > 1 or noise_var > 1e-4


@pytest.mark.parametrize("decoder", [fold, pytest.param(wave, marks=pytest.mark.slow)])
def test_a_mode_that_is_missed_is_in_the_error(decoder):
    """Without its best mode, what the look has seen says so: the error grows by at least what the evidence lacks."""
    model, x = model_of(decoder).with_noise(1e-3), jnp.asarray(DATA[0])
    modes, _ = distinct_modes(model, x, jnp.zeros((1, 2)), glance=glances(decoder)[0])
    scan = looked(decoder)(1e-3, x, glances(decoder)[0])
    assert int(np.sum(modes.converged)) > 1
    without = modes._replace(converged=modes.converged.at[0].set(False))
    whole, less = (measure(model, x, part, None, None) for part in (modes, without))
    lacks = float(whole.log_likelihood - less.log_likelihood)
    assert float(ratio(model, modes, scan)) < 1e-6
    added = with_missed(less._replace(gap_error=0.0), float(ratio(model, without, scan))).gap_error
    assert float(added) >= lacks > 0.1


def test_a_look_that_is_cut_short_states_it(monkeypatch):
    """Where Newton is not started at the best point of the look, an account's search states the mass that it lost."""
    model, x = model_of(fold).with_noise(1e-4), jnp.asarray(DATA[0])
    start = jnp.asarray([[1.0, 0.1]])
    monkeypatch.setattr(measurement, "with_scanned", lambda model, x, scan: (start, jnp.ones(1, bool)))
    search = measurement._all_modes_of_look.__wrapped__
    modes, missed = jax.jit(lambda glance: search(model, x, start, glance))(glances(fold)[0])
    assert len(np.unique(np.round(kept(modes), 4), axis=0)) == 1 and float(missed) > 0.5


def test_what_is_added_late_counts():
    """Mass that the last look at combinations still added is as much in the ratio as mass beside the modes."""
    model, x = model_of(fold).with_noise(1e-2), jnp.asarray(DATA[0])
    modes, _ = distinct_modes(model, x, jnp.zeros((1, 2)), glance=glances(fold)[0])
    scan: Scan = looked(fold)(1e-2, x, glances(fold)[0])
    late = scan._replace(late=jnp.max(scan.log_mass(frame_of(model))))
    assert float(ratio(model, modes, late)) > 0.1
