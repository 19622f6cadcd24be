"""Moebius mixings over gamma^2: with a nearly deterministic decoder the VAE recovers the sources, with a noisy one not.

Sources uniform on (0, 1)^3, a Moebius mixing each (contrast 0), a logit-normal encoder. For every mixing and every
gamma^2, up to four restarts; the one with the largest held-out ELBO is selected, without a look at the sources. At
gamma^2 = 10 and 100 the noise is larger than the data and the posterior collapses: these runs are recorded as they are.
"""

from dataclasses import asdict
from functools import partial

import numpy as np

from ...results import Recorded, Table, recorded
from ..evaluate import evaluate, select
from ..findings import Bound, Finding, column, finding, where
from ..loop import Recipe, annealing, stack, train
from ..mixings import draw_moebius, mean_contrast, mix
from ..models import mlp_vae
from ..monitor import monitor
from .measured import learnt_rows
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "moebius-gamma"
GAMMA2 = (10.0, 100.0, 1e3, 1e4, 1e5)
SIZES = {"quick": (2, 1, 1000), "standard": (6, 2, 5000), "full": (20, 4, 5000)}  # mixings, restarts, steps
LATENT_DIM = 3
HIDDEN = (64, 64)
UNIFORM_VAR = 1 / 12
SELECTION = "of the restarts, the one with the largest held-out ELBO (quadrature, same nodes and points for all)"


