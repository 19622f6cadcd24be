"""Sources of four laws, model's priors of the same four, every pair, in 2, 3, 5 and 10 dimensions.

Moebius mixings (contrast 0, pole away from the sources) of independent sources of mean 0 and variance 1: uniform,
Laplace, normal and Beta(2, 2). A model's prior p0 that is not the sources' is no obstacle: with T the monotone maps
that turn each coordinate of p0 into the sources' law, f o T has the data's likelihood and orthogonal columns.
What is an obstacle are normal sources: a conformal f may be preceded by a rotation at no cost, whatever the prior is.
For small noise sources are then recovered, up to monotone maps, only if they are not normal; MCC is by ranks.
That a Laplace density has a kink, which smooth networks cannot give to T, is not in this account.

A run's shortfall is the ELBO of the true decoder f o T less that of the run's, at the mode (`modes`), held out.
"""

from dataclasses import asdict
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from ...numerics.families.decoder import Decoder
from ...numerics.families.moebius import draw_moebius
from ...numerics.priors import Point, Prior
from ...results import Recorded, Table, recorded
from ..convergence import shortfall
from ..evaluate import evaluate, select
from ..findings import SHORTFALL, Bound, Finding, column, finding, upper_shortfalls, where
from ..loop import Recipe, annealing, stack, train
from ..metrics import mcc
from ..mixings import Mixed, mix
from ..models import VAE, as_dtype, identity, mlp_vae
from ..modes import mode_elbo
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "priors-dimensions"
LAWS = ("uniform", "laplace", "normal", "beta")
DIMENSIONS = (2, 3, 5, 10)
HIDDEN = (48, 48)
SIGNAL_TO_NOISE = 10.0
TRAIN, HELD_OUT, POINTS = 20_000, 2000, 100
# mixings, restarts, steps; quick has two dimensions only
SIZES = {"quick": (1, 1, 1000), "standard": (1, 1, 3000), "full": (1, 2, 3000)}
SELECTION = "of the restarts, the one with the largest ELBO of the decoder at held-out points (at the mode)"
_UNKNOWN = 1e9  # nats, recorded for an infinite shortfall or error
_UNIFORM, _BETA = np.sqrt(1 / 12), np.sqrt(1 / 20)  # deviations of the laws on (0, 1)


def link(law: Array, y: Array) -> Array:
    """z (d,) of the latent y, law one-hot (4,): sigmoid and standardised for the laws on an interval, else y."""
    inside = jax.nn.sigmoid(y) - 0.5
    return law[0] * inside / _UNIFORM + (law[1] + law[2]) * y + law[3] * inside / _BETA


class LawPrior(Prior):
    """The law of y, one of four, chosen by a one-hot array that is not learnt."""

    law: Float[Array | np.ndarray, "4"]

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """The log-density at y, here called z as in `Prior`."""
        y = jnp.asarray(z)
        inside = jax.nn.log_sigmoid(y) + jax.nn.log_sigmoid(-y)  # the logistic law, of a uniform sigmoid(y)
        laplace = -float(np.sqrt(2)) * jnp.abs(y) - float(np.log(2) / 2)
        normal = -0.5 * (y**2 + float(np.log(2 * np.pi)))
        each = jnp.stack([inside, laplace, normal, 2 * inside + float(np.log(6))])
        return jax.lax.stop_gradient(jnp.asarray(self.law)) @ jnp.sum(each, axis=-1)

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """One point z = link(y), of mean 0 and variance 1, (d,)."""
        drawn = (
            (rng.uniform(size=d) - 0.5) / _UNIFORM,
            np.sqrt(0.5) * rng.laplace(size=d),
            rng.standard_normal(d),
            (rng.beta(2, 2, size=d) - 0.5) / _BETA,
        )
        return drawn[int(np.argmax(self.law))]


