"""The gap of a trained encoder for a fixed decoder, over gamma^2: ELBO -> log-likelihood - contrast.

Decoders are fixed smooth leaky ReLU networks in three dimensions with a standard normal prior: orthogonal weights (the
contrast comes from the nonlinearity alone) and lower triangular ones. The encoder is an MLP that starts from random
weights and sees samples x = f(z) only; it is given neither the preimage nor the variance formula. Adam trains it, and
Gauss-Newton on the ELBO finishes its last layer (`readout`). At held-out points

    l_ima           mean of log p(x) - c(f, g(x)), p the push-forward density
    elbo            mean ELBO of the trained encoder, by quadrature
    elbo_optimal    mean ELBO of the exact optimum over mean-field Gaussians (`numerics.optimal_encoder`)
    log_likelihood  mean of the exact log p_eps(x) (`numerics.log_likelihood`)

the last two, and variance_over_optimum, at the first points only (log_likelihood is then corrected by the difference
of mean log p(x), whose value is known at all points). variance_over_formula divides the trained variances by
1 / (1 + |J_k|^2 / eps), the paper's formula. difference is |elbo - l_ima|; its control, difference_rows, has the
contrast of the transposed Jacobian, which the ELBO must not approach.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.contrast import contrast_of_jacobian
from ...numerics.encoder import optimal_encoder
from ...numerics.families.decoder import Decoder
from ...numerics.families.mlp import draw_orthogonal_mlp, draw_triangular_mlp
from ...numerics.likelihood import log_likelihood
from ...numerics.model import LatentModel
from ...results import Recorded, Table, recorded
from ..evaluate import Evaluation, evaluate
from ..findings import Bound, Finding, column, finding, where
from ..loop import Recipe, annealing, run_of, stack, train
from ..mixings import Mixed, mix
from ..models import mlp_vae
from ..readout import fit_readout
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "fixed-decoder"
DECODERS: dict[str, Callable[[np.random.Generator, int], Decoder]] = {
    "orthogonal": draw_orthogonal_mlp,
    "triangular": draw_triangular_mlp,
}
GAMMA2 = (1e1, 1e2, 1e3, 1e4, 1e5)
# decoders of each kind, steps up to gamma^2 = 1e4, steps at 1e5, exact points
SIZES = {"quick": (1, 1000, 1000, 20), "standard": (3, 5000, 10_000, 50), "full": (3, 5000, 10_000, 40)}
LATENT_DIM = 3
HIDDEN = (64, 128)
READOUT_POINTS = 10_000  # observations on which the last layer is solved for
# In nats: well below the contrasts (0.1 to 0.3). The encoder's own error costs nats in proportion to gamma^2, and the
# terms of higher order fall with it; at 1e3 both are small.
LIMIT_REACHED = 0.02
VARIANCE_REACHED = 0.05
SELECTION = "none: one run a decoder and gamma^2, all of them recorded"


def recipe(steps: int) -> Recipe:
    """The recipe, chosen on other decoders than those recorded."""
    return Recipe(steps=steps, batch=256, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5), rate=RATE)


RATE = 5e-3


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a kind of decoder and gamma^2."""
    return len(DECODERS) * len(GAMMA2)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train an encoder for every decoder and gamma^2 and measure it."""
    count, short, long, exact = SIZES[effort]
    asked: list[Asked] = []
    parameters: dict[str, Any] = {"gamma2": GAMMA2, "latent_dim": LATENT_DIM, "hidden": HIDDEN, "decoders": count}
    parameters["readout_points"] = READOUT_POINTS
    for kind in DECODERS:
        for gamma2 in GAMMA2:
            how = recipe(long if gamma2 > 3e4 else short)
            name = f"{kind}, gamma2 {gamma2:g}"
            fixed = parameters | asdict(how) | {"seed": seed, "exact": exact}
            run = partial(_runs, kind, gamma2, how, count, exact, seed, batches, name)
            asked.append(Asked(name, fixed, run))
    rows = batches.run_all(asked)
    rng = generator(NAME, seed, 999_983)
    quantities = (
        *("difference", "difference_rows", "optimal_difference", "gap", "contrast", "self_consistency"),
        *("variance_over_formula", "variance_over_optimum", "share_within_5_percent"),
    )
    summary = [
        {"decoder": kind} | row
        for kind in DECODERS
        for row in summaries([r for r in rows if r["decoder"] == kind], "gamma2", quantities, rng)
    ]
    lost = sum(row["exact_points"] < exact for row in rows)
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters
        | asdict(recipe(long))
        | {"steps_below_1e5": short, "effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        SELECTION,
        (f"the exact optimum was not found at every point for {lost} of {len(rows)} runs",) if lost else (),
        {"runs": Table.of(rows), "summary": Table.of(summary)},
    )


def fixed_decoder(kind: str, seed: int, index: int) -> Mixed:
    """One of the decoders, with data x = f(z), z standard normal."""
    rng = generator(NAME, seed, list(DECODERS).index(kind), index)
    return mix(rng, DECODERS[kind](rng, LATENT_DIM), LATENT_DIM, sources="normal", train=60_000)


def _runs(
    kind: str, gamma2: float, how: Recipe, count: int, exact: int, seed: int, batches: Batches, name: str
) -> Rows:
    mixed = [fixed_decoder(kind, seed, index) for index in range(count)]
    data = np.stack([each.train for each in mixed])
    which = list(range(count))
    offset = list(DECODERS).index(kind)
    vaes = stack(
        [
            mlp_vae(
                each.train,
                LATENT_DIM,
                generator(NAME, seed, offset, index, int(gamma2), 1),
                prior="normal",
                hidden=HIDDEN,
                activation=jax.nn.gelu,
                decoder=each.mixing,
            )
            for index, each in enumerate(mixed)
        ]
    )
    noise = annealing(data, which, [1 / gamma2] * count)
    key = training_key(NAME, seed, offset, int(gamma2))
    trained = train(vaes, data, which, noise, key, how, report=batches.report(name, how.steps))
    finished = [
        fit_readout(run_of(trained.vaes, r), data[r][:READOUT_POINTS], float(noise.target[r])) for r in range(count)
    ]
    found = evaluate(stack(finished), np.stack([each.held_out for each in mixed]), which, noise.target, jacobians=1)
    return [
        {"decoder": kind, "index": index, "gamma2": gamma2} | measure(mixed[index], found, index, gamma2, exact)
        for index in range(count)
    ]


def measure(mixed: Mixed, found: Evaluation, run: int, gamma2: float, exact: int) -> dict[str, Any]:
    """The row of one run: its ELBO, what it is compared with, and its variances."""
    sources = jnp.asarray(mixed.sources, float)
    jacobian = np.asarray(jacobians(mixed.mixing, sources))
    density = -0.5 * np.sum(mixed.sources.astype(float) ** 2, axis=1) - 0.5 * LATENT_DIM * np.log(2 * np.pi)
    density = density - np.linalg.slogdet(jacobian)[1]
    contrast = np.asarray(contrast_of_jacobian(jacobian))
    rows = np.asarray(contrast_of_jacobian(jacobian.transpose(0, 2, 1)))
    formula = 1 / (1 + np.sum(jacobian**2, axis=1) * gamma2)
    ratio = found.std[run].astype(float) ** 2 / formula
    best, likelihood, variance, converged = (
        np.asarray(part) for part in _exact(mixed.mixing, sources[:exact], jnp.asarray(1 / gamma2, float))
    )
    kept = converged & np.isfinite(likelihood)
    limit = density - contrast
    to_optimum = (found.std[run][:exact].astype(float) ** 2 / variance)[kept]
    elbo = found.elbo_points[run].astype(float)
    row = {
        "elbo": elbo.mean(),
        "l_ima": limit.mean(),
        "log_likelihood": likelihood[kept].mean() + (density.mean() - density[:exact][kept].mean()),
        "contrast": contrast.mean(),
        "difference": abs(elbo.mean() - limit.mean()),
        "difference_rows": abs(elbo.mean() - (density - rows).mean()),
        "optimal_difference": abs((best - limit[:exact])[kept].mean()),
        "amortisation": (best - elbo[:exact])[kept].mean(),
        "gap": (likelihood - elbo[:exact])[kept].mean(),
        "variance_over_formula": np.median(ratio),
        "share_within_5_percent": np.mean(np.abs(ratio - 1) < 0.05),
        "variance_over_optimum": np.median(to_optimum),
        "self_consistency": np.sqrt(np.mean((found.mean[run] - mixed.sources) ** 2)),
        "mse_sources": np.mean((found.mean[run] - mixed.sources) ** 2),
        "mse_reconstruction": found.reconstruction[run] / LATENT_DIM,
    }
    return {key: plain(value) for key, value in row.items()} | {"exact_points": int(kept.sum())}


@jax.jit
def jacobians(mixing: Any, points: jax.Array) -> jax.Array:
    """J of the mixing at every point, (m, D, d)."""
    return jax.lax.map(jax.jacfwd(mixing), points, batch_size=min(200, len(points)))


@jax.jit
def _exact(decoder: Any, points: jax.Array, noise_var: jax.Array) -> Any:
    """The exact optimum's ELBO, log p_eps, the optimum's variances, and whether it converged, searched from z."""

    def at(z: jax.Array) -> Any:
        model = LatentModel(decoder, LATENT_DIM, noise_var=noise_var)
        x = decoder(z)
        found = optimal_encoder(model, x, start=z)
        return found.elbo, log_likelihood(model, x, start=z), found.std**2, found.converged

    return jax.lax.map(at, points)


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """The ELBO of a trained encoder approaches log-likelihood minus contrast, and its variance the formula."""
    result = result or recorded(NAME)
    rows = result.tables["runs"].records()
    make = partial(finding, result.experiment)
    found = []
    for kind in dict.fromkeys(row["decoder"] for row in rows):
        chosen = where(rows, decoder=kind, gamma2=1e3)
        precise = where(rows, decoder=kind, gamma2=1e4)
        ratio = column(precise, "variance_over_formula")
        found += [
            make(
                f"limit-{kind}",
                f"median |ELBO - L_IMA| at gamma^2 = 1e3, {kind} decoders",
                column(chosen, "difference"),
                "the same without the contrast: |ELBO - log-likelihood|",
                np.abs(column(chosen, "gap")),
                bound=Bound("at most", LIMIT_REACHED),
                shortfalls=column(chosen, "amortisation"),
            ),
            make(
                f"variance-{kind}",
                f"median |variance / formula - 1| at gamma^2 = 1e4, {kind} decoders",
                np.abs(ratio - 1),
                "the same for half the formula",
                np.abs(2 * ratio - 1),
                bound=Bound("at most", VARIANCE_REACHED),
                shortfalls=column(precise, "amortisation"),
            ),
        ]
    return tuple(found)