def recipe(steps: int) -> Recipe:
    """The recipe, chosen on other mixings and seeds than those recorded."""
    return Recipe(steps=steps, batch=64, draws=2, antithetic=True, warm_up=min(200, steps // 5))


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a mixing."""
    return SIZES[effort][0]


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train, select and measure; one batch is one mixing with all its gamma^2 and restarts."""
    mixings, restarts, steps = SIZES[effort]
    how = recipe(steps)
    parameters = {"gamma2": GAMMA2, "restarts": restarts, "latent_dim": LATENT_DIM, "hidden": HIDDEN} | asdict(how)
    asked: list[Asked] = []
    for mixing in range(mixings):
        name = f"mixing {mixing}"
        fixed = parameters | {"seed": seed, "mixing": mixing}
        asked.append(Asked(name, fixed, partial(_runs, mixing, seed, restarts, how, batches, name)))
    rows = batches.run_all(asked)
    selected = [row for row in rows if row["selected"]]
    quantities = (
        *("mcc_mean", "mcc_sample", "mcc_sample_batches_of_64", "mcc_mean_spearman", "mcc_shuffled"),
        *("contrast_point", "contrast_mean_jacobian", "amari", "self_consistency", "active"),
    )
    summary = summaries(selected, "gamma2", quantities, generator(NAME, seed, 9))
    shares = [
        {"gamma2": gamma2, "restarts": kept, "share_above_0.99": plain(np.mean(best)), "smallest": plain(min(values))}
        for gamma2 in GAMMA2
        for kept in range(1, restarts + 1)
        for values in [_best_of(rows, gamma2, kept)]
        for best in [np.array(values) > 0.99]
    ]
    collapsed = sum(row["active"] < LATENT_DIM for row in selected)
    failures = [
        f"gamma2 {row['gamma2']:g}, mixing {row['mixing']}: MCC {row['mcc_mean']:.3f}"
        for row in selected
        if row["active"] == LATENT_DIM and row["gamma2"] >= 1e4 and row["mcc_mean"] <= 0.99
    ]
    if collapsed:
        failures.insert(0, f"{collapsed} selected runs with a collapsed posterior, all shown in the table")
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        SELECTION,
        tuple(failures),
        {"runs": Table.of(rows), "summary": Table.of(summary), "restarts": Table.of(shares)},
    )


def _runs(mixing: int, seed: int, restarts: int, how: Recipe, batches: Batches, name: str) -> Rows:
    rng = generator(NAME, seed, mixing)
    mixed = mix(rng, draw_moebius(rng, LATENT_DIM), LATENT_DIM)
    labels = [(gamma2, restart) for gamma2 in GAMMA2 for restart in range(restarts)]
    which = [0] * len(labels)
    vaes = stack(
        [
            mlp_vae(mixed.train, LATENT_DIM, generator(NAME, seed, mixing, int(gamma2), restart), hidden=HIDDEN)
            for gamma2, restart in labels
        ]
    )
    noise = annealing(mixed.train[None], which, [1 / gamma2 for gamma2, _ in labels])
    key = training_key(NAME, seed, mixing)
    watch = monitor(mixed.held_out[None], mixed.sources[None], which, noise.target)
    trained = train(vaes, mixed.train[None], which, noise, key, how, report=batches.report(name, how.steps, watch))
    found = evaluate(trained.vaes, mixed.held_out[None], which, noise.target)
    chosen = select([labels.index((gamma2, 0)) for gamma2, _ in labels], found.elbo)
    measured = learnt_rows(found, [mixed] * len(labels), UNIFORM_VAR)
    scale = plain(np.sqrt(mixed.train.var(axis=0).mean()))
    contrast = plain(mean_contrast(mixed.mixing, mixed.sources[:500]))
    return [
        {"gamma2": gamma2, "mixing": mixing, "restart": restart, "selected": bool(kept), "data_scale": scale}
        | {"mixing_contrast": contrast, **row}
        for (gamma2, restart), kept, row in zip(labels, chosen, measured, strict=True)
    ]


def _best_of(rows: Rows, gamma2: float, kept: int) -> list[float]:
    """The MCC of each mixing when only the first `kept` restarts are looked at."""
    values = []
    for mixing in dict.fromkeys(row["mixing"] for row in rows):
        tried = [r for r in rows if r["mixing"] == mixing and r["gamma2"] == gamma2 and r["restart"] < kept]
        values.append(max(tried, key=lambda r: r["elbo"])["mcc_mean"])
    return values


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """Sources are recovered, the decoder is nearly in the IMA class at gamma^2 = 1e5; collapse is as predicted."""
    result = result or recorded(NAME)
    best = where(result.tables["runs"].records(), selected=True)
    at, noisy, collapsed = (where(best, gamma2=gamma2) for gamma2 in (1e5, 1e3, 10.0))
    make = partial(finding, result.experiment)
    collapse = [_as_predicted(rows, "variance") for rows in _by_mixing(result)]
    other = [_as_predicted(where(rows, gamma2=100.0), "deviation") for rows in _by_mixing(result)]
    return (
        make(
            "mcc",
            "median MCC of the posterior means at gamma^2 = 1e5",
            column(at, "mcc_mean"),
            "the same with every source point paired with another observation",
            column(at, "mcc_shuffled"),
            bound=Bound("at least", 0.99),
        ),
        make(
            "contrast",
            "median contrast per point at gamma^2 = 1e5",
            column(at, "contrast_point"),
            "the same at gamma^2 = 10, posterior collapse",
            column(collapsed, "contrast_point"),
            bound=Bound("at most", 0.02),
        ),
        make(
            "self-consistency",
            "median error of z(f(z)) = z at gamma^2 = 1e5, in prior deviations",
            column(at, "self_consistency"),
            "the same at gamma^2 = 1e3",
            column(noisy, "self_consistency"),
            bound=Bound("at most", 0.05),
        ),
        make(
            "collapse",
            "share of a mixing's runs that are collapsed above the largest eigenvalue of Cov x, active below it",
            np.array([share for share in collapse if share is not None]),
            "the same with the standard deviation for the eigenvalue, at gamma^2 = 100",
            np.array([share for share in other if share is not None]),
            bound=Bound("at least", 0.99),
        ),
    )


def _by_mixing(result: Recorded) -> list[Rows]:
    rows = result.tables["runs"].records()
    return [where(rows, mixing=mixing) for mixing in dict.fromkeys(row["mixing"] for row in rows)]


def _as_predicted(rows: Rows, threshold: str) -> float | None:
    """The share of runs as predicted, where the mean variance v decides: v <= L_max <= d v; None if nowhere."""
    eps, v = 1 / column(rows, "gamma2"), column(rows, "data_scale") ** 2
    decided = (eps > LATENT_DIM * v) | (eps < v)
    predicted = eps > (v if threshold == "variance" else np.sqrt(v))
    right = (column(rows, "active") == 0) == predicted
    return float(np.mean(right[decided])) if decided.any() else None
