"""The points of an audit: from data by the encoder or by search, or drawn from the prior.

With data and an encoder: z = encoder mean at x. With data alone: z = argmin |f(z) - x|, searched from several starts;
for observations that are not Gaussian the highest mode of p(z | x). Without data: z ~ prior and x = f(z), for
observations x ~ p(x | z).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.model import LatentModel
from ..numerics.modes import find_modes
from ..numerics.observations import Observation
from ..numerics.priors import CorrelatedNormal, Normal
from ..numerics.reduction import Reduction
from ..numerics.seed import SEED
from ..numerics.starts import search_starts
from ..shell.progress import Progress
from .geometry import spread
from .inputs.decoder import Decoder
from .inputs.encoder import Encoder
from .inputs.observation import check_support, drawn, one_hot

_PRIOR_DRAWS = 20000
_SEARCH_CHUNK, _ENCODE_CHUNK = 32, 256


class Points(NamedTuple):
    """z (n, d), the rows of the data that they belong to (or 0, 1, ...), and the data, None where there is none."""

    z: Float[np.ndarray, "n d"]
    indices: np.ndarray
    rows: Any

    def targets(self, model: LatentModel, some: np.ndarray) -> Float[np.ndarray, "m D"]:
        """x at some of the points: of the data, or without data f(z), for observations a draw from p(x | z)."""
        if self.rows is not None:
            return rows_at(self.rows, self.indices[some])
        outputs = np.asarray(jax.lax.map(model.decoder, jnp.asarray(self.z[some])))
        if model.observation is None:
            return outputs
        return drawn(model.observation, outputs, np.random.default_rng(SEED))


def points_of(
    whole: Reduction, rows: Any, encode: Encoder | None, *, count: int, seed: int, progress: Progress
) -> Points:
    """At most `count` points, spread over the data, or drawn from the prior where there is none."""
    if rows is None:
        rng, model = np.random.default_rng(seed), whole.model
        z = np.array([model.prior.sample(rng, model.latent_dim) for _ in range(count)])
        return Points(z.reshape(count, model.latent_dim), np.arange(count), None)
    chosen = spread(len(rows), count)
    return Points(latents_of(whole, rows, chosen, encode, progress), chosen, rows)


def check_data(data: Any, decoder: Decoder, observation: Observation | None = None) -> Any:
    """The data as rows (n, ...); RequestError where one row is not an output of the decoder."""
    rows = data if hasattr(data, "shape") else _collected(data)
    rows = one_hot(rows, observation, decoder.size)
    shape = tuple(rows.shape)
    if len(shape) < 2 or int(np.prod(shape[1:])) != decoder.size:
        raise RequestError(
            f"data: expected shape (n, {', '.join(map(str, decoder.shape))}) or (n, {decoder.size}), got {shape}"
        )
    if shape[0] == 0:
        raise RequestError("data: expected at least one point, got none")
    # Axes of length one, and the axes of an image for a decoder of vectors, do not change the order of the values.
    alike = [tuple(size for size in axes if size != 1) for axes in (shape[1:], decoder.shape)]
    if len(shape) > 2 and alike[0] != alike[1] and len(decoder.shape) > 1:
        raise RequestError(f"data: expected points of shape {decoder.shape}, got {shape[1:]}")
    kind = np.asarray(rows[:1]).dtype
    if observation is None and not np.issubdtype(kind, np.floating):
        raise RequestError(f"data: expected floating values on the decoder's scale, got {kind} (divide by 255?)")
    if not (np.issubdtype(kind, np.number) or np.issubdtype(kind, np.bool_)) or np.issubdtype(kind, np.complexfloating):
        raise RequestError(f"data: expected numbers, got {kind}")
    return rows


def prior_deviation(model: LatentModel) -> Float[np.ndarray, " d"]:
    """Standard deviation of each latent under the prior: exact for normal priors, from 20 000 draws for others."""
    d, prior = model.latent_dim, model.prior
    if isinstance(prior, Normal):
        return np.broadcast_to(np.asarray(prior.scale, dtype=float), (d,)).copy()
    if isinstance(prior, CorrelatedNormal):
        return np.sqrt(np.diagonal(np.asarray(prior.covariance)))
    rng = np.random.default_rng(0)
    return np.std([prior.sample(rng, d) for _ in range(_PRIOR_DRAWS)], axis=0)


def _collected(data: Any) -> np.ndarray:
    """An array of a list of points, or of the batches of a loader (of pairs the first)."""
    if isinstance(data, list | tuple):
        try:
            return np.asarray(data)
        except ValueError:
            raise RequestError("data: expected points of one shape, got rows of several lengths") from None
    try:
        batches = [np.asarray(part[0] if isinstance(part, list | tuple) else part) for part in data]
        return np.concatenate(batches)
    except Exception as error:
        raise RequestError(f"data: expected an array, or batches of one, got {type(data).__name__}") from error


@eqx.filter_jit
def _nearest(model: LatentModel, data: Float[Array, "n D"]) -> Float[Array, "n d"]:
    def at(x: Array) -> Array:
        found = search_starts(model, x)
        if model.observation is not None:
            modes = find_modes(model, x, found)
            best = jnp.argmax(jnp.where(modes.converged, modes.exponent, -jnp.inf))
            return modes.point[best]
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
    """The encoder's mean, argmin |f(z) - x| in the noise's metric, or for observations the posterior's mode.

    At each row, a chunk of the data at a time. RequestError where a row is outside the support of the observation.
    """
    parts, chunk = [], _ENCODE_CHUNK if encode else _SEARCH_CHUNK
    for first in range(0, len(indices), chunk):
        part = rows_at(rows, indices[first : first + chunk])
        check_support(whole.model.observation, part, indices[first : first + chunk])
        if encode:
            parts.append(encode(part).mean)
        else:
            filled = np.concatenate([part, np.repeat(part[-1:], chunk - len(part), axis=0)])
            reduced, _ = jax.vmap(whole.data)(jnp.asarray(filled))
            parts.append(np.asarray(_nearest(whole.model, reduced))[: len(part)])
        progress(first + len(part), len(indices), "encoder's means" if encode else "preimages of the data")
    return np.concatenate(parts)
