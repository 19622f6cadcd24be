"""The second look of a search: combinations of what the first has found, and points along the axes from it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.frame import Frame, Local
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Normal
from elbogap.numerics.recombine import recombined, surroundings

# Two waves a z + b sin(w z + p), each in a latent of its own; the first datum lies 28 prior deviations out.
A, B, W, P = np.array([[0.164, 0.206], [0.79, 1.066], [2.634, 2.767], [1.82, 4.244]])
EPS, SCALE, X = 1.6e-4, 1.6, np.array([-5.1, 0.05])


def waves(z):
    """Two outputs, one for each latent."""
    return A * z + B * jnp.sin(W * z + P)


def log_evidence_of_line(k):
    """log p of one latent and its output, by the trapezoid rule in NumPy, some 30 points to a posterior deviation."""
    z = np.linspace(-60, 60, 1_000_001)
    r = A[k] * z + B[k] * np.sin(W[k] * z + P[k]) - X[k]
    e = -(r**2) / (2 * EPS) - z**2 / (2 * SCALE**2) - 0.5 * np.log(2 * np.pi * EPS) - 0.5 * np.log(2 * np.pi * SCALE**2)
    return e.max() + np.log(np.sum(np.exp(e - e.max())) * 120e-6)


def test_modes_far_out_that_a_scan_passes_over_are_found():
    """Of some forty modes, 28 prior deviations out, none is missed: log p is the sum of the two lines', to 1e-3."""
    model = LatentModel(waves, 2, prior=Normal(0.0, SCALE), noise_var=EPS)
    found = jax.jit(lambda x: log_likelihood(model, x, full_output=True))(X)
    true = log_evidence_of_line(0) + log_evidence_of_line(1)
    # 1e-11: round-off of the reference, whose exponents reach 1e5.
    assert abs(float(found.value) - true) <= float(found.error) + 1e-11 < 1e-3


def test_each_coordinate_of_each_find_is_tried_in_each_other():
    """Of three corners of a rectangle the fourth is made by an exchange of coordinates, and of turned ones by a sum."""
    rest = np.full((29, 2), 9.0)
    corners, fourth = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), np.array([2.0, 3.0])
    triples = np.indices((3, 3, 3)).reshape(3, -1)
    points = jnp.asarray(np.concatenate([corners, rest]))
    tried = np.asarray(surroundings(points, jnp.eye(2), points[triples]))
    assert np.any(np.all(tried == fourth, axis=1))
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    points = jnp.asarray(np.concatenate([corners @ turn.T, rest]))
    tried = np.asarray(surroundings(points, jnp.eye(2), points[triples]))
    assert np.min(np.linalg.norm(tried - turn @ fourth, axis=1)) < 1e-12


def test_points_along_the_axes_are_in_prior_deviations():
    """From a find, points lie along each axis to both sides, up to twenty prior deviations."""
    tried = np.asarray(surroundings(jnp.zeros((32, 2)), jnp.diag(jnp.array([1.0, 0.5])), jnp.zeros((3, 1, 2))))
    assert tried.max(axis=0) == pytest.approx([20.0, 10.0]) and tried.min(axis=0) == pytest.approx([-20.0, -10.0])


@pytest.mark.parametrize("start", [40, 100])
def test_of_hundreds_of_modes_no_more_are_missing_than_the_last_look_adds(start):
    """Of 343 equal modes on a turned lattice, some found: the last look adds at least as many as it leaves."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    lattice = np.indices([7, 7, 7]).reshape(3, -1).T - 3.0

    def polish(z, steps):
        place = turn @ jnp.clip(jnp.round(turn.T @ z), -3, 3)
        return Local(place, jnp.zeros(()), jnp.zeros(3), jnp.zeros(()), jnp.zeros(()), 1e4 * jnp.eye(3))

    chosen = np.random.default_rng(1).choice(len(lattice), start, replace=False)
    first = jax.vmap(lambda z: polish(z, 0))(jnp.asarray(lattice[chosen] @ turn.T))
    frame = Frame(jnp.zeros(3), jnp.eye(3), jnp.eye(3))
    found, late = jax.jit(lambda first: recombined(first, frame, polish, 0.4))(first)
    modes = {tuple(np.round(turn.T @ point).astype(int)) for point in np.asarray(found.point)}
    assert start + 100 < len(modes)
    assert len(lattice) - len(modes) <= np.exp(float(late)) * (1 + 1e-12)
