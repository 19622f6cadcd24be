"""The balls around modes: each has its own mass inside, nothing far out, and their shares add up."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.cover import Cover, _first_boxes, outside_mass
from elbogap.numerics.frame import frame_of
from elbogap.numerics.model import LatentModel
from elbogap.numerics.scan import look
from scipy.integrate import quad

ROUND_OFF = 1e-14
"""Shares are sums of two numbers below one."""

EPS, RADIUS = 0.01, 6.0
CENTRES = np.array([[0.0, 0.0], [0.9, 0.0]])


@pytest.fixture(scope="module")
def cover() -> Cover:
    """Two balls of radius 0.6, and a place that is not in use."""
    centres = jnp.asarray(np.concatenate([CENTRES, [[0.0, 9.0]]]))
    hessians = jnp.broadcast_to(jnp.eye(2), (3, 2, 2))
    return Cover(centres, hessians, jnp.asarray([0.0, -1.0, 0.0]), jnp.asarray(2), RADIUS, jnp.asarray(EPS))


def test_a_window_is_one_inside_and_nothing_outside(cover: Cover):
    """phi_b is 1 at the centre and 0 from the radius on; between, it falls; N_b has its height and its curvature."""
    z = jnp.asarray(np.stack([np.linspace(0.0, 1.2, 241), np.zeros(241)], axis=1))
    phi, log = (np.asarray(part) for part in cover.window(jnp.asarray(0), z))
    distance = np.asarray(z[:, 0]) / np.sqrt(EPS)
    assert phi[0] == 1.0 and np.all(np.diff(phi) <= ROUND_OFF)
    assert (
        np.all(np.abs(phi[distance >= RADIUS + ROUND_OFF]) < ROUND_OFF)
        and 0.1 < phi[np.argmin(np.abs(phi - 0.5))] < 0.9
    )
    assert np.allclose(log, -0.5 * distance**2, rtol=1e-12, atol=ROUND_OFF)
    assert cover.window(jnp.asarray(1), jnp.asarray(CENTRES[1:]))[1][0] == -1.0


def test_shares_and_the_outside_add_up_to_one(cover: Cover):
    """Where balls overlap, where there is one and where there is none; a place that is not in use takes nothing."""
    z = jnp.asarray(np.random.default_rng(0).uniform([-0.8, -0.8], [1.7, 0.8], (400, 2)))
    (one, left), (two, again) = (cover.shares(jnp.asarray(index), z) for index in (0, 1))
    outside = np.asarray(cover.outside(z))
    assert np.array_equal(left, outside) and np.array_equal(again, outside)
    assert np.allclose(one + two + outside, 1.0, rtol=0, atol=1e-12)
    assert np.any(outside == 1.0) and np.any(outside == 0.0) and np.any((one > 0.01) & (two > 0.01))


def test_the_mass_outside_is_that_of_quadrature():
    """Two modes of z^2 on a line, a ball around one of them: the rest is the other's mass, within the stated error."""
    model = LatentModel(lambda z: jnp.stack([z[0] ** 2, 0.1 * z[0]]), 1, noise_var=0.05)
    x = jnp.asarray([0.49, 0.07])
    frame = frame_of(model)
    ball = Cover(
        jnp.asarray([[0.7]]), 2.0 * jnp.ones((1, 1, 1)), jnp.zeros(1), jnp.asarray(1), RADIUS, jnp.asarray(0.05)
    )

    def integrand(z: float) -> float:
        point = jnp.asarray([z])
        return float(jnp.exp(model.exponent(point, x)) * ball.outside(point[None])[0])

    wanted = quad(integrand, -6.0, 6.0, points=(-0.7, 0.0, 0.7), epsabs=0, epsrel=1e-9, limit=200)[0]
    scan = look(model, x, frame)
    found = outside_mass(model, x, ball, frame, scan, jnp.zeros(()))
    assert float(found.error) < 1e-6 * wanted and abs(float(found.mass) - wanted) <= float(found.error) + 1e-9 * wanted
    # What may hide between the points that were looked at is owed, in the same unit.
    hiding = scan._replace(log_between=jnp.full_like(scan.log_between, -np.inf).at[0].set(-3.0))
    less, more = (outside_mass(model, x, ball, frame, one, jnp.asarray(2.0)) for one in (scan, hiding))
    assert np.isclose(less.mass * np.exp(2.0), wanted, rtol=1e-6)
    assert np.isclose(more.unseen - less.unseen, np.exp(-5.0) * ball.outside(scan.between[:1])[0], rtol=1e-9)
    assert more.error - less.error > 0.99 * (more.unseen - less.unseen) > 0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_first_boxes_fill_the_cube(d: int):
    """They have positive sides, lie within [-75, 75]^d, have its volume, and do not meet."""
    centre, half = _first_boxes(d)
    assert np.all(half > 0) and np.all(np.abs(centre) + half <= 75.0 + 1e-9)
    assert np.isclose(np.sum(np.prod(2 * half, axis=1)), 150.0**d, rtol=1e-12)
    assert len(np.unique(centre, axis=0)) == len(centre)
