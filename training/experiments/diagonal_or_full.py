"""Diagonal against full covariance of the encoder: only the diagonal one prefers orthogonal columns.

With a full covariance the best ELBO is log p up to O(eps^2), whatever the decoder's columns, so that decoders which
differ by a rotation of the latents that preserves the prior are equally good; with a diagonal one they differ by their
contrast. Two families, the same data and starts for both encoders:

    linear     x = Q diag(lengths) s, s standard normal in three dimensions, a linear VAE. The columns are orthogonal
               and of different lengths. A measure-preserving remix is a rotation.
    moebius    x a Moebius map of two uniform sources, networks of two layers. A remix is a rotation in the coordinates
               in which the sources are normal.

`mcc_chance` is the MCC of the sources with such a remix of themselves, by a rotation drawn uniformly: what is left when
nothing prefers a direction. A run's shortfall is the true decoder's ELBO less that of the run, both with this encoder's
covariance at the mode (`modes`), held out.
"""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri

from ...numerics.families.draws import orthogonal
from ...numerics.families.linear import Linear
from ...results import Recorded, Table, recorded
from ..convergence import shortfall
from ..evaluate import evaluate, select
from ..findings import SHORTFALL, Bound, Finding, column, finding, upper_shortfalls, where
from ..loop import Recipe, annealing, stack, train
from ..metrics import contrasts, mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import DTYPE, MLP, VAE, ConstantSpread, FullEncoder, as_dtype, identity, mlp_vae
from ..modes import mode_elbo
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "diagonal-or-full"
ENCODERS = ("diagonal", "full")
FAMILIES = {"linear": (3, "normal", ()), "moebius": (2, "uniform", (32, 32))}  # latents, sources and prior, networks
LENGTHS = (1.0, 0.6, 0.35)
SIGNAL_TO_NOISE = 10.0  # deviation of the data over that of the noise
TRAIN, HELD_OUT, POINTS = 20_000, 2000, 400
HOW = {"linear": (1e-2, 128), "moebius": (5e-3, 64)}  # rate, batch
SIZES = {"quick": (3, 1, 1000), "standard": (6, 1, 4000), "full": (20, 2, 4000)}  # mixings, restarts, steps
SELECTION = "of the restarts, the one with the largest held-out ELBO of the decoder (at the mode, same points for all)"


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a family and encoder."""
    return len(FAMILIES) * len(ENCODERS)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train both encoders on every mixing, select and measure."""
    mixings, restarts, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5))
    parameters = {"mixings": mixings, "restarts": restarts, "signal_to_noise": SIGNAL_TO_NOISE, "lengths": LENGTHS}
    parameters |= asdict(how) | {"rate and batch": HOW}
    asked = []
    for family in FAMILIES:
        for encoder in ENCODERS:
            name = f"{family}, {encoder}"
            rate, batch = HOW[family]
            mine = replace(how, rate=rate, batch=batch)
            fixed = parameters | asdict(mine) | {"seed": seed, "hidden": FAMILIES[family][2]}
            run = partial(_runs, family, encoder, mixings, restarts, seed, mine, batches)
            asked.append(Asked(name, fixed, run))
    rows = batches.run_all(asked)
    selected = [row | {"case": f"{row['family']}, {row['encoder']}"} for row in rows if row["selected"]]
    quantities = ("mcc_mean", "mcc_chance", "contrast_point", "contrast_chance", "shortfall", "elbo")
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
            "summary": Table.of(summaries(selected, "case", quantities, generator(NAME, seed, 999_983))),
        },
    )


def _mixed(family: str, seed: int, index: int) -> Mixed:
    d, sources, _ = FAMILIES[family]
    rng = generator(NAME, seed, list(FAMILIES).index(family), index)
    if family == "linear":
        mixing: Any = Linear(orthogonal(rng, d) * np.array(LENGTHS), np.zeros(d))
    else:
        mixing = draw_moebius(rng, d, nearest=1.5)
    return mix(rng, mixing, d, sources=sources, train=TRAIN, held_out=HELD_OUT)


def _vae(family: str, encoder: str, data: np.ndarray, rng: np.random.Generator) -> VAE:
    """The same decoder for either encoder; the full one has a network with more outputs."""
    d, prior, hidden = FAMILIES[family]
    vae = mlp_vae(data, d, rng, prior=prior, hidden=hidden)
    old: Any = vae.encoder
    if family == "linear":
        spread = jnp.zeros((d,) if encoder == "diagonal" else (d, d), DTYPE)
        new: Any = ConstantSpread(MLP((data.shape[1], d), rng), spread, old.shift, old.scale)
    elif encoder == "diagonal":
        return vae
    else:
        new = FullEncoder(MLP((data.shape[1], *hidden, d + d * d), rng), old.shift, old.scale)
    return VAE(new, vae.decoder, vae.prior, vae.log_noise_var, vae.link)


