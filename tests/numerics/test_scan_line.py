"""What the scan along a line predicts of an interval: the best point of its chord, and what may hide between points."""

import jax.numpy as jnp
import numpy as np
from elbogap.numerics.frame import Frame
from elbogap.numerics.scan_line import _highest_on_chord, hidden

ROUND_OFF = 1e-12
"""Sums of a few terms of size ten."""

ONE = jnp.ones((1, 1))
FRAME = Frame(jnp.zeros(1), 2 * ONE, 0.5 * ONE)


def test_the_best_of_a_chord_is_the_best_of_many_of_its_points():
    """Where the chord comes nearest to x the exponent is that of the residual there, and the larger of the rests."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        r, end = rng.standard_normal((2, 3)) + 1.0
        ell, other = rng.standard_normal(2)
        t = np.linspace(0.0, 1.0, 20001)[:, None]
        nearest = np.min(np.linalg.norm(r + t * (end - r), axis=1))
        found = _highest_on_chord((jnp.asarray(r), jnp.asarray(ell)), (jnp.asarray(end), jnp.asarray(other)))
        assert np.isclose(found, max(ell, other) - 0.5 * nearest**2, rtol=0, atol=1e-6)
        nearer = _highest_on_chord((jnp.asarray(r), jnp.asarray(ell)), (jnp.asarray(end), jnp.asarray(ell)), 0.25)
        assert np.isclose(nearer, ell - 0.5 * max(0.0, nearest - 0.25) ** 2, rtol=0, atol=1e-6)


def test_what_turns_within_every_interval_may_hide_a_root():
    """Residuals that change sign from point to point owe the mass of a Gaussian of their slope at every inner point."""
    s = jnp.linspace(-1.0, 1.0, 9)
    r = jnp.asarray(30.0 * (-1.0) ** np.arange(9))[:, None]
    ell = jnp.asarray(np.linspace(-3.0, -1.0, 9))
    slope = 4 * 30.0
    volume = np.log(2 * np.cosh(np.asarray(s)))
    wanted = np.asarray(ell) + np.log(0.25 * np.sqrt(2 * np.pi) / slope) + volume
    found = np.asarray(hidden(s, (r, ell), FRAME))
    assert np.allclose(found[1:-1], wanted[1:-1], rtol=0, atol=ROUND_OFF) and np.all(found[[0, -1]] == -np.inf)
    assert np.all(np.asarray(hidden(s, (s[:, None], ell), FRAME)) == -np.inf)
