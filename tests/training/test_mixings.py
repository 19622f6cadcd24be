"""Synthetic data and the invertible flow, against closed forms."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.training.experiments import MODULES, experiment
from elbogap.training.experiments.runs import Batches, generator
from elbogap.training.flow import CouplingFlow, RemixedFlow, flow_log_likelihood, inverting, inverting_terms
from elbogap.training.mixings import MIXINGS, Scaled, draw_moebius_linear, mean_contrast, mix
from elbogap.training.models import VAE, LogitBeta, as_dtype, identity
from elbogap.training.smooth_uniform import SmoothUniform

ROUND_OFF = 1e-9  # float64 through a few matrix products


@pytest.mark.parametrize("name", MIXINGS)
def test_mixings_are_invertible_and_centred(name: str) -> None:
    """Each mixing's inverse gives back the sources, and data of a Moebius mixing have mean 0."""
    rng = np.random.default_rng(3)
    mixed = mix(rng, MIXINGS[name](rng, 3), 3, train=200, held_out=20)
    points = jnp.asarray(mixed.sources, float)
    back = jax.jit(jax.vmap(lambda s: mixed.mixing.inverse(mixed.mixing(s))))(points)
    assert np.abs(np.asarray(back - points)).max() < 1e-8
    assert mixed.train.shape == (200, 3)
    assert mixed.train.dtype == np.float32
    if isinstance(mixed.mixing, Scaled):
        assert np.abs(mixed.train.mean(axis=0)).max() < 1e-6


def test_moebius_mixings_have_no_contrast_and_linear_maps_add_one() -> None:
    """A Moebius mixing is conformal; the map after it has determinant 1 and gives a contrast."""
    rng = np.random.default_rng(4)
    conformal = MIXINGS["moebius"](rng, 3)
    sources = rng.uniform(size=(50, 3))
    assert mean_contrast(conformal, sources) < ROUND_OFF
    mapped = draw_moebius_linear(rng, 3)
    assert abs(abs(np.linalg.det(mapped.matrix)) - 1) < ROUND_OFF
    assert mean_contrast(mapped, sources) > 0.01


def test_the_pole_lies_outside_of_the_cube_in_every_coordinate() -> None:
    """No source comes nearer to the pole than the distance at which the map is an inversion."""
    for seed in range(20):
        mixing = MIXINGS["moebius"](np.random.default_rng(seed), 2)
        pole = mixing.inner.pole / mixing.factor
        assert (np.abs(pole) > 0.5).all()
        corners = np.array([(a, b) for a in (0.0, 1.0) for b in (0.0, 1.0)]) - 0.5
        assert np.linalg.norm(mixing.factor * (corners - pole), axis=1).min() > 1 - ROUND_OFF


@cache
def remixed_flow() -> VAE:
    """A small flow in double precision, after a rotation that is not the one it started with."""
    rng = np.random.default_rng(5)
    data = rng.standard_normal((100, 3)) * np.array([0.1, 0.2, 0.3])
    prior = SmoothUniform(0.1)
    flow = CouplingFlow(data, rng, layers=3, hidden=4, latent_std=prior.std)
    decoder = eqx.tree_at(lambda d: d.skew, RemixedFlow(flow, prior, rng), jnp.asarray([0.3, -0.2, 0.5]))
    vae = as_dtype(VAE(identity, decoder, prior, jnp.zeros(())), jnp.float64)
    # Rotations drawn in single precision are orthogonal to seven digits.
    drawn = (vae.decoder.start, vae.decoder.flow.rotations)
    return eqx.tree_at(
        lambda v: (v.decoder.start, v.decoder.flow.rotations), vae, tuple(jnp.linalg.qr(each)[0] for each in drawn)
    )


def test_the_likelihood_of_a_remixed_flow_is_exact_and_does_not_see_the_rotation() -> None:
    """The inverse undoes flow and rotation, the log-likelihood is the one by automatic differentiation of both."""
    vae = remixed_flow()
    w = jnp.asarray([0.2, 0.97, 1.1])
    decoder = vae.decoder
    assert np.abs(np.asarray(decoder.rotation @ decoder.rotation.T - np.eye(3))).max() < ROUND_OFF
    x, J = jax.jit(lambda w: (decoder(w), jax.jacfwd(decoder)(w)))(w)
    assert np.abs(np.asarray(jax.jit(lambda point: decoder.inverse(point))(x) - w)).max() < ROUND_OFF
    expected = vae.prior.log_prob(w) - np.linalg.slogdet(np.asarray(J))[1]
    at = jax.jit(jax.value_and_grad(lambda d, x: flow_log_likelihood(eqx.tree_at(lambda v: v.decoder, vae, d), x)))
    found, gradient = at(decoder, x)
    assert abs(float(found) - float(expected)) < 100 * ROUND_OFF
    assert np.all(np.asarray(gradient.skew) == 0)


