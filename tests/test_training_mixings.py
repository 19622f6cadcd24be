"""Synthetic data, the invertible flow and the findings, against closed forms."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.results import recorded
from elbogap.training.evidence import Finding, moebius_gamma, moebius_linear
from elbogap.training.experiments import MODULES, experiment
from elbogap.training.experiments.runs import Batches, generator
from elbogap.training.flow import CouplingFlow, flow_log_likelihood
from elbogap.training.mixings import MIXINGS, Scaled, draw_moebius_linear, mean_contrast, mix
from elbogap.training.models import VAE, LogitBeta, as_dtype, identity

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


def test_the_flow_is_exact() -> None:
    """The inverse undoes the flow, and its log-determinant is that of the Jacobian by automatic differentiation."""
    rng = np.random.default_rng(5)
    data = rng.standard_normal((100, 3)) * np.array([0.1, 0.2, 0.3])
    flow = as_dtype(CouplingFlow(data, rng, layers=3, hidden=4), jnp.float64)
    y = jnp.asarray(rng.standard_normal(3))
    x = flow(y)
    back, log_det = jax.jit(lambda point: flow.inverse(point))(x)
    assert np.abs(np.asarray(back - y)).max() < ROUND_OFF
    expected = -np.linalg.slogdet(np.asarray(jax.jit(jax.jacfwd(flow))(y)))[1]
    assert abs(float(log_det) - expected) < ROUND_OFF
    vae = VAE(identity, flow, as_dtype(LogitBeta(), jnp.float64), jnp.zeros(()), identity)
    logistic = float(jnp.sum(-y - 2 * jnp.logaddexp(0.0, -y)))
    assert abs(float(flow_log_likelihood(vae, x)) - (logistic + expected)) < ROUND_OFF


def test_logit_beta_is_the_law_of_the_logit() -> None:
    """Its density is the Beta density times the derivative of the sigmoid; a = b = 1 is the logistic law."""
    y = jnp.asarray([0.3, -1.2])
    z = 1 / (1 + np.exp(-np.asarray(y)))
    beta = np.sum(np.log(12 * z * (1 - z) ** 2) + np.log(z * (1 - z)))  # Beta(2, 3) has normaliser 1/12
    assert abs(float(LogitBeta(2.0, 3.0).log_prob(y)) - beta) < 1e-5
    with pytest.raises(ValueError, match="expected > 0"):
        LogitBeta(0.0, 1.0)


def test_findings_need_the_whole_interval_and_a_rejected_control() -> None:
    """A finding fails when its interval crosses the bound, and its control is not rejected when it passes as well."""
    finding = Finding("e", "s", 5, 0.99, 0.97, 1.0, 0.95, "at least", "c", 0.2)
    assert finding.holds
    assert finding.control_rejected
    assert not dataclasses.replace(finding, low=0.9).holds
    assert not dataclasses.replace(finding, control_value=0.96).control_rejected
    assert finding.as_dict()["holds"]


@pytest.mark.parametrize(("name", "read"), [("moebius-gamma", moebius_gamma), ("moebius-linear", moebius_linear)])
def test_recorded_findings_hold_and_shuffled_results_do_not(name: str, read: object) -> None:
    """The recorded results support the findings; the same tables with the measured column permuted do not."""
    result = recorded(name)
    assert all(finding.holds and finding.control_rejected for finding in read(result))  # type: ignore[operator]
    if name == "moebius-gamma":
        table = result.tables["runs"]
        column = table.columns.index("mcc_mean")
        shuffled = np.random.default_rng(0).permutation(table.column("mcc_mean"))
        rows = tuple(
            (*row[:column], float(value), *row[column + 1 :]) for row, value in zip(table.rows, shuffled, strict=True)
        )
        spoilt = dataclasses.replace(result, tables={"runs": dataclasses.replace(table, rows=rows)})
        assert not all(finding.holds for finding in moebius_gamma(spoilt))


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
