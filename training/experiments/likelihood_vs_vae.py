"""One decoder class, two objectives: only the ELBO, not the likelihood, recovers the sources.

The decoder is an invertible flow after a learnt measure-preserving rotation of the latents (`flow.RemixedFlow`), whose
exact log-likelihood can be maximised; the data come from Moebius mixings, in the IMA class, of three sources with the
flow's own prior, uniform with smooth edges. Trained by maximum likelihood the flow fits the density, and the rotation,
on which the likelihood does not depend, stays where it was drawn; trained as the decoder of a VAE with gamma^2 = 1e5
the same class finds the rotation as well. Both start from the same parameters. The likelihood has three times the
steps of twice the batch. Restarts are selected by each method's own held-out objective.

    log_likelihood         mean of log p(x) of the deterministic flow at held-out points, for both methods
    log_likelihood_data    the same of the density that the data have, log_likelihood_normal that of a normal law
    mcc_flow               MCC of the flow's own latents f^-1(x), before the rotation: what the class finds by itself,
                           being of limited size and starting near a linear map. The likelihood gives no reason for it.
    alignment              mean over rows of the largest |entry| of the rotation: 1 for a signed permutation
"""

from dataclasses import asdict, replace
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...numerics.contrast import contrast_of_jacobian
from ...results import Recorded, Table, recorded
from ..evaluate import evaluate, select
from ..findings import Bound, Finding, column, finding, where
from ..flow import CouplingFlow, RemixedFlow, flow_log_likelihood, inverting, inverting_terms, likelihood_terms
from ..loop import Recipe, annealing, stack, train
from ..metrics import mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import VAE, mlp_vae
from ..smooth_uniform import SmoothUniform
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "likelihood-vs-vae"
GAMMA2 = 1e5
LATENT_DIM = 3
SIZES = {"quick": (2, 1, 1000), "standard": (4, 2, 2000), "full": (6, 3, 3000)}  # mixings, restarts, steps
LONGER = 3  # steps of maximum likelihood over those of the VAE
TOGETHER = 2  # mixings in one batch
LAYERS, HIDDEN, SPREAD_HIDDEN = 8, 32, (32, 32)
PRIOR = SmoothUniform(0.04)
SELECTION = "of the restarts, the one with the largest held-out objective: log-likelihood, or ELBO"
CHOSEN = "prior, class, steps and restarts, on other mixings and seeds than those recorded"
# In nats: a tenth of the contrasts (0.15 to 0.25) by which the decoders are told apart.
WELL_FITTED = 0.02
METHODS = ("likelihood", "vae")


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are."""
    return SIZES[effort][0] // TOGETHER


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train the flow both ways on every mixing, and measure."""
    mixings, restarts, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=64, draws=2, antithetic=True, warm_up=min(200, steps // 5))
    parameters = {"gamma2": GAMMA2, "restarts": restarts, "latent_dim": LATENT_DIM} | asdict(how)
    parameters |= {"layers": LAYERS, "hidden": HIDDEN, "spread_hidden": SPREAD_HIDDEN, "prior_scale": PRIOR.scale}
    parameters |= {"likelihood_steps": LONGER * steps, "likelihood_batch": 2 * how.batch, "chosen": CHOSEN}
    asked: list[Asked] = []
    for first in range(0, mixings, TOGETHER):
        name = f"mixings {first} to {first + TOGETHER - 1}"
        fixed = parameters | {"seed": seed, "first": first}
        asked.append(Asked(name, fixed, partial(_runs, first, seed, restarts, how, batches, name)))
    rows = batches.run_all(asked)
    selected = [row for row in rows if row["selected"]]
    quantities = (
        *("mcc_mean", "mcc_flow", "mcc_shuffled", "contrast_point", "alignment"),
        *("log_likelihood", "log_likelihood_data", "log_likelihood_normal"),
    )
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


class _Inverting(Recipe):
    """Of the ELBO, by an encoder that inverts the flow."""

    objective = staticmethod(inverting_terms)


class _Likelihood(Recipe):
    """Of the log-likelihood."""

    objective = staticmethod(likelihood_terms)


def _runs(first: int, seed: int, restarts: int, how: Recipe, batches: Batches, name: str) -> Rows:
    mixed = [_mixed(generator(NAME, seed, first + k)) for k in range(TOGETHER)]
    data = np.stack([each.train for each in mixed])
    held_out = np.stack([each.held_out[:2000] for each in mixed])
    labels = [(k, restart) for k in range(TOGETHER) for restart in range(restarts)]
    which = [k for k, _ in labels]
    start = stack([_vae(data[k], generator(NAME, seed, first + k, restart, 1)) for k, restart in labels])
    noise = annealing(data, which, [1 / GAMMA2] * len(labels))
    densities = [_densities(each) for each in mixed]
    longer = replace(how, steps=LONGER * how.steps, batch=2 * how.batch)
    recipes = {"vae": _Inverting(**asdict(how)), "likelihood": _Likelihood(**asdict(longer))}
    rows: Rows = []
    for offset, method in enumerate(METHODS):
        report = batches.report(f"{name}, {method}", recipes[method].steps)
        key = training_key(NAME, seed, first, offset)
        vaes = train(start, data, which, noise, key, recipes[method], report=report).vaes
        values, latents, own, contrast, alignment = map(
            np.asarray, _measure(vaes, jnp.asarray(held_out), jnp.asarray(which, jnp.int32))
        )
        elbo = np.full(len(labels), np.nan)
        if method == "vae":
            elbo = evaluate(inverting(vaes), held_out, which, noise.target, jacobians=1).elbo
        chosen = select(which, values if method == "likelihood" else elbo)
        for r, (k, restart) in enumerate(labels):
            sources = mixed[k].sources[:2000]
            row = {
                "log_likelihood": values[r],
                "mcc_mean": mcc(sources, latents[r]),
                "mcc_mean_spearman": mcc(sources, latents[r], rank=True),
                "mcc_flow": mcc(sources, own[r]),
                "mcc_shuffled": mcc(np.roll(sources, 1, axis=0), latents[r]),
                "contrast_point": contrast[r],
                "alignment": alignment[r],
            } | densities[k]
            labelled = {"method": method, "mixing": first + k, "restart": restart, "selected": bool(chosen[r])}
            elbo_or_none = plain(elbo[r]) if method == "vae" else None
            rows.append(labelled | {key: plain(value) for key, value in row.items()} | {"elbo": elbo_or_none})
    return rows


def _mixed(rng: np.random.Generator) -> Mixed:
    """A Moebius mixing of sources with the flow's prior; its few points outside of the cube hardly reach the cap."""
    return mix(rng, draw_moebius(rng, LATENT_DIM), LATENT_DIM, sources=PRIOR)


def _densities(mixed: Mixed) -> dict[str, float]:
    """The mean held-out log-density of the data themselves, and of the normal law fitted to them."""
    sources = jnp.asarray(mixed.sources[:2000], float)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(mixed.mixing)))(sources)
    own = jax.vmap(PRIOR.log_prob)(sources) - jnp.linalg.slogdet(jacobian)[1]
    data = mixed.train.astype(float)
    away = mixed.held_out[:2000] - data.mean(axis=0)
    covariance = np.cov(data, rowvar=False)
    squared = np.sum(away * np.linalg.solve(covariance, away.T).T, axis=1)
    normal = -0.5 * (squared + np.linalg.slogdet(2 * np.pi * covariance)[1])
    return {"log_likelihood_data": float(own.mean()), "log_likelihood_normal": float(normal.mean())}


