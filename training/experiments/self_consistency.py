"""A trained encoder inverts its own trained decoder, and its variance follows the formula, as gamma^2 grows.

Orthogonal-weight networks mix three standard normal sources; encoder and decoder are both learnt. At the encodings z of
held-out points, `self_consistency` is the root mean square of z(f(z)) - z, f the *learnt* decoder, and
variance_over_formula is the median of the encoder's variance at f(z) over 1 / (1 + |J_k|^2 / eps), J that of the learnt
decoder; share_within_5_percent is the share of points where that ratio is. The control has the rows of J in place of
its columns: its share must stay small (its median does not, as rows and columns have the same sum of squares).

Of the aggregate posterior, the mean over points of q(z | x): second_moment is the one farthest from 1 of the mean over
points of mean_k^2 + std_k^2, which is 1 for every k where training is stationary in the latents' scales (claim
`entropy-sums`), second_moment_of_means the same without std_k^2, off_diagonal the largest modulus of a correlation.
Two measures of how far the decoder's columns are from equal lengths: conformal_contrast (`numerics.contrast`), and
column_norm_variance, that of their lengths over the square of their mean.
"""

from dataclasses import asdict
from functools import partial

import numpy as np

from ...numerics.contrast import conformal_contrast
from ...numerics.families.mlp import draw_orthogonal_mlp
from ...results import Recorded, Table, recorded
from ..evaluate import Evaluation, evaluate
from ..findings import Bound, Finding, column, finding, where
from ..loop import Recipe, annealing, stack, train
from ..mixings import mix
from ..models import mlp_vae
from ..monitor import monitor
from .measured import learnt_rows
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "self-consistency"
GAMMA2 = (1e1, 1e2, 1e3, 1e4, 1e5)
SIZES = {"quick": (2, 1000), "standard": (5, 5000), "full": (10, 4000)}  # mixings, steps
LATENT_DIM = 3
HIDDEN = (64, 64)
TOGETHER = 5  # mixings in one batch


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are."""
    return -(-SIZES[effort][0] // TOGETHER)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train one VAE for every mixing and gamma^2 and measure it."""
    mixings, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5))
    parameters = {"gamma2": GAMMA2, "latent_dim": LATENT_DIM, "hidden": HIDDEN, "prior": "fixed"} | asdict(how)
    asked: list[Asked] = []
    for first in range(0, mixings, TOGETHER):
        members = range(first, min(first + TOGETHER, mixings))
        name = f"mixings {members[0]} to {members[-1]}"
        fixed = parameters | {"seed": seed, "mixings": list(members)}
        asked.append(Asked(name, fixed, partial(_runs, members, seed, how, batches, name)))
    rows = batches.run_all(asked)
    quantities = (
        *("self_consistency", "variance_over_formula", "share_within_5_percent", "variance_over_rows"),
        *("reconstruction", "second_moment", "off_diagonal", "conformal_contrast", "column_norm_variance"),
    )
    rng = generator(NAME, seed, 999_983)
    failures = [
        f"gamma2 {row['gamma2']:g}, mixing {row['mixing']}: {LATENT_DIM - row['active']} latents collapsed"
        for row in rows
        if row["active"] < LATENT_DIM
    ]
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"mixings": mixings, "effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        "none: one run a mixing and gamma^2, all of them recorded",
        tuple(failures),
        {
            "runs": Table.of(rows),
            "summary": Table.of(summaries(rows, "gamma2", (*quantities, "mcc_mean", "contrast_point"), rng)),
        },
    )


def _runs(members: range, seed: int, how: Recipe, batches: Batches, name: str) -> Rows:
    mixed = []
    for index in members:
        rng = generator(NAME, seed, index)
        mixed.append(mix(rng, draw_orthogonal_mlp(rng, LATENT_DIM), LATENT_DIM, sources="normal"))
    labels = [(k, gamma2) for k in range(len(mixed)) for gamma2 in GAMMA2]
    which = [k for k, _ in labels]
    vaes = stack(
        [
            mlp_vae(
                mixed[k].train,
                LATENT_DIM,
                generator(NAME, seed, members[k], int(gamma2), 1),
                prior="normal",
                hidden=HIDDEN,
            )
            for k, gamma2 in labels
        ]
    )
    data = np.stack([each.train for each in mixed])
    noise = annealing(data, which, [1 / gamma2 for _, gamma2 in labels])
    key = training_key(NAME, seed, members[0])
    held_out = np.stack([each.held_out[:2000] for each in mixed])
    watch = monitor(held_out, np.stack([each.sources for each in mixed]), which, noise.target)
    trained = train(vaes, data, which, noise, key, how, report=batches.report(name, how.steps, watch))
    found = evaluate(trained.vaes, held_out, which, noise.target)
    measured = learnt_rows(found, [mixed[k] for k in which], 1.0)
    return [
        {"mixing": members[k], "gamma2": gamma2} | _variances(found, r, gamma2) | _aggregate(found, r) | measured[r]
        for r, (k, gamma2) in enumerate(labels)
    ]


