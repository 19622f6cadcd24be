"""A decoder variance that is learnt: gamma^2 over training, and its estimates from samples and from means.

log eps is a parameter like the others; data are Moebius maps of two uniform sources, in three settings:

    square   D = d = 2, no noise
    tall     the same in a plane of four dimensions, no noise: the ELBO has no maximum in eps
    noisy    the same with Gaussian noise of variance eps0 in all four coordinates

After each of `CHUNKS` pieces of training, at held-out points, and in units of the noise variance that would explain it:

    from_samples   E_q|x - f(z)|^2 / D, at which the ELBO is stationary in eps (claim `decoder-variance`)
    from_means     |x - f(mean)|^2 / D, which much code takes for it

`gamma2` is 1 / eps in units in which the data's mean variance is one; so is `gamma2_data` = 1 / eps0. A run's shortfall
is the true decoder's ELBO less that of the run's decoder, both at the run's own final eps and at the mode (`modes`), so
that it says whether the decoder was learnt, not whether eps was.
"""

from dataclasses import asdict
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...numerics.families.decoder import Decoder, Matrix
from ...numerics.families.draws import orthogonal
from ...results import Recorded, Table, recorded
from ..convergence import shortfall
from ..evaluate import nodes
from ..findings import SHORTFALL, Bound, Finding, column, finding, upper_shortfalls, where
from ..loop import Recipe, annealing, stack, train
from ..loss import Terms, moved
from ..metrics import mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import DTYPE, VAE, LogitBeta, as_dtype, identity, mlp_vae
from ..modes import mode_elbo
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "learned-variance"
SETTINGS = {"square": (2, 0.0), "tall": (4, 0.0), "noisy": (4, 1 / 400)}  # D, eps0 over the data's mean variance
LATENT_DIM = 2
HIDDEN = (32, 32)
TRAIN, HELD_OUT = 20_000, 400
CHUNKS = 20
SIZES = {"quick": (1, 1000), "standard": (4, 6000), "full": (10, 16_000)}  # seeds, steps


