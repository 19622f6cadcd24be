"""The beta-VAE over beta and the noise: every measurement is a function of their product u = beta eps.

Trained is the beta-VAE's own objective, E_q log p(x|z) - beta KL(q || p0), for five beta at each of six u, every run
from a start of its own. Two families:

    linear     normal data in three dimensions with eigenvalues L, two latents, a linear VAE. At the optimum
               KL_k = 1/2 log max(L_k / u, 1): a latent dies where u passes its eigenvalue (claim `posterior-collapse`).
    moebius    Moebius maps of two uniform sources, networks of two layers; u in units of the data's largest eigenvalue.

`kl` is the mean KL from the prior over held-out points, in nats, `kl_predicted` that of the optimum (linear only),
`active` counts the latents with a KL above `ACTIVE`. A run's shortfall is that of the ELBO at noise u (claim
`beta-vae`): of the closed optimum for linear data, of the true decoder at its best encoder for Moebius maps, which
for large u need not be the best decoder.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logit
from jaxtyping import Array, Float

from ...numerics.families.draws import orthogonal
from ...numerics.families.linear import Linear
from ...numerics.quadrature import gauss_hermite
from ...results import Recorded, Table, recorded
from ..convergence import best_elbo
from ..evaluate import Evaluation, evaluate
from ..findings import SHORTFALL, Bound, Finding, column, finding, where
from ..loop import Annealing, Recipe, annealing, stack, train
from ..loss import Terms, batch_terms
from ..metrics import mcc
from ..mixings import Mixed, draw_moebius, mix
from ..models import DTYPE, MLP, VAE, ConstantSpread, LogitBeta, as_dtype, identity, mlp_vae
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "beta-collapse"
BETAS = (0.1, 10**-0.5, 1.0, 10**0.5, 10.0)
LEVELS = tuple(0.8 * 10**k for k in (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5))  # u over the largest eigenvalue
EIGENVALUES = np.array([1.0, 0.35, 0.1])
FAMILIES = {"linear": ("normal", ()), "moebius": ("uniform", (32, 32))}  # sources and prior, networks
LATENT_DIM = 2
TRAIN, HELD_OUT, POINTS = 20_000, 1000, 200
ACTIVE = 0.05  # nats; the smallest KL of a live latent at these levels is .11 at the optimum
SIZES = {"quick": (1, 1000), "standard": (1, 4000), "full": (3, 4000)}  # data sets a family, steps
HOW = {"linear": (1e-2, 128), "moebius": (5e-3, 64)}  # rate, batch


class _Beta(Recipe):
    """Of the beta-VAE's objective; beta is a field of the model."""

    @staticmethod
    def objective(vae: "_BetaVAE", x: Array, log_noise_var: Array, nodes: Array, *, path: bool) -> Terms:
        """E_q log p(x|z) - beta KL as the `elbo`, prior and entropy with their factor beta."""
        terms = batch_terms(vae, x, log_noise_var, nodes, path=path)
        beta = jnp.exp(jax.lax.stop_gradient(vae.log_beta))
        value = terms.reconstruction + beta * (terms.prior + terms.entropy)
        return Terms(value, terms.reconstruction, beta * terms.prior, beta * terms.entropy)


class _BetaVAE(VAE):
    log_beta: Float[Array, "..."] = 0.0  # type: ignore[assignment]


class _AtProduct(eqx.Module):
    """The encoder of a run as a function of log u in the place of log eps = log u - log beta."""

    encoder: Callable
    log_beta: Float[Array, "..."]

    def __call__(self, x: Array, log_product: Array) -> tuple[Array, Array]:
        """(mean, log_std)."""
        return self.encoder(x, log_product - self.log_beta)


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a data set."""
    return len(FAMILIES) * SIZES[effort][0]


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train every beta at every u on every data set and measure."""
    count, steps = SIZES[effort]
    how = _Beta(steps=steps, batch=64, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5))
    parameters: dict[str, Any] = {"betas": BETAS, "levels": LEVELS, "eigenvalues": EIGENVALUES.tolist()}
    parameters |= asdict(how) | {"rate and batch": HOW}
    asked = []
    for family in FAMILIES:
        for index in range(count):
            name = f"{family}, data set {index}"
            rate, batch = HOW[family]
            mine = replace(how, rate=rate, batch=batch)
            fixed = parameters | asdict(mine) | {"seed": seed, "hidden": FAMILIES[family][1], "points": POINTS}
            asked.append(Asked(name, fixed, partial(_runs, family, index, seed, mine, batches, name)))
    rows = [
        row | {"active": (row["kl_largest"] > ACTIVE) + (row["kl_smallest"] > ACTIVE)} for row in batches.run_all(asked)
    ]
    rng = generator(NAME, seed, 999_983)
    summary = [
        {"family": family} | row
        for family in FAMILIES
        for row in summaries(where(rows, family=family), "level", ("kl", "active", "mcc_mean", "shortfall"), rng)
    ]
    late = sum(row["shortfall"] > SHORTFALL for row in rows)
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"data_sets": count, "effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        "none: one run a data set, u and beta, all of them recorded",
        (f"{late} of {len(rows)} runs have not converged",) if late else (),
        {"runs": Table.of(rows), "summary": Table.of(summary)},
    )