class Linked(eqx.Module):
    """A decoder of z as one of y."""

    decoder: Any
    law: Float[Array | np.ndarray, "4"]

    def __call__(self, y: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(link(y))."""
        return self.decoder(link(jax.lax.stop_gradient(jnp.asarray(self.law)), y))


class Transported(Decoder):
    """f o T as a function of y: T takes y from the model's law to the sources'."""

    mixing: Decoder
    model: Any
    sources: Any

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(T(y)), y here called z as in `Decoder`."""
        return self.mixing(quantile(self.sources, probability(self.model, link(self.model, z))))


def probability(law: Array, z: Array) -> Array:
    """The distribution function of each coordinate z."""
    u = jnp.clip(z * _BETA + 0.5, 0, 1)
    tail = 0.5 * jnp.exp(-jnp.sqrt(2.0) * jnp.abs(z))
    laplace = jnp.where(z < 0, tail, 1 - tail)
    return law[0] * (z * _UNIFORM + 0.5) + law[1] * laplace + law[2] * ndtr(z) + law[3] * u**2 * (3 - 2 * u)


def quantile(law: Array, p: Array) -> Array:
    """The inverse of `probability`; p is kept 1e-12 away from 0 and 1."""
    p = jnp.clip(p, 1e-12, 1 - 1e-12)
    away = jnp.log(2 * jnp.minimum(p, 1 - p)) / jnp.sqrt(2.0)
    laplace = jnp.where(p < 0.5, away, -away)
    beta = (-jnp.sin(jnp.arcsin(1 - 2 * p) / 3)) / _BETA
    return law[0] * (p - 0.5) / _UNIFORM + law[1] * laplace + law[2] * ndtri(p) + law[3] * beta


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a dimension."""
    return len(_dimensions(effort))


def _dimensions(effort: Effort) -> tuple[int, ...]:
    return DIMENSIONS[:2] if effort == "quick" else DIMENSIONS


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train every pair of laws in every dimension, select and measure."""
    mixings, restarts, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5))
    parameters: dict[str, Any] = {"laws": LAWS, "hidden": HIDDEN, "mixings": mixings, "restarts": restarts}
    parameters |= {"signal_to_noise": SIGNAL_TO_NOISE} | asdict(how)
    fixed = parameters | {"seed": seed, "points": POINTS}
    asked = [
        Asked(f"d = {d}", fixed | {"d": d}, partial(_runs, d, mixings, restarts, seed, how, batches))
        for d in _dimensions(effort)
    ]
    rows = batches.run_all(asked)
    selected = where(rows, selected=True)
    cases = [row | {"case": f"{row['sources']} sources, {row['prior']} prior"} for row in selected]
    rng = generator(NAME, seed, 999_983)
    quantities = ("mcc_spearman", "mcc_mean", "shortfall")
    late = sum(row["shortfall"] > SHORTFALL for row in selected)
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        SELECTION,
        (f"{late} of {len(selected)} selected runs have not converged",) if late else (),
        {
            "runs": Table.of(rows),
            "summary": Table.of(summaries(cases, "case", quantities, rng)),
            "cells": Table.of(_cells(selected)),
        },
    )


def _cells(selected: Rows) -> Rows:
    """One row a pair of laws, one column a dimension: the median MCC by ranks over mixings."""
    dimensions = list(dict.fromkeys(row["d"] for row in selected))
    return [
        {"sources": sources, "prior": prior}
        | {
            f"d = {d}": plain(np.median(column(where(selected, d=d, sources=sources, prior=prior), "mcc_spearman")))
            for d in dimensions
        }
        for sources in LAWS
        for prior in LAWS
    ]


def _one_hot(law: str) -> np.ndarray:
    return (np.array(LAWS) == law).astype(np.float32)


def _runs(d: int, mixings: int, restarts: int, seed: int, how: Recipe, batches: Batches) -> Rows:
    sets = [(law, k) for law in LAWS for k in range(mixings)]
    mixed = [_mixed(d, law, generator(NAME, seed, d, k)) for law, k in sets]
    labels = [(n, prior, restart) for n in range(len(sets)) for prior in LAWS for restart in range(restarts)]
    which = [n for n, _, _ in labels]
    data, held_out = np.stack([m.train for m in mixed]), np.stack([m.held_out for m in mixed])
    vaes = stack([_vae(data[n], d, p, generator(NAME, seed, d, n, LAWS.index(p), r)) for n, p, r in labels])
    eps = [float(rows.var(axis=0).mean()) / SIGNAL_TO_NOISE**2 for rows in data]
    noise = annealing(data, which, [eps[n] for n in which])
    report = batches.report(f"d = {d}", how.steps)
    trained = train(vaes, data, which, noise, training_key(NAME, seed, d), how, report=report).vaes
    found = evaluate(trained, held_out, which, noise.target, jacobians=1)
    few = held_out[:, :POINTS]
    pairs = [(n, prior) for n in range(len(sets)) for prior in LAWS]
    truth = stack([_true(mixed[n].mixing, sets[n][0], prior) for n, prior in pairs])
    start = np.stack([_latent(sets[n][0], prior, mixed[n].sources[:POINTS]) for n, prior in pairs])
    true = mode_elbo(truth, few, [n for n, _ in pairs], np.log([eps[n] for n, _ in pairs]), start)
    best = mode_elbo(trained, few, which, noise.target, found.mean[:, :POINTS])
    group = [pairs.index((n, prior)) for n, prior, _ in labels]
    chosen = select(group, np.array([np.nan_to_num(run.elbo, nan=-_UNKNOWN).mean() for run in best]))
    rows: Rows = []
    for r, (n, prior, restart) in enumerate(labels):
        short, sources = shortfall(true[group[r]], best[r]), mixed[n].sources
        latent = np.asarray(link(jnp.asarray(_one_hot(prior)), jnp.asarray(found.mean[r])))
        row = {
            "mcc_mean": mcc(sources, latent),
            "mcc_spearman": mcc(sources, latent, rank=True),
            "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), latent, rank=True),
            "shortfall": min(short.value, _UNKNOWN),
            "shortfall_error": min(short.error, _UNKNOWN),
            "elbo": found.elbo[r],
        }
        labelled = {"d": d, "sources": sets[n][0], "prior": prior, "mixing": sets[n][1], "restart": restart}
        rows.append(labelled | {"selected": bool(chosen[r])} | {key: plain(value) for key, value in row.items()})
    return rows


