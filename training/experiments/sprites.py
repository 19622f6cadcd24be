"""Sprites: a VAE finds position, size and hue of images again if the renderer is in the IMA class.

Images of a disk, 32x32 RGB, four uniform factors (`sprites`), in three palettes: `cosine`, inside the class, and the
controls `hsv` and `heat`, outside. The networks work on the principal components of the images, which is training on
the images up to a constant (`image`). gamma^2 is annealed from 1/2 to 40 over the first half of the steps.

What the recipe rests on: pairs of antithetic draws. With one draw a step, noise of order gamma hides the small torque
that turns x and y from an arbitrary rotation into place, and the learning rate has decayed before it is undone; this
was the spread over seeds. Restarts are ranked by held-out ELBO at the same nodes and points.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...files import write_by_rename
from ...numerics.contrast import contrast_of_jacobian
from ...results import FOLDER, Recorded, Table
from ..evaluate import evaluate, select
from ..image import Components
from ..loop import Annealing, Recipe, member, stack, train
from ..metrics import correlations, matching, mcc
from ..models import DTYPE, VAE, mlp_vae
from ..sprites import FACTORS, PALETTES, SIZE
from ..sprites_data import Sprites, coded, components, draw_factors, images, renderer_contrasts
from .runs import Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "sprites"
SHAPE = "disk"
INSIDE, OUTSIDE = PALETTES[0], PALETTES[1:]
GAMMA2, GAMMA2_START = 40.0, 0.5
SIZES = {"quick": (2, 1, 1200), "standard": (5, 2, 6000), "full": (8, 2, 6000)}  # seeds, restarts, steps
COMPONENTS = 192  # lose a ten-thousandth of the variance, which is .05 nats at gamma^2 = 40
HIDDEN = (128, 128)
TRAIN, HELD_OUT, ELBO_POINTS = 16_000, 8_000, 500
ABLATION = "one draw"  # a batch in the IMA palette without antithetic pairs: what they are worth
SELECTION = "of the restarts, the one with the largest held-out ELBO (quadrature, same nodes and points for all)"
STEPS_SHOWN = 9  # images a traversal, at equidistant latents from .05 to .95
_QUANTITIES = (
    "mcc_mean",
    "mcc_sample",
    "mcc_mean_spearman",
    "mcc_shuffled",
    "contrast_point",
    "contrast_mean_jacobian",
)


@dataclass(frozen=True)
class Illustrated(Recorded):
    """A recorded experiment with arrays, which are written beside it as NAME.npz."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, folder: Path = FOLDER) -> Path:
        """Write both files; the path of the JSON."""
        from io import BytesIO

        stream = BytesIO()
        np.savez_compressed(stream, **self.arrays)  # type: ignore[arg-type]
        write_by_rename(folder / f"{self.experiment}.npz", stream.getvalue())
        return Recorded(**{item.name: getattr(self, item.name) for item in fields(Recorded)}).write(folder)


