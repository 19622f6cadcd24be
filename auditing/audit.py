"""The audit of one decoder: points, geometry, account of the gap, regime, self-consistency of the encoder.

Points. With data and an encoder: z = encoder mean at x. With data alone: z = argmin |f(z) - x|, searched from several
starts. Without data: z ~ prior and x = f(z). The points of the account are spread over those of the geometry.

Ctrl-C ends the part under way; what is done is kept, and the report says that it is not complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.model import LatentModel
from ..numerics.precision import require_float64
from ..numerics.priors import CorrelatedNormal, Normal, Prior
from ..numerics.reduction import Reduction, reduction
from ..numerics.starts import search_starts
from .account import account
from .consistency import consistency
from .geometry import geometry
from .inputs.decoder import Decoder, as_decoder
from .inputs.encoder import Encoder, Encodings, as_encoder
from .regime import ABSOLUTE, RELATIVE, regime
from .report import AuditReport
from .traversal import traversal

POINTS, ACCOUNT_POINTS, SAMPLES = 1000, 64, 4096
_PRIOR_DRAWS = 20000
_SEARCH_CHUNK, _ENCODE_CHUNK = 32, 256
Progress = Callable[[int, int, str], None]


def audit(
    model: LatentModel | Any,
    *,
    encoder: Any = None,
    data: Any = None,
    latent_dim: int | None = None,
    noise_var: Any = None,
    prior: Prior | None = None,
    encoder_output: str = "std",
    points: int = POINTS,
    account_points: int = ACCOUNT_POINTS,
    samples: int = SAMPLES,
    relative: float = RELATIVE,
    absolute: float = ABSOLUTE,
    search: bool = True,
    seed: int = 0,
    progress: Progress = lambda done, total, what: None,
) -> AuditReport:
    """What the theorem says about a decoder: where its ELBO gap comes from, which latents are entangled, which eps.

    model: a `LatentModel`, or a decoder (JAX callable (d,) -> (D,), `torch.nn.Module`) with latent_dim, noise_var
    (1e-3 unless given: scalar, (D,), (D, D), or a callable of z) and prior (N(0, I) unless given). encoder: x ->
    (mean, spread), spread one of std, log-std, var, log-var by `encoder_output`. data (n, ...): n points of the
    decoder's output shape, or flattened; without data z ~ prior, x = f(z).

    points, account_points: how many enter the geometry and the account; samples: decoder evaluations an estimate where
    quadrature is out of reach (d > 3). relative, absolute: the tolerance of the regime, of the mean contrast and in
    nats. search: also look for modes from fixed starts, not only near the encoder's mean.

    Raises RequestError, one line, for anything that is not a deterministic decoder with matching data, encoder and
    noise; RuntimeError without float64. Rank-deficient Jacobians and inactive latents are reported, never raised.
    """
    require_float64("audit")
    for name, value, least in (("points", points, 1), ("account_points", account_points, 0), ("samples", samples, 64)):
        if value < least:
            raise RequestError(f"{name}: expected at least {least}, got {value}")
    for name, tolerance in (("relative", relative), ("absolute", absolute)):
        if not 0 < tolerance < np.inf:
            raise RequestError(f"{name} tolerance: expected a number above 0, got {tolerance}")
    model, decoder = as_model(model, latent_dim, noise_var, prior)
    # One for the whole audit, so that each of its programs is compiled once.
    whole = reduction(model)
    rng = np.random.default_rng(seed)
    d, prior_std = model.latent_dim, prior_deviation(model)
    encode = None if encoder is None else as_encoder(encoder, d, decoder.shape, encoder_output)
    notes: list[str] = []

    if data is None:
        rows, chosen = None, np.arange(points)
        z = np.array([model.prior.sample(rng, d) for _ in range(points)]).reshape(points, d)
        notes.append("No data: points are drawn as z ~ prior, x = f(z), so the decoder is judged on its own samples.")
    else:
        rows = check_data(data, decoder)
        chosen = spread(len(rows), points)
        z = latents_of(whole, rows, chosen, encode, progress)
        if encode is None:
            notes.append("No encoder: the geometry is taken at z = argmin |f(z) - x|, searched from several starts.")
    if encode is None:
        notes.append("No encoder: the amortisation gap is left out; the account is that of the best encoder.")
    if not np.allclose(prior_std, prior_std[0]) or not isinstance(model.prior, Normal):
        notes.append("The prior is not N(0, I): a rotation of latents changes the model, its saving is geometry only.")

    measured, complete = geometry(
        whole.model, z, prior_std, notify=lambda done, total: progress(done, total, "geometry: contrast and columns")
    )
    # What is left to do is skipped after an interrupt: the report is of what was done.
    some = spread(len(measured.points), account_points if complete else 0)
    entries = consistent = found = None
    if len(some):
        if rows is None:
            targets = np.asarray(jax.lax.map(model.decoder, jnp.asarray(z[some])))
        else:
            targets = rows_at(rows, chosen[some])
        encodings: Encodings | None = encode(targets) if encode else None
        entries, complete = account(
            whole,
            targets,
            z[some],
            encodings,
            prior_std,
            indices=chosen[some],
            pairs=samples // 2,
            search=search,
            notify=lambda done, total: progress(done, total, "account of the ELBO gap"),
        )
        if encodings is not None and entries.entries:
            by_index = {int(index): i for i, index in enumerate(chosen[some])}
            kept = [by_index[entry.point] for entry in entries.entries]
            consistent = consistency(
                model, entries, targets[kept], Encodings(encodings.mean[kept], encodings.std[kept])
            )
        if complete:
            try:
                found = regime(
                    whole.model,
                    entries,
                    pairs=samples // 2,
                    search=search,
                    relative=relative,
                    absolute=absolute,
                    notify=lambda done, total: progress(done, total, "regime: measured at the predicted variance"),
                )
            except KeyboardInterrupt:
                complete = False
    return AuditReport(
        model=model,
        shape=decoder.shape,
        geometry=measured,
        indices=chosen[: len(measured.points)],
        prior_std=prior_std,
        account=entries,
        regime=found,
        consistency=consistent,
        traversal=traversal(decoder, measured.points, prior_std),
        notes=tuple(notes),
        complete=complete,
        parameters={
            "latent_dim": d,
            "outputs": decoder.size,
            "output_shape": list(decoder.shape),
            "decoder": decoder.origin,
            "noise_var": float(model.eps),
            "prior": type(model.prior).__name__,
            "data": "given" if data is not None else "drawn: z ~ prior, x = f(z)",
            "encoder": encoder is not None,
            "points": points,
            "account_points": account_points,
            "samples": samples,
            "seed": seed,
            "tolerance": {"relative": relative, "absolute": absolute},
        },
    )


def as_model(model: Any, latent_dim: int | None, noise_var: Any, prior: Prior | None) -> tuple[LatentModel, Decoder]:
    """A LatentModel whose decoder is a `Decoder`. RequestError where the parts do not fit."""
    if isinstance(model, LatentModel):
        if (latent_dim, noise_var, prior) != (None, None, None):
            raise RequestError("audit: expected latent_dim, noise_var and prior within the LatentModel, got both")
        if model.observation is not None:
            raise RequestError(f"audit: expected Gaussian noise, got {type(model.observation).__name__} observations")
        decoder = as_decoder(model.decoder, model.latent_dim)
        return eqx.tree_at(lambda m: m.decoder, model, decoder), decoder
    if latent_dim is None:
        raise RequestError("latent_dim: expected the number of latents, got none")
    decoder = as_decoder(model, latent_dim)
    variance = 1e-3 if noise_var is None else noise_var
    if not callable(variance) and np.shape(variance) not in ((), (decoder.size,), (decoder.size, decoder.size)):
        raise RequestError(
            f"noise_var: expected a scalar or one value for each of {decoder.size} outputs, got shape "
            f"{np.shape(variance)}"
        )
    try:
        return LatentModel(decoder, latent_dim, prior=prior, noise_var=variance), decoder
    except (ValueError, TypeError) as error:
        raise RequestError(" ".join(str(error).split())) from error


def check_data(data: Any, decoder: Decoder) -> Any:
    """The data as rows (n, ...); RequestError where one row is not an output of the decoder."""
    rows = data if hasattr(data, "shape") else np.asarray(data)
    shape = tuple(rows.shape)
    if len(shape) < 2 or int(np.prod(shape[1:])) != decoder.size:
        raise RequestError(
            f"data: expected shape (n, {', '.join(map(str, decoder.shape))}) or (n, {decoder.size}), got {shape}"
        )
    if shape[0] == 0:
        raise RequestError("data: expected at least one point, got none")
    if len(shape) > 2 and shape[1:] != decoder.shape:
        raise RequestError(f"data: expected points of shape {decoder.shape}, got {shape[1:]}")
    if not np.issubdtype(np.asarray(rows[:1]).dtype, np.floating):
        raise RequestError(
            f"data: expected floating values on the decoder's scale, got {np.asarray(rows[:1]).dtype} (divide by 255?)"
        )
    return rows


def spread(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` indices, spread evenly over range(count)."""
    if wanted == 0:
        return np.zeros(0, int)
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int))