def _vae(data: Float[np.ndarray, "n d"], rng: np.random.Generator) -> VAE:
    """The flow as a decoder; of the encoder only log_std is used (`flow.inverting`)."""
    flow = CouplingFlow(data, rng, layers=LAYERS, hidden=HIDDEN, latent_std=PRIOR.std)
    spread = mlp_vae(data, LATENT_DIM, rng, hidden=SPREAD_HIDDEN).encoder
    return VAE(spread, RemixedFlow(flow, PRIOR, rng), PRIOR, jnp.zeros((), jnp.float32))


@eqx.filter_jit
def _measure(vaes: VAE, points: Array, which: Array) -> tuple[Array, ...]:
    """Held-out log-likelihood, latents w and y, mean contrast in w, and alignment of the rotation, of every run."""
    arrays, static = eqx.partition(vaes, eqx.is_array)

    def of_run(run: tuple[VAE, Array]) -> tuple[Array, ...]:
        vae = eqx.combine(run[0], static)
        data, decoder = points[run[1]], vae.decoder
        value = jnp.mean(jax.vmap(lambda x: flow_log_likelihood(vae, x))(data))
        own = jax.vmap(lambda x: decoder.flow.inverse(x)[0])(data)  # type: ignore[attr-defined]
        latents = jax.vmap(decoder.inverse)(data)  # type: ignore[attr-defined]
        contrast = contrast_of_jacobian(jax.vmap(jax.jacfwd(decoder))(latents[:500]))
        alignment = jnp.mean(jnp.max(jnp.abs(decoder.rotation), axis=1))  # type: ignore[attr-defined]
        return value, latents, own, jnp.mean(contrast), alignment

    return jax.lax.map(of_run, (arrays, which))


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """On one decoder class, the ELBO recovers the sources; the likelihood, however well maximised, does not."""
    result = result or recorded(NAME)
    best = where(result.tables["runs"].records(), selected=True)
    vae, flow = where(best, method="vae"), where(best, method="likelihood")
    data = column(flow, "log_likelihood_data")
    # The mixing's contrast is 0, so that the true decoder's ELBO is its log-likelihood, up to the order of the noise.
    of_vae = column(vae, "log_likelihood_data") - column(vae, "elbo")
    of_flow = data - column(flow, "log_likelihood")
    make, control = partial(finding, result.experiment), "the same decoder class trained by maximum likelihood"
    return (
        make(
            "mcc",
            "median MCC of the VAE",
            column(vae, "mcc_mean"),
            control,
            column(flow, "mcc_mean"),
            bound=Bound("at least", 0.95),
            shortfalls=of_vae,
        ),
        make(
            "contrast",
            "median contrast of the VAE's decoder",
            column(vae, "contrast_point"),
            control,
            column(flow, "contrast_point"),
            bound=Bound("at most", 0.05),
            shortfalls=of_vae,
        ),
        make(
            "well-fitted",
            "median log-likelihood that maximum likelihood leaves to the data's own density, held out",
            of_flow,
            "the same for a normal density",
            data - column(flow, "log_likelihood_normal"),
            bound=Bound("at most", WELL_FITTED),
            shortfalls=of_flow,
        ),
    )
