"""Convergence of trained runs: the best ELBO by quadrature, the shortfall, and what a run may say."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.encoder import optimal_encoder
from elbogap.numerics.families.decoder import Decoder
from elbogap.numerics.families.linear import Linear
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Logistic, Normal
from elbogap.results import recorded
from elbogap.training.convergence import BestElbo, Shortfall, best_elbo, shortfall
from elbogap.training.experiments import small_case
from elbogap.training.experiments.small_case import RECOVERED, Run, Setting, judge
from elbogap.training.findings import SHORTFALL
from elbogap.training.loop import Recipe, stack
from elbogap.training.metrics import mcc
from elbogap.training.mixings import draw_moebius, mix
from elbogap.training.models import VAE, LogitBeta, as_dtype, identity
from jaxtyping import Array

NOISE_VAR = 1e-3
SEARCH_ERROR = 1e-7  # Newton's decrement of 1e-4 leaves half its square, 5e-9, in the ELBO
GOOD = Run(Shortfall(0.001, 0.01), 0.999, 0.05)
SHORT = Run(Shortfall(0.05, 0.01), 0.7, 0.05)
WRONG = Run(Shortfall(0.001, 0.01), 0.7, 0.05)


class Remixed(eqx.Module):
    """f(A z + b sin(2 pi z_2)): the decoder after a map of the latents."""

    decoder: Decoder
    matrix: Array
    shear: Array

    def __call__(self, z: Array) -> Array:
        """The image."""
        return self.decoder(self.matrix @ z + self.shear * jnp.sin(2 * jnp.pi * z[1]))


def remixed(decoder: Decoder, angle: float = 0.0, shear: float = 0.0) -> Remixed:
    """The decoder after a rotation and a shear of the latents, both of them volume-preserving."""
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Remixed(as_dtype(decoder, float), jnp.asarray(matrix), jnp.array([shear, 0.0]))


def best(decoders: list[Remixed], points: np.ndarray, latents: np.ndarray, *, uniform: bool) -> list[BestElbo]:
    """The best ELBO of each decoder, searched from these latents, (R, m, 2), and small variances."""
    prior, link = (LogitBeta(), jax.nn.sigmoid) if uniform else (Normal(), identity)
    vaes = stack([VAE(identity, decoder, prior, jnp.zeros(()), link) for decoder in decoders])
    start = np.concatenate([latents, np.full(latents.shape, 0.5 * np.log(NOISE_VAR))], axis=2)
    return best_elbo(vaes, points, np.full(len(decoders), np.log(NOISE_VAR)), start)


def test_the_best_elbo_is_that_of_the_optimal_encoder() -> None:
    """The best ELBO is `optimal_encoder`'s, up to both errors; a shear of the latents falls short of it."""
    rng = np.random.default_rng(5)
    mixed = mix(rng, draw_moebius(rng, 2, nearest=1.0), 2, train=10, held_out=60)
    inside = mixed.sources.astype(float)
    logits = np.log(inside) - np.log1p(-inside)
    pair = [remixed(mixed.mixing), remixed(mixed.mixing, shear=0.2)]
    true, sheared = best(pair, mixed.held_out, np.stack([logits, logits]), uniform=True)
    model = LatentModel(lambda y: pair[0](jax.nn.sigmoid(y)), 2, prior=Logistic(), noise_var=NOISE_VAR)
    points = jnp.asarray(mixed.held_out[:5], float)
    known = jax.lax.map(lambda p: optimal_encoder(model, p[0], start=p[1]), (points, jnp.asarray(logits[:5])))
    assert true.found.all() and known.converged.all()
    assert (np.abs(true.elbo[:5] - known.elbo) <= true.error[:5] + known.error + SEARCH_ERROR).all()
    assert shortfall(true, true).within(SHORTFALL)
    away = shortfall(true, sheared)
    assert away.value - away.error > SHORTFALL and not away.within(SHORTFALL)


def test_a_reference_that_was_not_found_shows_nothing() -> None:
    """Where the search for the true decoder's encoder failed at one point, no run counts as converged."""
    found = BestElbo(np.zeros(4), np.zeros(4), np.zeros((4, 2)), np.ones(4, bool))
    assert shortfall(found, found).within(SHORTFALL)
    assert not shortfall(found._replace(found=np.array([True, True, False, True])), found).within(1e9)


def test_a_converged_run_of_a_wrong_model_refutes() -> None:
    """Under a normal prior a rotation of the latents costs nothing: the run is at the optimum, and it is rejected."""
    rng = np.random.default_rng(6)
    sources = rng.standard_normal((60, 2))
    linear = Linear(np.array([[1.2, 0.5], [-0.5, 1.2]]), np.zeros(2))
    pair = [remixed(linear), remixed(linear, angle=np.pi / 4)]
    points = np.asarray(jax.vmap(linear)(jnp.asarray(sources)))
    start = np.stack([sources, sources @ np.asarray(pair[1].matrix)])
    true, rotated = best(pair, points, start, uniform=False)
    run = Run(shortfall(true, rotated), mcc(sources, rotated.latent), 0.1)
    assert run.converged and run.mcc < RECOVERED
    found = judge([GOOD, GOOD, run])
    assert found.verdict == "fails" and found.runs == 3


def test_runs_that_fall_short_never_refute() -> None:
    """A run that has not converged is counted and left out; too few converged runs give no verdict."""
    found = judge([GOOD, SHORT, GOOD])
    assert (found.verdict, found.runs, found.not_converged) == ("holds", 2, 1)
    assert judge([GOOD, SHORT]).verdict == "inconclusive"
    nothing = judge([SHORT] * 12)
    assert (nothing.verdict, nothing.runs, nothing.not_converged) == ("inconclusive", 0, 12)


def test_a_converged_run_refutes_alone() -> None:
    """One converged run that did not recover the sources refutes, whatever the others did."""
    assert judge([WRONG]).verdict == "fails" and judge([GOOD, GOOD, WRONG, SHORT]).verdict == "fails"


def test_the_study_of_the_small_case() -> None:
    """On 200 seeds: no false alarm, at most 1 % without a verdict, and at most 20 s each of processor time."""
    study = recorded("false-alarms-trained")
    (rates,) = study.tables["rates"].records()
    assert rates["seeds"] == 200 and rates["false_alarms"] == 0
    assert rates["inconclusive"] <= 2 and rates["most_seconds"] <= 20
    assert rates["smallest_shortfall_astray"] > study.parameters["shortfall"], "a run astray would count as converged"


@pytest.mark.slow
def test_training_a_wrong_model_refutes() -> None:
    """Normal sources can be rotated at no cost: trained runs converge, do not recover the sources, and refute."""
    setting = Setting("normal", lambda rng: Linear(np.eye(2), np.zeros(2)))
    found = small_case.runs(0, setting, Recipe(steps=2000, batch=64, draws=2, antithetic=True))
    assert sum(run.converged for run in found) >= small_case.ENOUGH
    assert judge(found).verdict == "fails"
