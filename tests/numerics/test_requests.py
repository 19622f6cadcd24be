"""What the numerics refuse: one clear line for shapes, types and ranges, at once or inside jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.contrast import finite_noise_contrast
from elbogap.numerics.encoder import elbo, optimal_encoder
from elbogap.numerics.gap import gap
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Choice, CorrelatedNormal, Normal, Prior, StudentT
from elbogap.numerics.requests import instance, whole_number


def line(z):
    """A linear decoder of two latents."""
    return jnp.array([z[0] + 0.5 * z[1], z[1], z[0]])


MODEL = LatentModel(line, 2, noise_var=1e-2)
X, Z = np.zeros(3), np.zeros(2)
UNEVEN = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

REFUSED = {
    "a callable of shape (1,)": (
        lambda: LatentModel(line, 2, noise_var=lambda z: jnp.exp(z[:1])),
        r"noise_var\(z\): expected shape \(\), \(3,\) or \(3, 3\), got \(1,\)",
    ),
    "an asymmetric callable": (
        lambda: log_likelihood(LatentModel(line, 2, noise_var=lambda z: jnp.asarray(UNEVEN)), X, start=Z),
        "symmetric positive definite matrix at the prior's centre, got",
    ),
    "a negative callable": (
        lambda: log_likelihood(LatentModel(line, 2, noise_var=lambda z: jnp.asarray(-1.0)), X, start=Z),
        "expected variances > 0",
    ),
    "a prior of shape (2, 1)": (
        lambda: LatentModel(line, 2, prior=Normal(np.zeros((2, 1)))),
        r"expected loc of shape \(\) or \(2,\), got \(2, 1\)",
    ),
    "a prior of three latents": (
        lambda: LatentModel(line, 2, prior=CorrelatedNormal(np.zeros(3), np.eye(3))),
        r"expected mean of shape \(2,\), got \(3,\)",
    ),
    "a choice with such a prior": (
        lambda: LatentModel(line, 2, prior=Choice((Normal(), StudentT(np.ones(3))), 0)),
        r"expected df of shape \(\) or \(2,\), got \(3,\)",
    ),
    # The type hook of the tests refuses these before `LatentModel` does.
    "half a latent": (lambda: whole_number("d", 1.5, 1), "d: expected a whole number >= 1, got 1.5"),
    "a dimension in words": (lambda: whole_number("d", "2", 1), "d: expected a whole number >= 1, got '2'"),
    "complex data": (lambda: elbo(MODEL, X + 1j, Z, np.ones(2)), "x: expected real numbers, got complex128"),
    "complex noise": (lambda: LatentModel(line, 2, noise_var=1j), "noise_var: expected real numbers"),
    "a negative std": (lambda: elbo(MODEL, X, Z, -np.ones(2)), "std: expected finite values > 0, got"),
    "std = 0": (lambda: elbo(MODEL, X, Z, np.zeros(2)), "std: expected finite values > 0, got"),
    "a singular factor": (lambda: elbo(MODEL, X, Z, np.zeros((2, 2))), "std: expected an invertible factor"),
    "a start that is nan": (lambda: optimal_encoder(MODEL, X, start=Z + np.nan), "start: expected a start of finite"),
    "no start at all": (
        lambda: optimal_encoder(MODEL, X, start=np.zeros((0, 2))),
        r"start: expected shape .* \(0, 2\)",
    ),
    "an empty block": (lambda: optimal_encoder(MODEL, X, start=Z, family=((0, 1), ())), "partition of range"),
    "no noise": (lambda: finite_noise_contrast(np.eye(2), 0.0), "noise_var: expected a finite value > 0, got 0.0"),
    "a prior at nan": (lambda: Normal(np.nan, 1.0), "loc: expected finite values, got nan or infinity"),
    "a prior of scale -1": (lambda: Normal(0.0, -1.0), "scale: expected a finite value > 0, got -1.0"),
    "an asymmetric covariance": (
        lambda: CorrelatedNormal(Z, UNEVEN[:2, :2]),
        "covariance: expected a symmetric positive definite matrix, got",
    ),
    "a choice that is not there": (lambda: Choice((Normal(),), 5), "index: expected 0 <= index < 1, got 5"),
    "other noise of the wrong size": (
        lambda: MODEL.with_noise(np.ones(2)),
        "noise_var: expected size D = 3 of the decoder, got 2",
    ),
    "noise that is a truth value": (lambda: LatentModel(line, 2, noise_var=True), "expected real numbers, got True"),
    "blocks of truth values": (lambda: optimal_encoder(MODEL, X, start=Z, family=((False,), (True,))), "partition of"),
    "an error below 0": (
        lambda: gap(MODEL, X, start=Z, largest_error=-1.0),
        "largest_error: expected a finite value > 0, got -1.0",
    ),
    # Here, too, the type hook comes first.
    "a model in words": (
        lambda: instance("model", "m", LatentModel),
        "model: expected a LatentModel, got str 'm'",
    ),
    "a class for a prior": (
        lambda: instance("prior", Normal, Prior, "Normal()"),
        r"prior: expected a Prior such as Normal\(\), got the class Normal",
    ),
    "fewer outputs than latents": (
        lambda: gap(LatentModel(lambda z: z[:1], 2), np.zeros(1), start=Z),
        "expected D >= d = 2 outputs for the gap, got D = 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_line(name):
    """Each request that makes no sense ends in a ValueError of one line that says what was expected."""
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_inside_jit():
    """Inside jit a standard deviation of 0 is an error, whose first line says what was expected."""
    program = jax.jit(lambda std: elbo(MODEL, X, Z, std))
    assert np.isfinite(program(np.ones(2)))
    with pytest.raises(Exception, match="std: expected finite values > 0"):
        jax.block_until_ready(program(np.zeros(2)))


def test_a_start_that_fails_spoils_nothing():
    """Where one start is nan and another good, the log-likelihood is that of the good one."""
    model = LatentModel(lambda z: z * jnp.tanh(jnp.abs(z)) / jnp.abs(z), 1, noise_var=1e-2)
    program = jax.jit(lambda start: log_likelihood(model, np.array([0.3]), start=start))
    both, good = program(np.array([[0.0], [0.3]])), program(np.array([[0.3], [0.3]]))
    assert float(both) == pytest.approx(float(good), abs=1e-12)
