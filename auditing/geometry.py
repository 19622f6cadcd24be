"""The geometry of a decoder at many points: contrast, correlation of columns, their lengths, rotations of pairs.

Notation: J (D, d) the Jacobian at z in the noise's metric (rows divided by the root of S, covariance eps S: claim
`anisotropic-noise`; for other observations R J with R'R the Fisher information of one repetition, eps = 1/n: claim
`exponential-family`), A = J'J, s_k = 1/A_kk. Columns are held as rows, (n, d, D). The prior's standard deviations w_k
scale the finite-noise contrast

    c_eps = 1/2 [ sum_k log(1 + w_k^2 A_kk/eps) - log det(I + W A W/eps) ],   W = diag(w),

which is the exact gap of the linearised model with a Gaussian prior (claim `linear-vae`) and stays finite where a
column vanishes.

Points go through in chunks: memory depends on the chunk, not on how many points there are; what is kept of a point are
O(d) numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.chunks import contrasts_of_chunk
from ..numerics.model import LatentModel

CHUNK_BYTES, CHUNK_POINTS = 2**25, 256  # of Jacobians at once, and points at most
METRIC_ENTRIES = 2**21  # of metrics kept for rotations: at most 16 MiB, of points spread evenly
ENTANGLED = 0.2  # mean absolute column correlation above which a pair is named
INACTIVE = 0.5  # a latent is inactive where eps s_k exceeds this share of its prior variance, in the median
COLLAPSED = 1 / 3  # the same for a direction, of 1 / (1 + 1 / share): its mean posterior variance relative to the prior
_ALONG_AXES = 0.9  # share of a direction's square that may lie on inactive latents before it is these, not a direction


class Chunk(NamedTuple):
    """What is computed at n points."""

    contrast: Float[Array, " n"]
    finite_noise: Float[Array, " n"]
    norms: Float[Array, "n d"]
    correlation: Float[Array, "n d d"]
    metric: Float[Array, "n d d"]
    posterior: Float[Array, "n d d"]


class Geometry(NamedTuple):
    """The geometry over N points.

    contrast (N,): nan where a column is zero, inf where columns are dependent; finite_noise (N,): always finite; norms
    (N, d): lengths |J_k| in the noise's metric; correlation (d, d): mean |cos| over the points where both columns are
    not zero; metric (n, d, d): I + W A W/eps at some of the points, for rotations; posterior (d, d): the mean of its
    inverse, the posterior covariance of the linearised model in units of the prior; points (N, d). latents: those that
    the contrast is over, all unless some are inactive; over_all (N,): the contrast over all.
    """

    points: Float[np.ndarray, "N d"]
    contrast: Float[np.ndarray, " N"]
    finite_noise: Float[np.ndarray, " N"]
    norms: Float[np.ndarray, "N d"]
    correlation: Float[np.ndarray, "d d"]
    metric: Float[np.ndarray, "n d d"]
    posterior: Float[np.ndarray, "d d"]
    latents: np.ndarray
    over_all: Float[np.ndarray, " N"]


@eqx.filter_jit
def columns_at(model: LatentModel, points: Float[Array, "n d"]) -> Float[Array, "n d D"]:
    """Columns of the whitened Jacobian at each point, by forward mode."""
    basis = jnp.eye(model.latent_dim)

    def at(z: Array) -> Array:
        columns = jax.vmap(lambda e: jax.jvp(model.decoder, (z,), (e,))[1])(basis)
        return jax.vmap(lambda column: model.whiten(column, z))(columns)

    return jax.vmap(at)(points)


@eqx.filter_jit
def chunk_geometry(model: LatentModel, points: Float[Array, "n d"], prior_std: Float[Array, " d"]) -> Chunk:
    """The geometry of one chunk."""
    columns = columns_at(model, points)
    contrast, _ = contrasts_of_chunk(columns)
    scaled = columns * (prior_std / jnp.sqrt(model.eps))[None, :, None]
    identity = jnp.broadcast_to(jnp.eye(model.latent_dim), (len(points), model.latent_dim, model.latent_dim))
    finite_noise, _ = contrasts_of_chunk(jnp.concatenate([scaled, identity], axis=2))
    gram = jnp.einsum("nkx,nlx->nkl", columns, columns)
    norms = jnp.sqrt(jnp.diagonal(gram, axis1=1, axis2=2))
    correlation = jnp.abs(gram) / (norms[:, :, None] * norms[:, None, :])
    metric = gram * jnp.outer(prior_std, prior_std)[None] / model.eps + identity[:1]
    posterior = jax.vmap(lambda matrix: jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(matrix), True), identity[0]))(
        metric
    )
    return Chunk(contrast, finite_noise, norms, correlation, metric, posterior)


def geometry(
    model: LatentModel,
    points: Float[np.ndarray, "N d"],
    prior_std: Float[np.ndarray, " d"],
    *,
    notify: Callable[[int, int], None] = lambda done, total: None,
    chunk: int | None = None,
) -> tuple[Geometry, bool]:
    """The geometry at `points`, and whether all of them were done (False after Ctrl-C, which keeps the others)."""
    d = model.latent_dim
    size = jax.eval_shape(model.decoder, jax.ShapeDtypeStruct((d,), float)).shape[0]
    chunk = chunk or max(1, min(CHUNK_POINTS, len(points), CHUNK_BYTES // (8 * d * size)))
    correlation, counts, posterior = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    kept = np.zeros(len(points), bool)
    kept[spread(len(points), max(1, METRIC_ENTRIES // d**2))] = True
    parts, metrics, done = [], [], 0
    try:
        for part, used in _chunks(points, chunk):
            found = jax.device_get(chunk_geometry(model, jnp.asarray(part), jnp.asarray(prior_std)))
            present = np.isfinite(found.correlation[:used])
            correlation += np.sum(np.where(present, found.correlation[:used], 0.0), axis=0)
            counts += np.sum(present, axis=0)
            posterior += np.sum(found.posterior[:used], axis=0)
            metrics.append(found.metric[:used][kept[done : done + used]])
            parts.append((found.contrast[:used], found.finite_noise[:used], found.norms[:used]))
            done += used
            notify(done, len(points))
    except KeyboardInterrupt:
        if not parts:
            raise
    with np.errstate(invalid="ignore"):
        mean = correlation / counts
    contrast, finite_noise, norms = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept_metrics = np.concatenate(metrics)
    over = posterior / done, np.arange(d), contrast
    return Geometry(points[:done], contrast, finite_noise, norms, mean, kept_metrics, *over), done == len(points)


@eqx.filter_jit
def _contrast_over(model: LatentModel, points: Float[Array, "n d"], latents: Array) -> Float[Array, " n"]:
    return contrasts_of_chunk(columns_at(model, points)[:, latents])[0]


def over_active(model: LatentModel, found: Geometry, latents: np.ndarray, chunk: int | None = None) -> Geometry:
    """The geometry with the contrast over these latents alone."""
    size = jax.eval_shape(model.decoder, jax.ShapeDtypeStruct((model.latent_dim,), float)).shape[0]
    chunk = chunk or max(1, min(CHUNK_POINTS, len(found.points), CHUNK_BYTES // (8 * model.latent_dim * size)))
    parts = [
        np.asarray(_contrast_over(model, jnp.asarray(part), jnp.asarray(latents)))[:used]
        for part, used in _chunks(found.points, chunk)
    ]
    return found._replace(contrast=np.concatenate(parts), latents=latents)


def spread(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` indices, spread evenly over range(count)."""
    if wanted == 0:
        return np.zeros(0, int)
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int))


