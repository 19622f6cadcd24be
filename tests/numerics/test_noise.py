"""Every kind of noise is a Gaussian: its whitening and its log-determinant are those of one covariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.errors import RequestError
from elbogap.numerics.noise import DiagonalNoise, FullNoise, Noise, ScalarNoise, StateNoise

S = jnp.array([[1.3, 0.2, 0.0], [0.2, 0.9, -0.1], [0.0, -0.1, 0.7]])
Z = jnp.array([0.4, -0.6])
KINDS = {
    "scalar": (ScalarNoise(0.05), jnp.eye(3)),
    "diagonal": (DiagonalNoise(0.05, jnp.diagonal(S)), jnp.diag(jnp.diagonal(S))),
    "full": (FullNoise(0.05, S), S),
    "of the state": (StateNoise(0.05, lambda z: S * jnp.exp(z[0])), S * jnp.exp(Z[0])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whitening_and_determinant_are_of_one_covariance(kind: str) -> None:
    """|whiten(r)|^2 = r' S^-1 r for every residual, and log_det = log det S, S without the scale."""
    noise, shape = KINDS[kind]
    residuals = jax.random.normal(jax.random.key(0), (5, 3))
    for r in residuals:
        white = noise.whiten(r, Z)
        assert np.allclose(white @ white, r @ jnp.linalg.solve(shape, r), rtol=1e-13)
    assert np.allclose(noise.log_det(Z, 3), jnp.linalg.slogdet(shape)[1], atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kinds_know_whether_they_depend_on_the_state(kind: str) -> None:
    """The whitening moves with z exactly for the noise that says so."""
    noise: Noise = KINDS[kind][0]
    moved = not np.allclose(noise.whiten(jnp.ones(3), Z), noise.whiten(jnp.ones(3), Z + 0.3))
    assert moved == noise.depends_on_state


def test_a_callable_variance_is_judged_by_its_sign() -> None:
    """At the prior's centre variances > 0 and positive definite matrices pass, others are refused with what came."""
    for good in (jnp.array([0.1, 2.0]), jnp.eye(2)):
        assert np.array_equal(StateNoise(1.0, lambda z, good=good: good).checked_at(Z, Z), Z)
    for bad in (jnp.array([0.1, -2.0]), jnp.array([0.1, 0.0]), -jnp.eye(2), jnp.array([[1.0, 0.5], [0.0, 1.0]])):
        with pytest.raises(RequestError, match=r"noise_var\(z\): expected .* at the prior's centre, got "):
            StateNoise(1.0, lambda z, bad=bad: bad).checked_at(Z, Z)