def recipe(steps: int, *, pairs: bool = True) -> Recipe:
    """The recipe, chosen on other seeds than those recorded; without `pairs`, one draw a step."""
    return Recipe(
        steps=steps,
        batch=64,
        rate=4e-3,
        warm_up=min(200, steps // 5),
        draws=2 if pairs else 1,
        antithetic=pairs,
        chunks=12,
    )


def _groups(effort: Effort) -> list[tuple[str, str, int]]:
    """(palette, variant, restart) of each batch."""
    restarts = range(SIZES[effort][1])
    return [(palette, "pairs", restart) for palette in PALETTES for restart in restarts] + [(INSIDE, ABLATION, 0)]


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: all seeds of a palette and a restart are one."""
    return len(_groups(effort))


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train, select and measure; draw the traversals of one selected run a palette."""
    seeds, restarts, steps = SIZES[effort]
    parameters = asdict(recipe(steps)) | {
        **{"seeds": seeds, "restarts": restarts, "shape": SHAPE, "gamma2": GAMMA2, "gamma2_start": GAMMA2_START},
        **{"components": COMPONENTS, "hidden": HIDDEN, "train": TRAIN, "held_out": HELD_OUT, "effort": effort},
    }
    rows: Rows = []
    for palette, variant, restart in _groups(effort):
        fixed = parameters | {"seed": seed, "palette": palette, "variant": variant, "restart": restart}
        name = f"{palette}, {variant}, restart {restart}"

        def batch(p: str = palette, v: str = variant, r: int = restart, n: str = name) -> Rows:
            return _runs(p, v, r, seed, seeds, steps, batches, n)

        rows += batches.run(name, fixed, batch)
    groups = [f"{row['palette']} {row['variant']} {row['seed']}" for row in rows]
    chosen = select(np.unique(groups, return_inverse=True)[1], np.array([row["elbo"] for row in rows]))
    arrays = _arrays(rows, chosen)
    drop = ("traversal", "curve_mcc", "curve_elbo")
    rows = [
        {"selected": bool(kept), **{key: value for key, value in row.items() if key not in drop}}
        for kept, row in zip(chosen, rows, strict=True)
    ]
    main = [row for row in rows if row["variant"] == "pairs"]
    renderers = [_renderer(palette, seed) for palette in PALETTES]
    rng = generator(NAME, seed, 9)
    summary = summaries([row for row in main if row["selected"]], "palette", _QUANTITIES, rng)
    ablation = [row for row in rows if row["palette"] == INSIDE and row["restart"] == 0]
    failures = tuple(
        f"{row['palette']}, seed {row['seed']}, selected: MCC {row['mcc_mean']:.3f}"
        for row in main
        if row["selected"] and row["palette"] == INSIDE and row["mcc_mean"] < 0.98
    )
    tables = {
        "runs": Table.of(rows),
        "summary": Table.of(summary),
        "draws": Table.of(summaries(ablation, "variant", _QUANTITIES, rng)),
        "renderer": Table.of(renderers),
    }
    command = f"elbogap record {NAME} --effort {effort} --seed {seed}"
    parameters = parameters | {"seconds": round(batches.seconds)}
    return Illustrated(NAME, command, seed, parameters, len(rows), SELECTION, failures, tables, arrays=arrays)


def _runs(
    palette: str, variant: str, restart: int, seed: int, seeds: int, steps: int, batches: Batches, name: str
) -> Rows:
    data, basis = _data(palette, seed, seeds), components(SHAPE, palette, COMPONENTS)
    which = list(range(seeds))
    starts = [generator(NAME, seed, 3, run, restart) for run in which]
    vaes = stack([mlp_vae(data.train[0], len(FACTORS), rng, hidden=HIDDEN) for rng in starts])
    logs = [jnp.full(seeds, -np.log(gamma2), DTYPE) for gamma2 in (GAMMA2_START, GAMMA2)]
    noise = Annealing(logs[0], logs[1])
    show = batches.report(name, steps)
    curves: list[np.ndarray] = []

    def report(step: int, vaes: VAE, terms: Any) -> None:
        show(step, vaes, terms)
        points, factors = data.held_out[:1000], data.sources[:1000]
        curves.append(np.array([mcc(factors, latent) for latent in _latents(vaes, points, noise.target)]))

    key = training_key(NAME, seed, restart)
    how = recipe(steps, pairs=variant != ABLATION)
    trained = train(vaes, data.train, which, noise, key, how, report=report)
    found = evaluate(trained.vaes, data.held_out[None, :ELBO_POINTS], [0] * seeds, noise.target, jacobians=1)
    rows: Rows = []
    for run in which:
        measured, traversal = _measure(member(trained.vaes, run), data, basis, noise.target[run], seed)
        rows.append(
            {"palette": palette, "variant": variant, "seed": run, "restart": restart, "elbo": plain(found.elbo[run])}
            | measured
            | {
                "curve_mcc": [plain(at[run], 4) for at in curves],
                "curve_elbo": [plain(value, 6) for value in trained.history.elbo[:, run]],
                "traversal": base64.b64encode(zlib.compress(traversal.tobytes(), 9)).decode(),
            }
        )
    return rows


@lru_cache(maxsize=1)  # the restarts of a palette see the same data
def _data(palette: str, seed: int, seeds: int) -> Sprites:
    basis = components(SHAPE, palette, COMPONENTS)
    rngs = [generator(NAME, seed, 2, run) for run in range(seeds)]
    return coded(rngs, draw_factors(generator(NAME, seed, 1), HELD_OUT), TRAIN, basis, SHAPE, palette)


def _latents(vaes: VAE, points: np.ndarray, log_noise_var: Any) -> np.ndarray:
    return np.asarray(_encode(vaes, jnp.asarray(points, DTYPE), log_noise_var), float)


@eqx.filter_jit
def _encode(vaes: VAE, points: Any, log_noise_var: Any) -> Any:
    return eqx.filter_vmap(lambda vae, log_eps: jax.vmap(lambda x: vae.link(vae.encoder(x, log_eps)[0]))(points))(
        vaes, log_noise_var
    )


@eqx.filter_jit
def _statistics(vae: VAE, points: Any, log_noise_var: Any, key: Any) -> tuple[Any, ...]:
    """Latents at the mean and of a sample, the squared error, each point's contrast, and the mean Jacobian."""
    mean, log_std = jax.vmap(lambda x: vae.encoder(x, log_noise_var))(points)
    latent = jax.vmap(vae.link)(mean)
    sample = jax.vmap(vae.link)(mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape, mean.dtype))
    error = jnp.mean(jnp.sum((points - jax.vmap(vae.decoder)(latent)) ** 2, axis=1))
    jacobian = jax.lax.map(jax.jacfwd(vae.decoder), latent, batch_size=100)
    return latent, sample, error, contrast_of_jacobian(jacobian), jacobian.mean(axis=0)


