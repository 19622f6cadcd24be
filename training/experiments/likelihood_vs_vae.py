"""One decoder class, two objectives: only the ELBO, not the likelihood, recovers the sources.

The decoder is an invertible flow (`flow.CouplingFlow`) whose exact log-likelihood can be maximised; the data come from
Moebius mixings of three uniform sources, in the IMA class. Trained by maximum likelihood the flow fits the density, and
its latents are some other independent coordinates, with a contrast above 0; trained as the decoder of a VAE with
gamma^2 = 1e5, the same class is held to a small contrast. Both start from the same parameters. Restarts are selected by
each method's own held-out objective. log_likelihood is that of the deterministic flow at held-out points, for both.
"""

from dataclasses import asdict
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...numerics.contrast import contrast_of_jacobian
from ...results import Recorded, Table
from ..evaluate import evaluate, select
from ..flow import CouplingFlow, flow_log_likelihood, likelihood_terms
from ..loop import Recipe, annealing, stack, train
from ..loss import batch_terms
from ..metrics import mcc
from ..mixings import draw_moebius, mix
from ..models import VAE, LogitBeta, identity, mlp_vae
from .runs import Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "likelihood-vs-vae"
GAMMA2 = 1e5
LATENT_DIM = 3
SIZES = {"quick": (2, 1, 1000), "standard": (4, 2, 2000), "full": (6, 2, 3000)}  # mixings, restarts, steps
TOGETHER = 2  # mixings in one batch
LAYERS, HIDDEN = 6, 32
SELECTION = "of the restarts, the one with the largest held-out objective: log-likelihood, or ELBO"
METHODS = ("likelihood", "vae")


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are."""
    return SIZES[effort][0] // TOGETHER


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train the flow both ways on every mixing, and measure."""
    mixings, restarts, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, warm_up=min(200, steps // 5), rate=2e-3)
    parameters = {"gamma2": GAMMA2, "restarts": restarts, "latent_dim": LATENT_DIM} | asdict(how)
    parameters |= {"layers": LAYERS, "hidden": HIDDEN}
    rows: Rows = []
    for first in range(0, mixings, TOGETHER):
        name = f"mixings {first} to {first + TOGETHER - 1}"
        fixed = parameters | {"seed": seed, "first": first}
        rows += batches.run(name, fixed, partial(_runs, first, seed, restarts, how, batches, name))
    selected = [row for row in rows if row["selected"]]
    quantities = ("mcc_mean", "mcc_shuffled", "contrast_point", "log_likelihood")
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"mixings": mixings, "effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        SELECTION,
        tuple(
            f"vae, mixing {row['mixing']}: MCC {row['mcc_mean']:.3f}"
            for row in selected
            if row["method"] == "vae" and row["mcc_mean"] < 0.95
        ),
        {
            "runs": Table.of(rows),
            "summary": Table.of(summaries(selected, "method", quantities, generator(NAME, seed, 999_983))),
        },
    )


def _runs(first: int, seed: int, restarts: int, how: Recipe, batches: Batches, name: str) -> Rows:
    mixed = []
    for index in range(first, first + TOGETHER):
        rng = generator(NAME, seed, index)
        mixed.append(mix(rng, draw_moebius(rng, LATENT_DIM), LATENT_DIM))
    data = np.stack([each.train for each in mixed])
    held_out = np.stack([each.held_out[:2000] for each in mixed])
    labels = [(k, restart) for k in range(TOGETHER) for restart in range(restarts)]
    which = [k for k, _ in labels]
    start = stack([_vae(data[k], generator(NAME, seed, first + k, restart, 1)) for k, restart in labels])
    noise = annealing(data, which, [1 / GAMMA2] * len(labels))
    rows: Rows = []
    for offset, method in enumerate(METHODS):
        objective = likelihood_terms if method == "likelihood" else batch_terms
        report = batches.report(f"{name}, {method}", how.steps)
        key = training_key(NAME, seed, first, offset)
        vaes = train(start, data, which, noise, key, how, objective=objective, report=report).vaes
        values, latents, contrast = _measure(vaes, jnp.asarray(held_out), jnp.asarray(which, jnp.int32))
        elbo = np.full(len(labels), np.nan)
        if method == "vae":
            found = evaluate(vaes, held_out, which, noise.target, jacobians=1)
            elbo, latents = found.elbo, jax.nn.sigmoid(found.mean)
        chosen = select(which, np.asarray(values) if method == "likelihood" else elbo)
        for r, (k, restart) in enumerate(labels):
            sources, latent = mixed[k].sources[:2000], np.asarray(latents[r])
            row = {
                "log_likelihood": values[r],
                "mcc_mean": mcc(sources, latent),
                "mcc_mean_spearman": mcc(sources, latent, rank=True),
                "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), latent),
                "contrast_point": contrast[r],
            }
            labelled = {"method": method, "mixing": first + k, "restart": restart, "selected": bool(chosen[r])}
            elbo_or_none = plain(elbo[r]) if method == "vae" else None
            rows.append(labelled | {key: plain(value) for key, value in row.items()} | {"elbo": elbo_or_none})
    return rows


def _vae(data: Float[np.ndarray, "n d"], rng: np.random.Generator) -> VAE:
    """A VAE whose decoder is a flow of logistic latents, which are uniform ones after a sigmoid."""
    flow = CouplingFlow(data, rng, layers=LAYERS, hidden=HIDDEN)
    encoder = mlp_vae(data, LATENT_DIM, rng).encoder
    return VAE(encoder, flow, LogitBeta(), jnp.zeros((), jnp.float32), identity)


@eqx.filter_jit
def _measure(vaes: VAE, points: Array, which: Array) -> tuple[Array, Array, Array]:
    """Held-out log-likelihood, latents sigmoid(F^-1(x)) and mean contrast in them, of every run."""
    arrays, static = eqx.partition(vaes, eqx.is_array)

    def of_run(run: tuple[VAE, Array]) -> tuple[Array, Array, Array]:
        vae = eqx.combine(run[0], static)
        data = points[run[1]]
        value = jnp.mean(jax.vmap(lambda x: flow_log_likelihood(vae, x))(data))
        y = jax.vmap(lambda x: vae.decoder.inverse(x)[0])(data)  # type: ignore[attr-defined]
        # Scaling columns leaves the contrast alone, so y serves as well as sigmoid(y).
        contrast = contrast_of_jacobian(jax.vmap(jax.jacfwd(vae.decoder))(y[:500]))
        return value, jax.nn.sigmoid(y), jnp.mean(contrast)

    return jax.lax.map(of_run, (arrays, which))
