"""gamma^2 = 1e6, where the published MCC falls: is it the optimum that changes, or does training not reach it?

Moebius mixings of three uniform sources as in `moebius-gamma`. Every way of training ends at the same objective, that
of gamma^2 = 1e6:

    sudden     at 1e6 from the first step
    annealed   eps lowered over the first half of the steps
    warm       from the solution of 1e5, itself annealed; eps lowered from there
    longer     annealed, with as many steps as `warm` and its start have together

with two pairs of networks: `smooth`, two layers of 64 SiLU units, and `small`, one of 30 leaky ReLU units, the size of
the paper's. If theory were to blame, a solution that recovers the sources would have the lower ELBO. Recorded are, held
out, the ELBO of the run with its own encoder, `decoder_elbo`, that of its decoder at the mode (`modes`), and
`true_elbo`, that of the true decoder.
"""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...results import Recorded, Table, recorded
from ..convergence import shortfall
from ..evaluate import evaluate
from ..findings import SHORTFALL, Bound, Finding, column, finding, where
from ..loop import Annealing, Recipe, annealing, run_of, stack, train
from ..metrics import batched_mcc, contrasts, mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import VAE, LogitBeta, as_dtype, identity, mlp_vae
from ..modes import mode_elbo
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "gamma-million"
GAMMA2, BEFORE = 1e6, 1e5
LATENT_DIM = 3
NETWORKS = {"smooth": ((64, 64), jax.nn.silu), "small": ((30,), jax.nn.leaky_relu)}
WAYS = ("sudden", "annealed", "warm", "longer")
POINTS = 200
SIZES = {"quick": (1, 1000), "standard": (3, 5000), "full": (6, 5000)}  # mixings, steps


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a pair of networks."""
    return len(NETWORKS)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train every mixing in every way with both pairs of networks and measure."""
    mixings, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, warm_up=min(200, steps // 5))
    parameters: dict[str, Any] = {"gamma2": GAMMA2, "before": BEFORE, "mixings": mixings, "latent_dim": LATENT_DIM}
    parameters |= {"networks": {name: hidden for name, (hidden, _) in NETWORKS.items()}} | asdict(how)
    fixed = parameters | {"seed": seed, "points": POINTS}
    rows = batches.run_all(
        [Asked(networks, fixed, partial(_runs, networks, mixings, seed, how, batches)) for networks in NETWORKS]
    )
    cases = [row | {"case": f"{row['networks']}, {row['way']}"} for row in rows]
    quantities = (
        *("mcc_mean", "mcc_sample_batches_of_64", "contrast_point", "contrast_mean_jacobian"),
        *("elbo", "decoder_elbo", "true_elbo", "behind"),
    )
    late = sum(row["shortfall"] > SHORTFALL for row in rows)
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        "none: one run a mixing, way and pair of networks, all of them recorded",
        (f"{late} of {len(rows)} runs have not converged",) if late else (),
        {
            "runs": Table.of(rows),
            "summary": Table.of(summaries(cases, "case", quantities, generator(NAME, seed, 999_983))),
        },
    )


