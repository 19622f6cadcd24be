"""The amortisation gap over the size of the encoder, and what an encoder that looks at its own residual reaches.

The decoders of `fixed-decoder`, three with orthogonal and three with triangular weights, at gamma^2 = 1e5, where the
ELBO of an encoder with an error delta of its means lacks gamma^2 |J delta|^2 / 2. Two classes, from random weights:

    plain      MLPs of two hidden layers of 8 to 64 units, as in `fixed-decoder`
    residual   the plain one of 64 units, kept, and two corrections, z + M(x) (x - f(z)), M(x) (d, D) a network like the
               first. It sees the decoder's output at its own guesses, as iterative amortised inference
               does (Marino, Yue and Mandt, ICML 2018); it is given neither preimage nor Jacobian. A correction that
               inverts the Jacobian to a tenth divides the error by ten, the miss by a hundred.

`amortisation` is the mean ELBO of the encoder at the mode (`modes`) less that of the trained one, in nats, held out;
`difference` is |ELBO - L_IMA| as in `fixed-decoder`, and its control, `difference_rows`, has the rows of J.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...numerics.contrast import contrast_of_jacobian
from ...results import Recorded, Table, recorded
from ..evaluate import evaluate
from ..findings import Bound, Finding, column, finding, where
from ..loop import Recipe, annealing, run_of, stack, train
from ..mixings import Mixed
from ..models import MLP, VAE, GaussianEncoder, as_dtype, constant, identity, mlp_vae
from ..modes import mode_elbo
from . import fixed_decoder
from .runs import Asked, Batches, Effort, Rows, generator, plain, summaries, training_key

NAME = "encoder-capacity"
GAMMA2 = 1e5
LATENT_DIM = fixed_decoder.LATENT_DIM
WIDTHS = (8, 16, 32, 64)
CORRECTION, PASSES = (64, 64), 2
REACHED = 0.02  # nats, as in `fixed-decoder`
POINTS = 1000
SIZES = {"quick": (1, 1000), "standard": (3, 4000), "full": (3, 6000)}  # decoders of each kind, steps


class ResidualEncoder(eqx.Module):
    """z + M(x) (x - f(z)), `PASSES` times from the mean of `first`; M(x) and the relative log_std are those of `net`.

    `first` and the decoder are not learnt.
    """

    first: GaussianEncoder
    decoder: Callable
    net: MLP

    def __call__(
        self, x: Float[Array, "D"], log_noise_var: Float[Array, ""]
    ) -> tuple[Float[Array, "d"], Float[Array, "d"]]:
        """(mean, log_std)."""
        first: GaussianEncoder = constant(self.first)
        mean = first(x, log_noise_var)[0]
        found = self.net((x - first.shift) / first.scale)
        relative, matrix = found[: len(mean)], found[len(mean) :].reshape(len(mean), len(x))
        for _ in range(PASSES):
            mean = mean + matrix @ (x - constant(self.decoder)(mean)) / first.scale
        return mean, relative + 0.5 * log_noise_var - jnp.log(first.scale)


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are: one a width; the widest is followed by the correction."""
    return len(WIDTHS)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train every encoder for every decoder and measure it."""
    count, steps = SIZES[effort]
    how = Recipe(steps=steps, batch=128, draws=2, antithetic=True, path=True, warm_up=min(200, steps // 5))
    parameters: dict[str, Any] = {"gamma2": GAMMA2, "widths": WIDTHS, "decoders": count}
    parameters |= asdict(how)
    fixed = parameters | {"seed": seed, "points": POINTS}
    rows = batches.run_all(
        [
            Asked(
                f"width {width}",
                fixed | ({"correction": CORRECTION, "passes": PASSES} if width == max(WIDTHS) else {}),
                partial(_runs, width, count, seed, how, batches),
            )
            for width in WIDTHS
        ]
    )
    quantities = ("amortisation", "difference", "difference_rows", "self_consistency", "parameters")
    return Recorded(
        NAME,
        f"elbogap record {NAME} --effort {effort} --seed {seed}",
        seed,
        parameters | {"correction": CORRECTION, "passes": PASSES, "effort": effort, "seconds": round(batches.seconds)},
        len(rows),
        "none: one run a decoder and encoder, all of them recorded",
        (),
        {
            "runs": Table.of(rows),
            "summary": Table.of(summaries(rows, "encoder", quantities, generator(NAME, seed, 999_983))),
        },
    )


def _runs(width: int, count: int, seed: int, how: Recipe, batches: Batches) -> Rows:
    labels = [(kind, index) for kind in fixed_decoder.DECODERS for index in range(count)]
    mixed = [fixed_decoder.fixed_decoder(kind, seed, index) for kind, index in labels]
    which = list(range(len(labels)))
    data = np.stack([m.train for m in mixed])
    starts = [generator(NAME, seed, width, r) for r in which]
    vaes = stack(
        [
            mlp_vae(
                data[r],
                LATENT_DIM,
                starts[r],
                prior="normal",
                hidden=(width, width),
                activation=jax.nn.gelu,
                decoder=mixed[r].mixing,
            )
            for r in which
        ]
    )
    noise = annealing(data, which, [1 / GAMMA2] * len(labels))
    report = batches.report(f"width {width}", how.steps)
    trained = train(vaes, data, which, noise, training_key(NAME, seed, width), how, report=report).vaes
    rows = _rows(f"plain {width}", labels, mixed, trained, noise.target)
    if width == max(WIDTHS):
        corrected = _with_correction(trained, starts)
        at_end = noise._replace(start=noise.target)
        report = batches.report("residual", how.steps)
        key = training_key(NAME, seed, width, 1)
        both = train(corrected, data, which, at_end, key, how, report=report).vaes
        rows += _rows("residual", labels, mixed, both, noise.target)
    return rows


def _with_correction(vaes: VAE, starts: list[np.random.Generator]) -> VAE:
    """The stacked runs with a correction of random weights each."""
    d, made = LATENT_DIM, []
    for r, rng in enumerate(starts):
        vae: Any = run_of(vaes, r)
        net = MLP((d, *CORRECTION, d + d * d), rng, activation=jax.nn.gelu)
        encoder = ResidualEncoder(vae.encoder, vae.decoder.decoder, net)
        made.append(VAE(encoder, vae.decoder, vae.prior, vae.log_noise_var, vae.link))
    return stack(made)


def _rows(encoder: str, labels: list[tuple[str, int]], mixed: list[Mixed], vaes: VAE, log_noise_var: Array) -> Rows:
    which = range(len(labels))
    held_out = np.stack([m.held_out[:POINTS] for m in mixed])
    found = evaluate(vaes, held_out, which, log_noise_var, jacobians=1)
    truth = stack([VAE(identity, as_dtype(m.mixing, float), as_dtype(_prior(vaes)), jnp.zeros(())) for m in mixed])
    sources = np.stack([m.sources[:POINTS].astype(float) for m in mixed])
    best = mode_elbo(truth, held_out, which, log_noise_var, sources)
    size = sum(leaf[0].size for leaf in jax.tree.leaves(eqx.filter(_trainable(vaes), eqx.is_inexact_array)))
    rows: Rows = []
    for r, (kind, index) in enumerate(labels):
        jacobian = np.asarray(fixed_decoder.jacobians(mixed[r].mixing, jnp.asarray(sources[r])))
        density = -0.5 * np.sum(sources[r] ** 2, axis=1) - 0.5 * LATENT_DIM * np.log(2 * np.pi)
        density = np.mean(density - np.linalg.slogdet(jacobian)[1])
        contrast, rows_contrast = (
            np.mean(np.asarray(contrast_of_jacobian(each))) for each in (jacobian, jacobian.transpose(0, 2, 1))
        )
        elbo = found.elbo_points[r].astype(float)
        lack = best[r].elbo - elbo
        row = {
            "elbo": elbo.mean(),
            "amortisation": lack.mean(),
            "amortisation_median": np.median(lack),
            "difference": abs(elbo.mean() - (density - contrast)),
            "difference_rows": abs(elbo.mean() - (density - rows_contrast)),
            "self_consistency": np.sqrt(np.mean((found.mean[r] - sources[r]) ** 2)),
            "parameters": size,
        }
        labelled = {"encoder": encoder, "decoder": kind, "index": index}
        rows.append(labelled | {key: plain(value) for key, value in row.items()})
    return rows


def _prior(vaes: VAE) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], vaes.prior)


def _trainable(vaes: VAE) -> Any:
    """The networks of the encoders, without the constants and without the decoder."""
    encoder: Any = vaes.encoder
    return (encoder.first.net, encoder.net) if isinstance(encoder, ResidualEncoder) else encoder.net


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """A residual encoder reaches the limit at gamma^2 = 1e5, a plain one of the same first network does not."""
    result = result or recorded(NAME)
    rows = result.tables["runs"].records()
    residual, widest = where(rows, encoder="residual"), where(rows, encoder=f"plain {max(WIDTHS)}")
    narrow = where(rows, encoder=f"plain {min(WIDTHS)}")
    make = partial(finding, result.experiment)
    return (
        make(
            "limit",
            "median |ELBO - L_IMA| of the residual encoder at gamma^2 = 1e5, nats",
            column(residual, "difference"),
            "the same of the plain encoder, its first network",
            column(widest, "difference"),
            bound=Bound("at most", REACHED),
            shortfalls=column(residual, "amortisation"),
        ),
        make(
            "capacity",
            f"median ratio of the amortisation gap of {max(WIDTHS)} to that of {min(WIDTHS)} units",
            column(widest, "amortisation") / column(narrow, "amortisation"),
            "the same the other way round",
            column(narrow, "amortisation") / column(widest, "amortisation"),
            bound=Bound("at most", 0.1),
        ),
    )
