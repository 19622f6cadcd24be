"""The loop: loss against an independent route, resuming to the same bits, stopping at nan, learning at all."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.errors import RequestError
from elbogap.numerics.encoder import elbo
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Logistic
from elbogap.training.evaluate import evaluate, nodes, select
from elbogap.training.loop import Annealing, NotFinite, Recipe, annealing, run_of, stack, train
from elbogap.training.loss import batch_terms, draw_nodes, elbo_terms
from elbogap.training.models import VAE, as_dtype, mlp_vae
from elbogap.training.monitor import monitor

pytestmark = pytest.mark.usefixtures("optax_promotes")

FLOAT32 = 2e-5  # relative, of sums of a few hundred float32 terms
QUADRATURE = 1e-4  # the two sides use rules with different numbers of nodes
QUICK = Recipe(steps=40, batch=16, warm_up=4, chunks=4)
RUNS = 2


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    """Two data sets of correlated observations."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((RUNS, 200, 2)) @ np.array([[0.3, 0.1], [0.0, 0.2]])).astype(np.float32)


@pytest.fixture(scope="module")
def vaes(data: np.ndarray) -> VAE:
    """One small VAE for each data set."""
    return stack([mlp_vae(data[r], 2, np.random.default_rng(r), hidden=(8,)) for r in range(RUNS)])


def noise(data: np.ndarray) -> Annealing:
    """Annealed to gamma^2 = 100."""
    return annealing(data, range(RUNS), [0.01] * RUNS)


def test_loss_is_the_elbo_of_the_measuring_side(vaes: VAE, data: np.ndarray) -> None:
    """At one point the terms by quadrature sum to `numerics.elbo`, another route: the model with f(sigmoid(y))."""
    vae, dtype, eps = run_of(vaes, 0), jnp.float32, 0.002
    log_eps = jnp.asarray(np.log(eps), dtype)
    x = jnp.asarray(data[0, 3], dtype)
    xi, weights = (jnp.asarray(part, dtype) for part in nodes(2))
    terms, (mean, log_std) = eqx.filter_jit(lambda v: (elbo_terms(v, x, log_eps, xi, weights), v.encoder(x, log_eps)))(
        vae
    )
    double = as_dtype(vae, jnp.float64)
    model = LatentModel(double.decode, 2, prior=Logistic(), noise_var=eps)
    expected = eqx.filter_jit(elbo)(
        model, np.asarray(x, float), np.asarray(mean, float), np.exp(np.asarray(log_std, float))
    )
    assert terms.elbo.dtype == dtype
    assert abs(float(terms.elbo) - float(expected)) < QUADRATURE * abs(float(expected))
    parts = float(terms.reconstruction) + float(terms.prior) + float(terms.entropy)
    assert abs(parts - float(terms.elbo)) < FLOAT32 * abs(parts)


def test_variance_reductions_leave_value_and_mean_gradient_alone(vaes: VAE, data: np.ndarray) -> None:
    """The path derivative changes no value, and the mean gradient only within Monte Carlo error."""
    vae, x = as_dtype(run_of(vaes, 0), jnp.float64), jnp.asarray(data[0, :1], jnp.float64)
    log_eps = jnp.asarray(-3.0)

    def gradient(nodes: jax.Array, path: bool) -> np.ndarray:
        def value(bias: jax.Array) -> jax.Array:
            moved = eqx.tree_at(lambda v: v.encoder.net.biases[-1], vae, bias)
            return batch_terms(moved, x, log_eps, nodes[None], path=path).elbo

        return np.asarray(jax.jit(jax.grad(value))(vae.encoder.net.biases[-1]))

    xi = draw_nodes(jax.random.key(0), (2000, 2), True, jnp.float64)
    assert np.allclose(xi[:1000], -xi[1000:])
    plain, path = gradient(xi, False), gradient(xi, True)
    assert np.abs(plain - path).max() < 0.1 * np.abs(plain).max()
    same = [float(eqx.filter_jit(batch_terms)(vae, x, log_eps, xi[None], path=p).elbo) for p in (False, True)]
    assert abs(same[0] - same[1]) < 1e-9
    with pytest.raises(ValueError, match="even number"):
        draw_nodes(jax.random.key(0), (3, 2), True, jnp.float64)