def _runs(networks: str, mixings: int, seed: int, how: Recipe, batches: Batches) -> Rows:
    hidden, activation = NETWORKS[networks]
    mixed = []
    for k in range(mixings):
        rng = generator(NAME, seed, k)
        mixed.append(mix(rng, draw_moebius(rng, LATENT_DIM), LATENT_DIM))
    data = np.stack([m.train for m in mixed])
    which = list(range(mixings))
    kind = list(NETWORKS).index(networks)
    starts = [
        mlp_vae(data[k], LATENT_DIM, generator(NAME, seed, k, kind, 1), hidden=hidden, activation=activation)
        for k in which
    ]
    to_before, to_end = (annealing(data, which, [1 / g] * mixings) for g in (BEFORE, GAMMA2))

    def trained(vaes: list[VAE], noise: list[Annealing], recipe: Recipe, name: str, number: int) -> VAE:
        joined = Annealing(*(jnp.concatenate(parts) for parts in zip(*noise, strict=True)))
        key = training_key(NAME, seed, kind, number)
        report = batches.report(f"{networks}, {name}", recipe.steps)
        return train(stack(vaes), data, which * len(noise), joined, key, recipe, report=report).vaes

    sudden = to_end._replace(start=to_end.target)
    first = trained(starts * 3, [sudden, to_end, to_before], how, "sudden, annealed, 1e5", 0)

    def at(part: int) -> list[VAE]:
        return [run_of(first, r) for r in range(part * mixings, (part + 1) * mixings)]

    warm = trained(at(2), [to_end._replace(start=to_before.target)], how, "warm", 1)
    longer = trained(starts, [to_end], replace(how, steps=2 * how.steps), "longer", 2)
    ways = {"sudden": stack(at(0)), "annealed": stack(at(1)), "warm": warm, "longer": longer}
    return [row for way, vaes in ways.items() for row in _rows(networks, way, mixed, vaes)]


def _rows(networks: str, way: str, mixed: list[Mixed], vaes: VAE) -> Rows:
    which = range(len(mixed))
    log_eps = np.full(len(mixed), -np.log(GAMMA2))
    held_out = np.stack([m.held_out[:2000] for m in mixed])
    found = evaluate(vaes, held_out, which, jnp.asarray(log_eps))
    few, s = held_out[:, :POINTS], np.stack([m.sources[:POINTS].astype(float) for m in mixed])
    prior = as_dtype(LogitBeta())
    truth = stack([VAE(identity, as_dtype(m.mixing, float), prior, jnp.zeros(()), jax.nn.sigmoid) for m in mixed])
    true = mode_elbo(truth, few, which, log_eps, np.log(s) - np.log1p(-s))
    modes = mode_elbo(vaes, few, which, log_eps, found.mean[:, :POINTS])
    own = found.elbo_points[:, :POINTS].astype(float)  # where no mode was found
    best = [each._replace(elbo=np.where(np.isfinite(each.elbo), each.elbo, own[k])) for k, each in enumerate(modes)]
    rows: Rows = []
    for k, each in enumerate(mixed):
        short, sources = shortfall(true[k], best[k]), each.sources[:2000]
        contrast = contrasts(np.asarray(found.jacobian[k], float))
        row = {
            "elbo": own[k].mean(),
            "decoder_elbo": best[k].elbo.mean(),
            "true_elbo": true[k].elbo.mean(),
            "behind": true[k].elbo.mean() - own[k].mean(),
            "shortfall": short.value,
            "shortfall_error": min(short.error, 1e9),
            "mcc_mean": mcc(sources, found.latent[k]),
            "mcc_sample_batches_of_64": batched_mcc(sources, found.sample[k]),
            "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), found.latent[k]),
            "contrast_point": contrast.point,
            "contrast_mean_jacobian": contrast.mean_jacobian,
        }
        labelled = {"networks": networks, "way": way, "mixing": k}
        rows.append(labelled | {key: plain(value) for key, value in row.items()})
    return rows


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """A better start gives the larger ELBO and the larger MCC, with the same networks and objective: optimisation."""
    result = result or recorded(NAME)
    rows = result.tables["runs"].records()
    sudden, warm = (where(rows, networks="smooth", way=way) for way in ("sudden", "warm"))
    make = partial(finding, result.experiment)
    gains = {name: column(warm, name) - column(sudden, name) for name in ("elbo", "mcc_mean")}
    return (
        make(
            "elbo",
            "median of the ELBO from the solution of 1e5 less that of training at 1e6 from the first step, nats",
            gains["elbo"],
            "the same the other way round",
            -gains["elbo"],
            bound=Bound("at least", SHORTFALL),
        ),
        make(
            "mcc",
            "median of the MCC from the solution of 1e5 less that of training at 1e6 from the first step",
            gains["mcc_mean"],
            "the same the other way round",
            -gains["mcc_mean"],
            bound=Bound("at least", 0.0),
        ),
    )