def _runs(family: str, encoder: str, mixings: int, restarts: int, seed: int, how: Recipe, batches: Batches) -> Rows:
    mixed = [_mixed(family, seed, k) for k in range(mixings)]
    labels = [(k, restart) for k in range(mixings) for restart in range(restarts)]
    which = [k for k, _ in labels]
    data, held_out = np.stack([m.train for m in mixed]), np.stack([m.held_out for m in mixed])
    eps = [float(rows.var(axis=0).mean()) / SIGNAL_TO_NOISE**2 for rows in data]
    kind = list(FAMILIES).index(family)
    vaes = stack([_vae(family, encoder, data[k], generator(NAME, seed, kind, k, r, 1)) for k, r in labels])
    noise = annealing(data, which, [eps[k] for k in which])
    report = batches.report(f"{family}, {encoder}", how.steps)
    trained = train(vaes, data, which, noise, training_key(NAME, seed, kind), how, report=report)
    found = evaluate(trained.vaes, held_out, which, noise.target, jacobians=POINTS)
    few, full = held_out[:, :POINTS], encoder == "full"
    best = mode_elbo(trained.vaes, few, which, noise.target, found.mean[:, :POINTS], full=full)
    true = mode_elbo(
        stack([_true(family, m) for m in mixed]),
        few,
        range(mixings),
        np.log(eps),
        np.stack([_latent(family, m.sources[:POINTS]) for m in mixed]),
        full=full,
    )
    chosen = select(which, np.array([run.elbo.mean() for run in best]))
    rows: Rows = []
    for r, (k, restart) in enumerate(labels):
        short, sources = shortfall(true[k], best[r]), mixed[k].sources
        remixed = _remixed(family, sources, generator(NAME, seed, kind, k, r, 2))
        row = {
            "elbo": found.elbo[r],
            "shortfall": short.value,
            "shortfall_error": short.error,
            "mcc_mean": mcc(sources, found.latent[r]),
            "mcc_spearman": mcc(sources, found.latent[r], rank=True),
            "mcc_chance": mcc(sources, remixed),
            "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), found.latent[r]),
            "contrast_point": contrasts(np.asarray(found.jacobian[r], float)).point,
            "contrast_chance": _chance_contrast(family, generator(NAME, seed, kind, k, r, 3)),
        }
        labelled = {"family": family, "encoder": encoder, "mixing": k, "restart": restart, "selected": bool(chosen[r])}
        rows.append(labelled | {key: plain(value) for key, value in row.items()})
    return rows


def _true(family: str, mixed: Mixed) -> VAE:
    """The true decoder with the model's prior; its encoder is not used."""
    d, prior, hidden = FAMILIES[family]
    like = mlp_vae(mixed.train, d, np.random.default_rng(0), prior=prior, hidden=hidden)
    return VAE(identity, as_dtype(mixed.mixing, float), like.prior, like.log_noise_var, like.link)


def _latent(family: str, sources: np.ndarray) -> np.ndarray:
    """y of the sources."""
    s = sources.astype(float)
    return s if family == "linear" else np.log(s) - np.log1p(-s)


def _remixed(family: str, sources: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sources rotated at random in the coordinates in which they are normal."""
    s = sources.astype(float)
    rotation = orthogonal(rng, s.shape[1])
    return s @ rotation.T if family == "linear" else ndtr(ndtri(s) @ rotation.T)


def _chance_contrast(family: str, rng: np.random.Generator) -> float:
    """The contrast of a decoder remixed by a random rotation; for the conformal map, that of the remix alone."""
    d = FAMILIES[family][0]
    rotation = orthogonal(rng, d)
    if family == "linear":
        return contrasts((np.diag(LENGTHS) @ rotation)[None]).point
    g = rng.standard_normal((POINTS, d))
    slopes = lambda values: np.exp(-0.5 * values**2)  # noqa: E731
    jacobians = slopes(g @ rotation.T)[:, :, None] * rotation / slopes(g)[:, None, :]
    return contrasts(jacobians).point


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """A diagonal covariance recovers the sources; with a full one a linear VAE does not, networks still do."""
    result = result or recorded(NAME)
    best = where(result.tables["runs"].records(), selected=True)
    make = partial(finding, result.experiment)
    diagonal, full = (where(best, family="linear", encoder=encoder) for encoder in ENCODERS)
    networks = {encoder: where(best, family="moebius", encoder=encoder) for encoder in ENCODERS}
    found = [
        make(
            "mcc-linear",
            "median MCC with a diagonal covariance, linear mixings",
            column(diagonal, "mcc_mean"),
            "the same with a full covariance",
            column(full, "mcc_mean"),
            bound=Bound("at least", 0.99),
            shortfalls=upper_shortfalls(diagonal),
        ),
        make(
            "chance-linear",
            "median MCC with a full covariance, linear mixings, where that of random rotations is .83",
            column(full, "mcc_mean"),
            "the same with a diagonal covariance",
            column(diagonal, "mcc_mean"),
            bound=Bound("at most", 0.95),
            shortfalls=upper_shortfalls(full),
        ),
    ]
    for encoder, rows in networks.items():
        found.append(
            make(
                f"mcc-networks-{encoder}",
                f"median MCC of networks with a {encoder} covariance, Moebius mixings",
                column(rows, "mcc_mean"),
                "the same of the sources remixed at random",
                column(rows, "mcc_chance"),
                bound=Bound("at least", 0.99),
                shortfalls=upper_shortfalls(rows),
            )
        )
    return tuple(found)