def test_the_encoder_of_a_flow_is_its_inverse() -> None:
    """The VAE of a flow has its inverse as the mean, so that its ELBO's gradient moves the rotation."""
    vae = eqx.tree_at(lambda v: v.encoder, remixed_flow(), lambda x, e: (x, jnp.full(3, -4.0)))
    w = jnp.asarray([0.2, 0.97, 0.6])
    x = eqx.filter_jit(vae.decoder)(w)
    mean, log_std = eqx.filter_jit(inverting(vae).encoder)(x, jnp.zeros(()))
    assert np.abs(np.asarray(mean - w)).max() < ROUND_OFF and float(log_std[0]) == -4

    def value(skew: jax.Array) -> jax.Array:
        moved = eqx.tree_at(lambda v: v.decoder.skew, vae, skew)
        xi = jnp.concatenate([jnp.eye(3), -jnp.eye(3)])[None]
        return inverting_terms(moved, x[None], jnp.asarray(-6.0), xi, path=False).elbo

    assert np.abs(np.asarray(jax.jit(jax.grad(value))(vae.decoder.skew))).max() > 1e-3


def test_the_smooth_uniform_prior_and_its_normal_coordinates() -> None:
    """The density is that of the sum by quadrature; the map to the normal law preserves it and is undone."""
    prior = SmoothUniform(0.05)
    w = np.array([-0.4, -0.05, 0.02, 0.3, 0.5 + 1e-9, 0.99, 1.2])
    nodes = np.linspace(0, 1, 4001)
    logistic = 0.25 / np.cosh((w[:, None] - nodes) / (2 * prior.scale)) ** 2 / prior.scale
    density = np.asarray(jax.jit(jax.vmap(lambda v: prior.log_prob(v[None])))(jnp.asarray(w)))
    assert np.abs(density - np.log(np.trapezoid(logistic, nodes, axis=1))).max() < 1e-5
    g = np.asarray(jax.jit(lambda w: prior.to_normal(w))(jnp.asarray(w)))
    assert np.abs(np.asarray(jax.jit(lambda g: prior.from_normal(g))(jnp.asarray(g))) - w).max() < ROUND_OFF
    slope = np.asarray(jax.jit(jax.vmap(jax.grad(lambda v: prior.to_normal(v[None])[0])))(jnp.asarray(w)))
    assert np.abs(np.log(slope) - 0.5 * g**2 - 0.5 * np.log(2 * np.pi) - density).max() < 1e-6
    drawn = prior.sample(np.random.default_rng(0), 20_000)
    assert abs(drawn.std() / prior.std - 1) < 0.02 and abs(drawn.mean() - 0.5) < 0.01
    with pytest.raises(ValueError, match="scale: expected"):
        SmoothUniform(0.0)


def test_logit_beta_is_the_law_of_the_logit() -> None:
    """Its density is the Beta density times the derivative of the sigmoid; a = b = 1 is the logistic law."""
    y = jnp.asarray([0.3, -1.2], dtype=jnp.float32)
    z = 1 / (1 + np.exp(-np.asarray(y)))
    beta = np.sum(np.log(12 * z * (1 - z) ** 2) + np.log(z * (1 - z)))  # Beta(2, 3) has normaliser 1/12
    assert abs(float(LogitBeta(2.0, 3.0).log_prob(y)) - beta) < 1e-5
    with pytest.raises(ValueError, match="expected > 0"):
        LogitBeta(0.0, 1.0)


def test_finished_batches_are_read_and_not_run_again(tmp_path: object) -> None:
    """A batch with the same parameters is computed once; other parameters are another batch."""
    calls: list[int] = []

    def compute() -> list[dict]:
        calls.append(1)
        return [{"value": 0.5}]

    for parameters in ({"steps": 1}, {"steps": 1}, {"steps": 2}):
        batches = Batches("test", 1, tmp_path)  # type: ignore[arg-type]
        assert batches.run("batch", parameters, compute) == [{"value": 0.5}]
    assert len(calls) == 2
    assert generator("a", 0, 1).integers(2**31) != generator("b", 0, 1).integers(2**31)


def test_unknown_experiments_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown name lists the known ones; on the command line that is one line and exit status 2."""
    for wrong in (["moebius"], ["moebius-gamma", "--effort", "fast"], ["moebius-gamma", "--seed", "-1"]):
        assert run(["record", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(RequestError, match="moebius-gamma"):
        experiment("moebius")
    assert all(module.replace("_", "-") == name for name, module in MODULES.items())
