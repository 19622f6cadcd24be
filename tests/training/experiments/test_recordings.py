"""The experiments beside the paper's: small ones are run and continued, recorded ones are spoilt on purpose."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.errors import RequestError
from elbogap.numerics.contrast import contrast_of_jacobian
from elbogap.numerics.families.linear import Linear
from elbogap.results import Table, recorded
from elbogap.training.experiments import experiment
from elbogap.training.experiments.encoder_capacity import ResidualEncoder
from elbogap.training.experiments.priors_dimensions import LAWS, LawPrior, link, probability, quantile
from elbogap.training.experiments.runs import Batches
from elbogap.training.mixings import Angled, draw_angled
from elbogap.training.models import MLP, GaussianEncoder

ROUND_OFF = 1e-9
SMALL: dict[str, dict[str, Any]] = {
    "beta-collapse": {"LEVELS": (0.08, 0.8), "BETAS": (0.1, 1.0), "POINTS": 20},
    "diagonal-or-full": {"POINTS": 20},
    "controlled-angle": {"COSINES": (0.0, 0.9), "POINTS": 20, "HIDDEN": {"given": (8,), "learnt": (8,)}},
    "encoder-capacity": {"WIDTHS": (4, 8), "CORRECTION": (4,), "POINTS": 20},
    "learned-variance": {"HELD_OUT": 30, "HIDDEN": (8,)},
    "gamma-million": {"POINTS": 20},
    "priors-dimensions": {"DIMENSIONS": (2, 5), "POINTS": 20, "HIDDEN": (8,)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_an_experiment_runs_and_continues(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optax_promotes: None
) -> None:
    """Everything is trained, measured and judged; a second call reads what is kept and gives the same result."""
    module = experiment(name)
    for key, value in SMALL[name].items():
        monkeypatch.setattr(module, key, value)
    monkeypatch.setitem(module.SIZES, "quick", (*module.SIZES["quick"][:-1], 20))
    results = [
        module.compute("quick", 0, Batches(name, module.batch_count("quick"), tmp_path / "kept")) for _ in range(2)
    ]
    assert results[0].tables == results[1].tables
    assert results[0].write(tmp_path).is_file()
    assert module.findings(results[0])


def spoilt(name: str, change: Callable[[dict[str, Any]], dict[str, Any]], table: str = "runs") -> list[bool]:
    """Whether each finding holds when every row of the recorded table is changed."""
    result = recorded(name)
    rows = Table.of([change(row) for row in result.tables[table].records()])
    return [found.holds for found in experiment(name).findings(replace(result, tables=result.tables | {table: rows}))]


def exchange(key: str, one: Any, other: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Rows with two values of a column exchanged."""
    return lambda row: row | {key: {one: other, other: one}.get(row[key], row[key])}


def test_beta_is_not_the_noise() -> None:
    """With beta eps and eps exchanged there is no one curve, and latents do not die where they should."""
    held = spoilt("beta-collapse", lambda row: row | {"level": row["noise"], "noise": row["level"]})
    assert held == [False, False, True, False, False]  # the KL of the optimum is recorded beside each run


def test_what_a_full_covariance_does_not_do() -> None:
    """With the encoders' names exchanged no finding about linear mixings holds."""
    names = [found.id for found in experiment("diagonal-or-full").findings()]
    held = dict(zip(names, spoilt("diagonal-or-full", exchange("encoder", "diagonal", "full")), strict=True))
    assert not any(value for key, value in held.items() if key.endswith("linear"))


def test_an_angle_is_its_contrast() -> None:
    """A mixing of an angle has its contrast at every point, for either unit, and a cosine of one is refused."""
    points = jnp.asarray(np.random.default_rng(0).uniform(size=(5, 2)))

    @jax.jit
    def measured(mixing: Angled, s: jax.Array) -> tuple[jax.Array, jax.Array]:
        contrast = contrast_of_jacobian(jax.vmap(jax.jacfwd(mixing))(s))
        return contrast, jax.vmap(lambda one: mixing.inverse(mixing(one)))(s)

    for unit in ("columns", "determinant"):
        mixing = draw_angled(np.random.default_rng(1), 0.9, unit=unit)
        contrast, back = measured(mixing, points)
        assert np.abs(contrast + 0.5 * np.log(1 - 0.81)).max() < ROUND_OFF
        assert np.abs(back - points).max() < ROUND_OFF
    with pytest.raises(RequestError, match="cosine: expected 0 <= cosine < 1, got 1"):
        draw_angled(np.random.default_rng(1), 1.0)


def test_a_correction_by_the_inverse_jacobian_finds_the_preimage() -> None:
    """For a linear decoder one correction with M = J^-1 is exact, whatever the first guess was."""
    rng = np.random.default_rng(2)
    matrix = np.array([[1.0, 0.9], [0.3, 0.8]])
    first = GaussianEncoder(MLP((2, 3, 4), rng, dtype=float), jnp.zeros(2), jnp.ones(()))
    net = MLP((2, 6), rng, dtype=float)
    constant = jnp.concatenate([jnp.zeros(2), jnp.asarray(np.linalg.inv(matrix)).ravel()])
    net = eqx.tree_at(lambda n: (n.weights, n.biases), net, ((jnp.zeros((6, 2)),), (constant,)))
    encoder = ResidualEncoder(first, Linear(matrix, np.zeros(2)), net)
    z = jnp.asarray([0.4, -1.1])
    assert np.abs(encoder(matrix @ z, jnp.zeros(()))[0] - z).max() < ROUND_OFF


def test_laws_of_sources_and_priors_are_the_same() -> None:
    """Quantile undoes probability, and the density of y is the derivative of the probability of z = link(y)."""
    y = jnp.asarray([-2.0, -0.3, 0.1, 1.7])

    @jax.jit
    @jax.vmap
    def measured(law: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        z = link(law, y)
        density = jax.vmap(jax.grad(lambda v: probability(law, link(law, v[None]))[0]))(y)
        log_prob = jax.vmap(lambda v: LawPrior(law).log_prob(v[None]))(y)
        return z, quantile(law, probability(law, z)), jnp.log(density) - log_prob

    z, back, difference = map(np.asarray, measured(jnp.eye(len(LAWS))))
    assert np.abs(back - z).max() < 1e-7 and np.abs(difference).max() < 1e-6
    for law in np.eye(len(LAWS)):
        drawn = LawPrior(law).sample(np.random.default_rng(0), 40_000)
        assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