def _mixed(d: int, law: str, rng: np.random.Generator) -> Mixed:
    """The same Moebius map for every law."""
    mixing = draw_moebius(rng, d)
    return mix(rng, mixing, d, sources=LawPrior(_one_hot(law)), train=TRAIN, held_out=HELD_OUT)


def _vae(data: np.ndarray, d: int, prior: str, rng: np.random.Generator) -> VAE:
    vae = mlp_vae(data, d, rng, prior="normal", hidden=HIDDEN)
    law = jnp.asarray(_one_hot(prior))
    return VAE(vae.encoder, Linked(vae.decoder, law), LawPrior(law), vae.log_noise_var, identity)


def _true(mixing: Decoder, sources: str, prior: str) -> VAE:
    model, law = (jnp.asarray(_one_hot(name), float) for name in (prior, sources))
    return VAE(identity, Transported(as_dtype(mixing, float), model, law), LawPrior(model), jnp.zeros(()), identity)


def _latent(sources: str, prior: str, s: np.ndarray) -> np.ndarray:
    """The y with T(y) = s."""
    z = quantile(
        jnp.asarray(_one_hot(prior), float), probability(jnp.asarray(_one_hot(sources), float), jnp.asarray(s, float))
    )
    if prior in ("laplace", "normal"):
        return np.asarray(z)
    u = np.clip(np.asarray(z) * (_UNIFORM if prior == "uniform" else _BETA) + 0.5, 1e-9, 1 - 1e-9)
    return np.log(u) - np.log1p(-u)


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """Bounded sources are recovered with each other's prior, not with a Laplace one; normal ones never are."""
    result = result or recorded(NAME)
    best = where(result.tables["runs"].records(), selected=True)
    make = partial(finding, result.experiment)
    swapped = where(best, sources="uniform", prior="beta") + where(best, sources="beta", prior="uniform")
    kinked = [row for row in where(best, prior="laplace") if row["sources"] in ("uniform", "beta")]
    normal = where(best, sources="normal")
    beyond = [row for row in normal if row["d"] > 2]
    return (
        make(
            "recovered",
            "median MCC by ranks of uniform sources with a Beta prior and of Beta sources with a uniform one",
            column(swapped, "mcc_spearman"),
            "the same of normal sources with any prior",
            column(normal, "mcc_spearman"),
            bound=Bound("at least", 0.97),
            shortfalls=upper_shortfalls(swapped),
        ),
        make(
            "normal",
            "median MCC by ranks of normal sources with any prior, three or more",
            column(beyond, "mcc_spearman"),
            "the same of uniform sources with a Beta prior and of Beta sources with a uniform one",
            column(swapped, "mcc_spearman"),
            bound=Bound("at most", 0.9),
            shortfalls=upper_shortfalls(beyond),
        ),
        make(
            "laplace-prior",
            "median MCC by ranks of uniform and Beta sources with a Laplace prior",
            column(kinked, "mcc_spearman"),
            "the same with each other's prior",
            column(swapped, "mcc_spearman"),
            bound=Bound("at most", 0.8),
            shortfalls=upper_shortfalls(kinked),
        ),
    )