def test_training_raises_the_elbo_in_float32(vaes: VAE, data: np.ndarray) -> None:
    """Forty steps raise the ELBO of every run, each learns on its own, and every parameter stays float32."""
    reported: list[int] = []
    result = train(
        *(vaes, data, range(RUNS), noise(data), jax.random.key(0), QUICK),
        report=lambda step, runs, terms: reported.append(step),
    )
    assert reported == [10, 20, 30, 40]
    shown = monitor(data, data, range(RUNS), noise(data).target)(result.vaes)
    assert 0 <= shown["MCC"] <= 1
    assert shown["contrast"] >= 0
    assert (result.history.elbo[-1] > result.history.elbo[0]).all()
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(eqx.filter(result.vaes, eqx.is_inexact_array))} == {"float32"}
    constants = (result.vaes.encoder.scale, result.vaes.decoder.centre, result.vaes.prior.a)
    for before, after in zip((vaes.encoder.scale, vaes.decoder.centre, vaes.prior.a), constants, strict=True):
        assert np.array_equal(before, after)


def test_resuming_gives_the_same_bits(vaes: VAE, data: np.ndarray, tmp_path: Path) -> None:
    """Stopped after two of four chunks and continued from the file, the parameters equal those of one go to the bit."""
    arguments = (vaes, data, range(RUNS), noise(data), jax.random.key(3), QUICK)
    whole = train(*arguments)
    path = tmp_path / "state"

    class Stopped(Exception):
        pass

    def stop(step: int, *_: object) -> None:
        if step == 20:
            raise Stopped

    with pytest.raises(Stopped):
        train(*arguments, checkpoint=path, report=stop)
    steps: list[int] = []
    continued = train(*arguments, checkpoint=path, report=lambda step, *_: steps.append(step))
    assert steps == [30, 40]
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(continued), strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))
    with pytest.raises(RequestError, match="of others"):
        train(member_stack(vaes), data, [0], annealing(data, [0], [0.01]), jax.random.key(0), QUICK, checkpoint=path)
    path.write_bytes(b"\x00nothing")
    with pytest.raises(RequestError, match="another kind of file"):
        train(*arguments, checkpoint=path)


def member_stack(vaes: VAE) -> VAE:
    """The first run alone."""
    return stack([run_of(vaes, 0)])


def test_nan_stops_with_name_and_step(vaes: VAE, data: np.ndarray) -> None:
    """A data set with one nan stops the training, naming the quantities, the step and the run."""
    spoilt = data.copy()
    spoilt[1] = np.nan
    with pytest.raises(NotFinite, match=r"elbo, .*reconstruction.* at step 0 of run 1"):
        train(vaes, spoilt, range(RUNS), noise(data), jax.random.key(0), QUICK)


def test_bad_recipes_are_refused(vaes: VAE, data: np.ndarray) -> None:
    """Values out of range are one clear line, before anything is compiled."""
    for wrong in ({"steps": 0}, {"steps": 45}, {"warm_up": 40}, {"anneal": 0.0}, {"rate": -1.0}, {"antithetic": True}):
        with pytest.raises(ValueError, match="expected"):
            Recipe(**({"steps": 40, "warm_up": 4, "chunks": 4} | wrong))
    with pytest.raises(ValueError, match="which"):
        train(vaes, data, [0, 7], noise(data), jax.random.key(0), QUICK)
    with pytest.raises(ValueError, match="prior"):
        mlp_vae(data[0], 2, np.random.default_rng(0), prior="cauchy")


def test_evaluation_and_selection(vaes: VAE, data: np.ndarray) -> None:
    """The mean of the pointwise ELBOs is the ELBO, and `select` takes the largest of each group."""
    found = evaluate(vaes, data, range(RUNS), noise(data).target, jacobians=5)
    assert found.jacobian.shape == (RUNS, 5, 2, 2)
    assert np.allclose(found.elbo_points.mean(axis=1), found.elbo, rtol=FLOAT32)
    assert ((found.latent > 0) & (found.latent < 1)).all()
    mask = select([0, 0, 1, 1], np.array([1.0, 3.0, 2.0, 0.0], np.float32))
    assert mask.tolist() == [False, True, True, False]
