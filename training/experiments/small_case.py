"""One small true case, trained on the spot: uniform sources are recovered from a Moebius mixing by every converged run.

Two uniform sources, a Moebius mixing (contrast 0) whose pole is not close, noise a tenth of the data's deviation, a
logit-normal encoder. Training may end elsewhere than at the optimum, which says nothing about the optimum: a run whose
decoder's best ELBO falls short of the true decoder's (`convergence`) is *not converged*; it is counted, said, and never
speaks against the claim. Restarts go on, `RESTARTS` at a time and at most `BATCHES` times, until `ENOUGH` runs have
converged; of those every one must recover the sources.

The shortfall must tell the optimum from local optima in which the sources are rotated. Those cost their contrast: on
other seeds than those of any study they lay .03 to .07 nats below the true decoder, runs that recovered the sources
within .01.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logit
from jaxtyping import Array

from ...numerics.families.decoder import Decoder
from ..convergence import BestElbo, Shortfall, best_elbo, shortfall
from ..findings import SHORTFALL, Finding
from ..loop import Recipe, annealing, stack, train
from ..metrics import mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import VAE, as_dtype, identity, mlp_vae
from .runs import generator, training_key

NAME = "small-case"
LATENT_DIM = 2
HIDDEN = (32, 32)
SIGNAL_TO_NOISE = 10.0  # deviation of the data over that of the noise; named in the finding
TRAIN, HELD_OUT = 10_000, 800
RESTARTS, BATCHES, ENOUGH = 3, 4, 2
RECOVERED = 0.95  # MCC
RECIPE = Recipe(steps=4000, batch=64, draws=2, antithetic=True, chunks=4)


@dataclass(frozen=True)
class Setting:
    """Sources (their law is the model's prior, "uniform" or "normal") and how the mixing is drawn."""

    prior: str
    draw: Callable[[np.random.Generator], Decoder]


def _moebius(rng: np.random.Generator) -> Decoder:
    """A pole at least 3/2 from the centre in each coordinate; with closer ones fewer runs reach the optimum."""
    return draw_moebius(rng, LATENT_DIM, nearest=1.5)


MOEBIUS = Setting("uniform", _moebius)


class Run(NamedTuple):
    """A run at its decoder's best encoder: its shortfall, the MCC, and the MCC with shuffled sources."""

    shortfall: Shortfall
    mcc: float
    mcc_shuffled: float

    @property
    def converged(self) -> bool:
        """Whether the run is at the optimum, up to `SHORTFALL`."""
        return self.shortfall.within(SHORTFALL)


def small_case(seed: int = 0) -> tuple[Finding, ...]:
    """Train until enough runs have converged, and judge those: under 20 s on two cores."""
    return (judge(runs(seed)),)


def judge(found: Sequence[Run]) -> Finding:
    """The smallest MCC of the converged runs. One that is too small refutes; too few of them show nothing."""
    kept = [run for run in found if run.converged]
    worst = min((run.mcc for run in kept), default=np.nan)
    return Finding(
        experiment=NAME,
        id="mcc",
        statement="smallest MCC of the converged runs, Moebius mixing of two sources, noise a tenth of the data's "
        "deviation, trained just now",
        runs=len(kept),
        value=worst,
        low=worst if len(kept) >= ENOUGH else -np.inf,
        high=worst if len(kept) >= ENOUGH else np.inf,
        bound=RECOVERED,
        direction="at least",
        control="the same with every source point paired with another observation",
        control_value=max((run.mcc_shuffled for run in kept), default=np.nan),
        not_converged=len(found) - len(kept),
        refuted=worst < RECOVERED,
    )


def runs(seed: int, setting: Setting = MOEBIUS, recipe: Recipe = RECIPE) -> tuple[Run, ...]:
    """Every run that was trained, converged or not, in the order of training."""
    rng = generator(NAME, seed)
    mixed = mix(rng, setting.draw(rng), LATENT_DIM, sources=setting.prior, train=TRAIN, held_out=HELD_OUT)
    noise_var = float(mixed.train.var(axis=0).mean()) / SIGNAL_TO_NOISE**2
    true = _true(mixed, setting.prior, noise_var)
    found: list[Run] = []
    for batch in range(BATCHES):
        found += _batch(mixed, setting.prior, noise_var, true, seed, batch, recipe)
        if sum(run.converged for run in found) >= ENOUGH:
            break
    return tuple(found)


def _batch(
    mixed: Mixed, prior: str, noise_var: float, true: BestElbo, seed: int, batch: int, recipe: Recipe
) -> list[Run]:
    """`RESTARTS` runs, trained together."""
    which = [0] * RESTARTS
    starts = [generator(NAME, seed, batch * RESTARTS + restart) for restart in range(RESTARTS)]
    vaes = stack([mlp_vae(mixed.train, LATENT_DIM, rng, prior=prior, hidden=HIDDEN) for rng in starts])
    noise = annealing(mixed.train[None], which, [noise_var] * RESTARTS)
    trained = train(vaes, mixed.train[None], which, noise, training_key(NAME, seed, batch), recipe)
    encoders = _encoders(trained.vaes, jnp.asarray(mixed.held_out), noise.target)
    found = best_elbo(trained.vaes, mixed.held_out, noise.target, encoders)
    others = np.roll(mixed.sources, 1, axis=0)
    return [Run(shortfall(true, best), mcc(mixed.sources, best.latent), mcc(others, best.latent)) for best in found]


@eqx.filter_jit
def _encoders(vaes: VAE, points: Array, log_noise_var: Array) -> Array:
    """(mean, log_std) of every run at every point, (R, m, 2 d)."""
    return eqx.filter_vmap(lambda vae, log_eps: jax.vmap(lambda x: jnp.concatenate(vae.encoder(x, log_eps)))(points))(
        vaes, log_noise_var
    )


def _true(mixed: Mixed, prior: str, noise_var: float) -> BestElbo:
    """The true decoder, searched from the true latents and the formula for the variances."""
    like = mlp_vae(mixed.train, LATENT_DIM, np.random.default_rng(0), prior=prior, hidden=HIDDEN)
    vae = VAE(identity, as_dtype(mixed.mixing, float), like.prior, like.log_noise_var, like.link)
    sources = jnp.asarray(mixed.sources, float)
    latent = sources if prior == "normal" else logit(sources)
    log_noise_var = jnp.asarray([np.log(noise_var)])
    start = _formula(vae, latent, noise_var)
    return best_elbo(stack([vae]), mixed.held_out, log_noise_var, start[None])[0]


@eqx.filter_jit
def _formula(vae: VAE, latent: Array, noise_var: float) -> Array:
    """(y, log_std) with the variances 1 / (1 + |J_k|^2 / eps), J that of the decoder in y."""
    squares = jnp.sum(jax.vmap(jax.jacfwd(vae.decode))(latent) ** 2, axis=1)
    return jnp.concatenate([latent, -0.5 * jnp.log1p(squares / noise_var)], axis=1)