def prior_deviation(model: LatentModel) -> Float[np.ndarray, " d"]:
    """Standard deviation of each latent under the prior: exact for normal priors, from 20 000 draws for others."""
    d, prior = model.latent_dim, model.prior
    if isinstance(prior, Normal):
        return np.broadcast_to(np.asarray(prior.scale, dtype=float), (d,)).copy()
    if isinstance(prior, CorrelatedNormal):
        return np.sqrt(np.diagonal(np.asarray(prior.covariance)))
    rng = np.random.default_rng(0)
    return np.std([prior.sample(rng, d) for _ in range(_PRIOR_DRAWS)], axis=0)


@eqx.filter_jit
def _nearest(model: LatentModel, data: Float[Array, "n D"]) -> Float[Array, "n d"]:
    def at(x: Array) -> Array:
        found = search_starts(model, x)
        return found[jnp.argmin(jax.vmap(lambda z: model.potential(z, x))(found))]

    return jax.lax.map(at, data)


def rows_at(rows: Any, indices: np.ndarray) -> Float[np.ndarray, "n D"]:
    """These rows of the data, flattened, float64. RequestError where a value is not finite."""
    taken = np.stack([np.asarray(rows[int(i)], dtype=float).reshape(-1) for i in indices])
    if not np.all(np.isfinite(taken)):
        first = indices[int(np.argmin(np.all(np.isfinite(taken), axis=1)))]
        raise RequestError(f"data: expected finite values, got nan or infinity in point {first}")
    return taken


def latents_of(
    whole: Reduction, rows: Any, indices: np.ndarray, encode: Encoder | None, progress: Progress
) -> Float[np.ndarray, "n d"]:
    """The encoder's mean, or argmin |f(z) - x| in the noise's metric, at each row; a chunk of the data at a time."""
    parts, chunk = [], _ENCODE_CHUNK if encode else _SEARCH_CHUNK
    for first in range(0, len(indices), chunk):
        part = rows_at(rows, indices[first : first + chunk])
        if encode:
            parts.append(encode(part).mean)
        else:
            filled = np.concatenate([part, np.repeat(part[-1:], chunk - len(part), axis=0)])
            reduced, _ = jax.vmap(whole.data)(jnp.asarray(filled))
            parts.append(np.asarray(_nearest(whole.model, reduced))[: len(part)])
        progress(first + len(part), len(indices), "encoder's means" if encode else "preimages of the data")
    return np.concatenate(parts)