def _runs(family: str, index: int, seed: int, how: Recipe, batches: Batches, name: str) -> Rows:
    kind = list(FAMILIES).index(family)
    mixed = _mixed(family, generator(NAME, seed, kind, index))
    data, held_out = mixed.train, mixed.held_out
    largest = float(np.linalg.eigvalsh(np.cov(data.astype(float), rowvar=False))[-1]) if family == "moebius" else 1.0
    labels = [(level, beta) for level in LEVELS for beta in BETAS]
    starts = [generator(NAME, seed, kind, index, number, 1) for number in range(len(labels))]
    plain_vaes = [_vae(family, data, rng) for rng in starts]
    log_beta = np.log([beta for _, beta in labels]).astype(np.float32)
    vaes = stack(
        [
            _BetaVAE(v.encoder, v.decoder, v.prior, v.log_noise_var, v.link, jnp.asarray(b))
            for v, b in zip(plain_vaes, log_beta, strict=True)
        ]
    )
    which = [0] * len(labels)
    product = annealing(data[None], which, [level * largest for level, _ in labels])
    noise = Annealing(product.start - log_beta, product.target - log_beta)
    key = training_key(NAME, seed, kind, index)
    trained: Any = train(vaes, data[None], which, noise, key, how, report=batches.report(name, how.steps)).vaes
    at = VAE(
        _AtProduct(trained.encoder, trained.log_beta),
        trained.decoder,
        trained.prior,
        trained.log_noise_var,
        trained.link,
    )
    found = evaluate(at, held_out[None], which, product.target, jacobians=1)
    best = _best(family, mixed, largest)
    rows: Rows = []
    for r, (level, beta) in enumerate(labels):
        each = _divergences(family, found, r)
        row = {
            "kl": each.sum(),
            "kl_largest": each.max(),
            "kl_smallest": each.min(),
            "shortfall": best[level] - found.elbo_points[r][:POINTS].astype(float).mean(),
            "mcc_mean": mcc(mixed.sources[:, :LATENT_DIM], found.latent[r]),
            "mcc_sample": mcc(mixed.sources[:, :LATENT_DIM], found.sample[r]),
        }
        labelled = {"family": family, "data_set": index, "level": plain(level), "beta": plain(beta)}
        labelled |= {"noise": plain(level / beta)}
        predicted = _predicted(level) if family == "linear" else None
        rows.append(
            labelled
            | {key: plain(value) for key, value in row.items()}
            | {"kl_predicted": None if predicted is None else plain(predicted.sum())}
        )
    return rows


def _mixed(family: str, rng: np.random.Generator) -> Mixed:
    """Data, with three normal sources for the linear family, two uniform ones for the other."""
    if family == "moebius":
        return mix(rng, draw_moebius(rng, LATENT_DIM, nearest=1.5), LATENT_DIM, train=TRAIN, held_out=HELD_OUT)
    mixing = Linear(orthogonal(rng, 3) * np.sqrt(EIGENVALUES), np.zeros(3))
    return mix(rng, mixing, 3, sources="normal", train=TRAIN, held_out=HELD_OUT)


def _vae(family: str, data: np.ndarray, rng: np.random.Generator) -> VAE:
    """The linear family's encoder has the same variances at every x, as that of its optimum."""
    prior, hidden = FAMILIES[family]
    vae = mlp_vae(data, LATENT_DIM, rng, prior=prior, hidden=hidden)
    if family == "moebius":
        return vae
    old: Any = vae.encoder
    encoder = ConstantSpread(MLP((data.shape[1], LATENT_DIM), rng), jnp.zeros(LATENT_DIM, DTYPE), old.shift, old.scale)
    return VAE(encoder, vae.decoder, vae.prior, vae.log_noise_var, vae.link)


def _predicted(product: float) -> np.ndarray:
    """KL of each latent at the optimum, 1/2 log max(L_k / u, 1)."""
    return 0.5 * np.log(np.maximum(EIGENVALUES[:LATENT_DIM] / product, 1))


def _divergences(family: str, found: Evaluation, run: int) -> np.ndarray:
    """The mean KL(q || p0) of each latent: a Gauss-Hermite sum for the prior, the entropy exact."""
    mean, std = found.mean[run].astype(float), found.std[run].astype(float)
    rule = gauss_hermite(1, 20)
    y = mean[..., None] + std[..., None] * rule.nodes[:, 0]
    log_prior = -np.logaddexp(0, y) - np.logaddexp(0, -y) if family == "moebius" else -0.5 * (y**2 + np.log(2 * np.pi))
    return np.mean(-(log_prior @ rule.weights) - np.log(std) - 0.5 * (1 + np.log(2 * np.pi)), axis=0)