def _variances(found: Evaluation, run: int, gamma2: float) -> dict[str, float]:
    """The encoder's variances over the formula's, and over what the rows of J would give."""
    jacobian = found.jacobian[run].astype(float)
    variance = found.std[run][: len(jacobian)].astype(float) ** 2
    columns = variance * (1 + np.sum(jacobian**2, axis=1) * gamma2)
    rows = variance * (1 + np.sum(jacobian**2, axis=2) * gamma2)
    return {
        "variance_over_formula": plain(np.median(columns)),
        "share_within_5_percent": plain(np.mean(np.abs(columns - 1) < 0.05)),
        "variance_over_rows": plain(np.median(rows)),
        "share_of_rows_within_5_percent": plain(np.mean(np.abs(rows - 1) < 0.05)),
    }


def _aggregate(found: Evaluation, run: int) -> dict[str, float]:
    """Moments of the aggregate posterior, and how equal the columns of the decoder's Jacobian are."""
    mean, variance = found.mean[run].astype(float), found.std[run].astype(float) ** 2
    of_means = np.mean(mean**2, axis=0)
    moments = of_means + variance.mean(axis=0)
    covariance = np.cov(mean, rowvar=False) + np.diag(variance.mean(axis=0))
    scales = np.sqrt(covariance.diagonal())
    lengths = np.linalg.norm(found.jacobian[run].astype(float), axis=1)
    row = {
        "second_moment": moments[np.argmax(np.abs(moments - 1))],
        "second_moment_of_means": of_means[np.argmax(np.abs(of_means - 1))],
        "off_diagonal": np.abs(covariance / np.outer(scales, scales) - np.eye(len(scales))).max(),
        "conformal_contrast": np.mean(np.asarray(conformal_contrast(found.jacobian[run].astype(float)))),
        "column_norm_variance": np.mean(lengths.var(axis=1) / lengths.mean(axis=1) ** 2),
    }
    return {key: plain(value) for key, value in row.items()}


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """An encoder learnt with its decoder inverts it, with the variance of the formula."""
    result = result or recorded(NAME)
    rows = result.tables["runs"].records()
    at, noisy = where(rows, gamma2=1e4), where(rows, gamma2=10.0)
    make = partial(finding, result.experiment)
    return (
        make(
            "inverse",
            "median error of z(f(z)) = z at gamma^2 = 1e4, in prior deviations",
            column(at, "self_consistency"),
            "the same at gamma^2 = 10",
            column(noisy, "self_consistency"),
            bound=Bound("at most", 0.02),
        ),
        make(
            "variance",
            "median share of variances within 5 % of the formula at gamma^2 = 1e4",
            column(at, "share_within_5_percent"),
            "the same with the rows of the Jacobian for its columns",
            column(at, "share_of_rows_within_5_percent"),
            bound=Bound("at least", 0.5),
        ),
        make(
            "second-moment",
            "median |second moment of the aggregate posterior's latent farthest from 1, less 1| at gamma^2 = 10",
            np.abs(column(noisy, "second_moment") - 1),
            "the same of the posterior means",
            np.abs(column(noisy, "second_moment_of_means") - 1),
            bound=Bound("at most", 0.1),
        ),
        make(
            "order-of-means",
            "median order in eps of the error of the posterior means in x, from gamma^2 = 10 to 100",
            _order(rows, 10.0, 100.0),
            "the same from gamma^2 = 1e4 to 1e5, where training's own error is left",
            _order(rows, 1e4, 1e5),
            bound=Bound("at least", 1.5),
        ),
    )


def _order(rows: Rows, coarse: float, fine: float) -> np.ndarray:
    """log(error / error) / log(eps / eps) of each mixing between two noise variances; two is predicted."""
    errors = [column(where(rows, gamma2=gamma2), "reconstruction") for gamma2 in (coarse, fine)]
    return np.log(errors[0] / errors[1]) / np.log(fine / coarse)