class Embedded(Decoder):
    """f(s) = Q inner(s), the columns of Q (D, d) orthonormal."""

    inner: Decoder
    frame: Matrix

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(z)."""
        return self.frame @ self.inner(z)


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a setting."""
    return len(SETTINGS)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train every seed in every setting and measure along the way."""
    count, steps = SIZES[effort]
    how = Recipe(
        steps=steps,
        batch=64,
        draws=2,
        antithetic=True,
        path=True,
        learn_noise=True,
        chunks=CHUNKS,
        warm_up=min(200, steps // 5),
    )
    parameters: dict[str, Any] = {"settings": SETTINGS, "hidden": HIDDEN, "seeds": count, "train": TRAIN} | asdict(how)
    fixed = parameters | {"seed": seed}
    rows = batches.run_all(
        [Asked(setting, fixed, partial(_runs, setting, count, seed, how, batches)) for setting in SETTINGS]
    )
    last = where(rows, step=steps)
    quantities = ("gamma2", "gamma2_data", "from_samples", "from_means", "mcc_mean", "shortfall")
    late = sum(row["shortfall"] > SHORTFALL for row in last)
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"effort": effort, "seconds": round(batches.seconds)},
        count * len(SETTINGS),
        "none: one run a seed and setting, all of them recorded",
        (f"{late} of {len(last)} runs have not converged",) if late else (),
        {
            "runs": Table.of(last),
            "path": Table.of([{key: row[key] for key in _PATH} for row in rows]),
            "summary": Table.of(summaries(last, "setting", quantities, generator(NAME, seed, 999_983))),
        },
    )


_PATH = ("setting", "seed", "step", "gamma2", "from_samples", "from_means")


def _mixed(setting: str, rng: np.random.Generator) -> tuple[Mixed, float]:
    """Data scaled to mean variance one before the noise, and the variance of the noise."""
    size, eps0 = SETTINGS[setting]
    inner = draw_moebius(rng, LATENT_DIM, nearest=1.5)
    made = mix(rng, inner, LATENT_DIM, train=TRAIN, held_out=HELD_OUT)
    scale = float(np.sqrt(made.train.var(axis=0).mean() * LATENT_DIM / size))
    frame = orthogonal(rng, size)[:, :LATENT_DIM] / scale
    noisy = [
        (x @ frame.T + np.sqrt(eps0) * rng.standard_normal((len(x), size))).astype(np.float32)
        for x in (made.train, made.held_out)
    ]
    return Mixed(Embedded(made.mixing, frame), noisy[0], noisy[1], made.sources), eps0


def _runs(setting: str, count: int, seed: int, how: Recipe, batches: Batches) -> Rows:
    kind = list(SETTINGS).index(setting)
    drawn = [_mixed(setting, generator(NAME, seed, kind, k)) for k in range(count)]
    mixed = [each for each, _ in drawn]
    which = list(range(count))
    data, held_out = np.stack([m.train for m in mixed]), np.stack([m.held_out for m in mixed])
    start = annealing(data, which, [1.0] * count).start
    vaes = stack([mlp_vae(data[k], LATENT_DIM, generator(NAME, seed, kind, k, 1), hidden=HIDDEN) for k in which])
    vaes = eqx.tree_at(lambda v: v.log_noise_var, vaes, start)
    points, path = jnp.asarray(held_out, DTYPE), []
    shown = batches.report(setting, how.steps)

    def report(step: int, vaes: VAE, terms: Terms) -> None:
        path.append((step, np.exp(np.asarray(vaes.log_noise_var, float)), *map(np.asarray, _errors(vaes, points))))
        shown(step, vaes, terms)

    trained = train(
        vaes, data, which, annealing(data, which, [1.0] * count), training_key(NAME, seed, kind), how, report=report
    )
    log_eps = np.asarray(trained.vaes.log_noise_var, float)
    prior = as_dtype(LogitBeta())
    truth = stack([VAE(identity, as_dtype(m.mixing, float), prior, jnp.zeros(()), jax.nn.sigmoid) for m in mixed])
    s = np.stack([m.sources.astype(float) for m in mixed])
    true = mode_elbo(truth, held_out, which, log_eps, np.log(s) - np.log1p(-s))
    means = np.asarray(_means(trained.vaes, points))
    best = mode_elbo(trained.vaes, held_out, which, log_eps, means)
    rows: Rows = []
    for step, eps, samples, of_means in path:
        for k in which:
            short = shortfall(true[k], best[k])
            row = {"gamma2": 1 / eps[k], "from_samples": 1 / samples[k], "from_means": 1 / of_means[k]}
            row |= {"shortfall": short.value, "shortfall_error": short.error, "mcc_mean": mcc(s[k], best[k].latent)}
            labelled = {
                "setting": setting,
                "seed": k,
                "step": step,
                "gamma2_data": plain(1 / drawn[k][1]) if drawn[k][1] else 0.0,
            }
            rows.append(labelled | {key: plain(value) for key, value in row.items()})
    return rows


@eqx.filter_jit
def _errors(vaes: VAE, points: Array) -> tuple[Array, Array]:
    """E_q|x - f(z)|^2 / D and |x - f(mean)|^2 / D, means over points, of every run."""
    xi, weights = (jnp.asarray(part, DTYPE) for part in nodes(LATENT_DIM))

    def of_run(vae: VAE, data: Array) -> tuple[Array, Array]:
        def at(x: Array) -> tuple[Array, Array]:
            mean, spread = vae.encoder(x, vae.log_noise_var)
            square = lambda y: jnp.mean((x - vae.decode(y)) ** 2)  # noqa: E731
            return weights @ jax.vmap(lambda node: square(moved(mean, spread, node)))(xi), square(mean)

        samples, means = jax.vmap(at)(data)
        return jnp.mean(samples), jnp.mean(means)

    return eqx.filter_vmap(of_run)(vaes, points)


@eqx.filter_jit
def _means(vaes: VAE, points: Array) -> Array:
    """The encoder's means, (R, m, d)."""
    of_run = lambda vae, data: jax.vmap(lambda x: vae.encoder(x, vae.log_noise_var)[0])(data)  # noqa: E731
    return eqx.filter_vmap(of_run)(vaes, points)


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """The learnt variance is the error of samples; that of means is no estimate; noise in the data is found."""
    result = result or recorded(NAME)
    last = result.tables["runs"].records()
    noisy, tall = (where(last, setting=setting) for setting in ("noisy", "tall"))
    make = partial(finding, result.experiment)

    def off(rows: Rows, name: str) -> np.ndarray:
        return np.abs(np.log(column(rows, "gamma2") / column(rows, name)))

    return (
        make(
            "samples",
            "median |log of the learnt variance over the error of samples / D| at the end, noise in the data",
            off(noisy, "from_samples"),
            "the same with the error of the means",
            off(noisy, "from_means"),
            bound=Bound("at most", 0.1),
        ),
        make(
            "never-stationary",
            "median log of the learnt variance over the error of samples / D at the end, D > d without noise",
            np.log(column(tall, "from_samples") / column(tall, "gamma2")),
            "the same with noise in the data",
            np.log(column(noisy, "from_samples") / column(noisy, "gamma2")),
            bound=Bound("at least", 0.2),
        ),
        make(
            "noise",
            "median |log of the learnt variance over that of the noise in the data|",
            off(noisy, "gamma2_data"),
            "the same for the estimate from means",
            np.abs(np.log(column(noisy, "from_means") / column(noisy, "gamma2_data"))),
            bound=Bound("at most", 0.1),
            shortfalls=upper_shortfalls(noisy),
        ),
        make(
            "order-of-means",
            "median order in eps of the error of means over training, D = d = 2 (two in the limit)",
            _orders(result, "from_means"),
            "the same of the error of samples",
            _orders(result, "from_samples"),
            bound=Bound("at least", 1.3),
        ),
    )


def _orders(result: Recorded, name: str) -> np.ndarray:
    """The slope of log error over log eps along the training of each seed of the square setting."""
    rows = where(result.tables["path"].records(), setting="square")
    orders = []
    for seed in dict.fromkeys(row["seed"] for row in rows):
        mine = where(rows, seed=seed)
        x, y = np.log(column(mine, "gamma2")), np.log(column(mine, name))
        orders.append(np.polyfit(x, y, 1)[0])
    return np.array(orders)