def _best(family: str, mixed: Mixed, largest: float) -> dict[float, float]:
    """For each level the mean ELBO at noise u, over the first points, of what the runs are measured by."""
    points = mixed.held_out[:POINTS].astype(float)
    if family == "linear":
        directions = np.linalg.eigh(np.asarray(mixed.mixing.matrix @ mixed.mixing.matrix.T))[1][:, ::-1]  # type: ignore[attr-defined]
        squares = np.mean((points @ directions) ** 2, axis=0)
        kept = [np.where(np.arange(3) < LATENT_DIM, np.maximum(EIGENVALUES, u), u) for u in LEVELS]
        return {u: float(-0.5 * np.sum(np.log(2 * np.pi * v) + squares / v)) for u, v in zip(LEVELS, kept, strict=True)}
    like = VAE(identity, as_dtype(mixed.mixing, float), as_dtype(LogitBeta()), jnp.zeros(()), jax.nn.sigmoid)
    log_products = np.log(np.array(LEVELS) * largest)
    y = logit(jnp.asarray(mixed.sources[:POINTS], float))
    squares = jnp.sum(jax.jit(jax.vmap(jax.jacfwd(like.decode)))(y) ** 2, axis=1)
    start = [jnp.concatenate([y, -0.5 * jnp.log(0.25 + squares / np.exp(log_u))], axis=1) for log_u in log_products]
    found = best_elbo(stack([like] * len(LEVELS)), points, log_products, jnp.stack(start))
    return {level: float(best.elbo.mean()) for level, best in zip(LEVELS, found, strict=True)}


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """One curve in beta eps, the KL of the optimum, and the threshold of the collapse."""
    result = result or recorded(NAME)
    rows = result.tables["runs"].records()
    make = partial(finding, result.experiment)
    linear = where(rows, family="linear")
    others = [row for row in linear if row["beta"] != 1]
    short = column(linear, "shortfall")
    curves = [
        make(
            f"one-curve-{family}",
            f"median over beta and beta eps of |KL - KL of beta = 1| at the same beta eps, nats, {family} data",
            _apart(where(rows, family=family), "level"),
            "the same at the same eps",
            _apart(where(rows, family=family), "noise"),
            bound=Bound("at most", 0.1),
        )
        for family in FAMILIES
    ]
    return (
        *curves,
        make(
            "kl",
            "median |KL - sum of 1/2 log(L_k / beta eps) where positive|, nats, linear data",
            np.abs(column(linear, "kl") - column(linear, "kl_predicted")),
            "the same with eps for beta eps, of the runs with another beta than 1",
            np.abs(column(others, "kl") - [_predicted(row["noise"]).sum() for row in others]),
            bound=Bound("at most", 0.1),
            shortfalls=short,
        ),
        make(
            "threshold",
            "share of the betas at which as many latents live as L_k exceed beta eps, of each data set and beta eps",
            _as_predicted(linear, "level"),
            "the same with eps for beta eps",
            _as_predicted(linear, "noise"),
            bound=Bound("at least", 0.99),
        ),
        make(
            "collapse",
            "share of the betas at which the posterior is collapsed if and only if beta eps exceeds the largest "
            "eigenvalue, of each data set and beta eps, Moebius data",
            _as_predicted(where(rows, family="moebius"), "level"),
            "the same with eps for beta eps",
            _as_predicted(where(rows, family="moebius"), "noise"),
            bound=Bound("at least", 0.99),
        ),
    )


def _apart(rows: Rows, at: str) -> np.ndarray:
    """|KL - KL of beta = 1| of the runs with another beta, at an equal value of the column `at`."""
    one = {(row["data_set"], f"{row[at]:.3g}"): row["kl"] for row in rows if row["beta"] == 1}
    pairs = [(row["kl"], one.get((row["data_set"], f"{row[at]:.3g}"))) for row in rows if row["beta"] != 1]
    return np.array([abs(kl - reference) for kl, reference in pairs if reference is not None])


def _as_predicted(rows: Rows, at: str) -> np.ndarray:
    """For each data set and level, the share of runs as predicted with the column `at` as the noise.

    Linear data: as many latents live as eigenvalues exceed it. Others: none lives if and only if it exceeds 1.
    """
    groups: dict[tuple[int, float], list[bool]] = {}
    for row in rows:
        if row["family"] == "linear":
            right = row["active"] == np.sum(EIGENVALUES[:LATENT_DIM] > row[at])
        else:
            right = (row["active"] == 0) == (row[at] > 1)
        groups.setdefault((row["data_set"], row["level"]), []).append(bool(right))
    return np.array([np.mean(right) for right in groups.values()])
