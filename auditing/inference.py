"""What users of variational inference ask of an audit beside the gap: weights, the entropies of the ELBO, collapse.

Weights: see `weights`; here their summary over the points.

Entropies (claim `entropy-sums`). Where the average ELBO is stationary in the noise variance and in the latents' scales,
mean(mu_k^2 + sigma_k^2) = 1 for every k, and it is -D/2 log(2 pi e eps) + 1/2 sum_k mean log sigma_k^2.

Collapse (claim `posterior-collapse`). A latent of a linear decoder lives while the noise variance is below an
eigenvalue of the data's covariance; at and above the largest the collapsed solution is a local maximum for any decoder.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.model import LatentModel
from ..numerics.priors import Normal
from .account import Account, Weights
from .points import Points, rows_at

_MOST_ROWS = 512  # of the data whose covariance is taken: a matrix of their products is decomposed


def weights_summary(account: Account) -> dict[str, float | None] | None:
    """Medians over the account's points; the largest k of the given encoder, too. None where there are no weights."""
    found = [entry.weights for entry in account.entries if entry.weights is not None]
    if not found:
        return None
    columns = {name: np.array([getattr(one, name) for one in found], dtype=float) for name in Weights._fields}
    medians = {name: float(np.nanmedian(c)) if np.any(np.isfinite(c)) else None for name, c in columns.items()}
    given = columns["given_shape"]
    return medians | {"largest_given_shape": float(np.nanmax(given)) if np.any(np.isfinite(given)) else None}


class Entropies(NamedTuple):
    """The sum of entropies, the mean ELBO measured, and mean(mu_k^2 + sigma_k^2) of every latent."""

    entropy_sum: float
    elbo: float
    second_moments: Float[np.ndarray, " d"]


def entropies(model: LatentModel, account: Account | None, size: int) -> Entropies | None:
    """At the account's points with the given encoder; None without one, or where noise or prior are of another kind."""
    gaussian = model.observation is None and not model.noise.depends_on_state and isinstance(model.prior, Normal)
    entries = () if account is None or not gaussian else account.entries
    if not entries or entries[0].encoder_mean is None:
        return None
    mean, std = (np.array([getattr(entry, f"encoder_{name}") for entry in entries]) for name in ("mean", "std"))
    loc, scale = np.asarray(model.prior.loc), np.asarray(model.prior.scale)  # type: ignore[attr-defined]
    log_det = float(model.noise.log_det(jnp.zeros(model.latent_dim), size))
    noise = -0.5 * (size * (1 + np.log(2 * np.pi * float(model.eps))) + log_det)
    total = float(noise + np.sum(np.mean(np.log(std / scale), axis=0)))
    measured = float(np.mean([entry.log_likelihood - entry.total for entry in entries]))
    return Entropies(total, measured, np.mean(((mean - loc) ** 2 + std**2) / scale**2, axis=0))


class Collapse(NamedTuple):
    """The largest eigenvalue of the data's covariance, how many exceed eps, and the rows that they are of."""

    largest: float
    above: int
    rows: int


def collapse(model: LatentModel, points: Points, latents: int) -> Collapse | None:
    """For Gaussian noise of one variance, over at most 512 rows of the data; None without data."""
    if points.rows is None or model.observation is not None or model.noise.depends_on_state:
        return None
    step = max(1, len(points.indices) // _MOST_ROWS)
    rows = rows_at(points.rows, points.indices[::step])
    if len(rows) < 2:
        return None
    white = np.asarray(jax.vmap(lambda row: model.noise.whiten(row, jnp.zeros(model.latent_dim)))(jnp.asarray(rows)))
    centred = white - white.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)[: max(1, latents)] ** 2 / (len(rows) - 1)
    return Collapse(float(values[0]), int(np.sum(values > float(model.eps))), len(rows))