def _chunks(points: np.ndarray, chunk: int) -> Iterator[tuple[np.ndarray, int]]:
    """Chunks of equal size, the last one filled up with its last point; and how many of each count."""
    for first in range(0, len(points), chunk):
        part = points[first : first + chunk]
        yield np.concatenate([part, np.repeat(part[-1:], chunk - len(part), axis=0)]), len(part)


def entangled_pairs(found: Geometry, inactive: list[int], threshold: float = ENTANGLED) -> list[tuple[int, int, float]]:
    """Pairs (k, l, mean |cos|) above the threshold, the largest first; inactive latents, all noise, do not count."""
    d = len(found.correlation)
    pairs = [(k, other, float(found.correlation[k, other])) for k in range(d) for other in range(k + 1, d)]
    kept = [pair for pair in pairs if pair[2] > threshold and not {pair[0], pair[1]} & set(inactive)]
    return sorted(kept, key=lambda pair: -pair[2])


def posterior_share(found: Geometry, noise_var: float, prior_std: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Median over the points of eps s_k divided by the prior variance; inf for a column that is zero."""
    with np.errstate(divide="ignore"):
        return np.median(noise_var / found.norms**2, axis=0) / prior_std**2


def inactive_latents(share: Float[np.ndarray, " d"]) -> list[int]:
    """Latents whose eps s_k exceeds half the prior variance in the median."""
    return [int(k) for k in np.flatnonzero(share > INACTIVE)]


def collapsed_directions(found: Geometry, inactive: list[int]) -> list[tuple[Float[np.ndarray, " d"], float]]:
    """Directions that are no axis and whose posterior is nearly the prior: unit vectors in its units, and variances.

    The eigenvectors of the mean posterior covariance above 1/3, less those that lie on inactive latents.
    """
    if not np.all(np.isfinite(found.posterior)):
        return []
    values, vectors = np.linalg.eigh(found.posterior)
    directions = []
    for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
        on_axes = float(np.sum(vector[inactive] ** 2)) if inactive else 0.0
        if value > COLLAPSED and on_axes < _ALONG_AXES and np.max(vector**2) < _ALONG_AXES:
            directions.append((vector * np.sign(vector[np.argmax(np.abs(vector))]), float(value)))
    return directions