def _measure(
    vae: VAE, data: Sprites, basis: Components, log_noise_var: Any, seed: int
) -> tuple[dict[str, float], np.ndarray]:
    """The columns of a run, and its traversals (4, STEPS_SHOWN, 32, 32, 3) as bytes, in the order of the factors."""
    points = jnp.asarray(data.held_out, DTYPE)
    found = _statistics(vae, points, log_noise_var, jax.random.key(seed + 1))
    latent, sample, error, contrast, mean_jacobian = (np.asarray(part, float) for part in found)
    score, order = matching(data.sources, latent)
    row = {
        "mcc_mean": score,
        "mcc_sample": mcc(data.sources, sample),
        "mcc_mean_spearman": mcc(data.sources, latent, rank=True),
        "mcc_shuffled": mcc(np.roll(data.sources, 1, axis=0), latent),
        "contrast_point": contrast.mean(),
        "contrast_point_95": np.quantile(contrast, 0.95),
        "contrast_mean_jacobian": float(contrast_of_jacobian(mean_jacobian)),
        "reconstruction": error,
    }
    signed = correlations(data.sources, latent)[np.arange(len(FACTORS)), order]
    row |= {f"correlation_{name}": abs(value) for name, value in zip(FACTORS, signed, strict=True)}
    lines = np.full((len(FACTORS), STEPS_SHOWN, len(FACTORS)), 0.5)
    for factor, (column, sign) in enumerate(zip(order, signed, strict=True)):
        lines[factor, :, column] = np.linspace(0.05, 0.95, STEPS_SHOWN)[:: 1 if sign > 0 else -1]
    codes = jax.vmap(vae.decoder)(jnp.asarray(lines.reshape(-1, len(FACTORS)), DTYPE))
    shown = np.round(255 * np.clip(basis.images(np.asarray(codes)), 0, 1)).astype(np.uint8)
    return {key: plain(value) for key, value in row.items()}, shown.reshape(*lines.shape[:2], SIZE, SIZE, 3)


def _arrays(rows: Rows, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Traversals of the selected run with the median MCC of each palette, and the curves of all runs."""
    arrays: dict[str, np.ndarray] = {
        "curve_mcc": np.array([row["curve_mcc"] for row in rows], np.float16),
        "curve_elbo": np.array([row["curve_elbo"] for row in rows], np.float32),
    }
    for palette in PALETTES:
        kept = [
            r for r, k in zip(rows, chosen, strict=True) if k and r["palette"] == palette and r["variant"] == "pairs"
        ]
        middle = sorted(kept, key=lambda row: row["mcc_mean"])[(len(kept) - 1) // 2]
        raw = np.frombuffer(zlib.decompress(base64.b64decode(middle["traversal"])), np.uint8)
        arrays[f"traversal_{palette}"] = raw.reshape(len(FACTORS), STEPS_SHOWN, SIZE, SIZE, 3)
    return arrays


def _renderer(palette: str, seed: int) -> dict[str, Any]:
    """The row of the renderer itself."""
    points = draw_factors(generator(NAME, seed, 1), HELD_OUT)[:4000]
    contrasts = renderer_contrasts(points, SHAPE, palette)
    fresh = images(points[:1000], SHAPE, palette)
    basis = components(SHAPE, palette, COMPONENTS)
    return {"palette": palette, "inside": palette == INSIDE, "share_lost": plain(basis.share_lost(fresh), 3)} | {
        name: plain(value, 4)
        for name, value in (
            ("contrast_point", contrasts.point),
            ("contrast_point_95", contrasts.point_95),
            ("contrast_mean_jacobian", contrasts.mean_jacobian),
        )
    }
