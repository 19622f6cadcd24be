"""What is measured on a VAE trained on sprites: recovery of the factors, contrasts, and traversals to look at.

Notation as in `renderer`: u (m, 4) the factors, z (m, 4) the latents at the posterior means. A *traversal* moves one
latent from .05 to .95 with the others at 1/2, in the direction in which its factor grows; the row of a factor is that
of the latent that the MCC matches with it.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ...numerics.contrast import contrast_of_jacobian
from ..metrics import correlations, matching, mcc
from ..models import DTYPE, VAE
from .data import Sprites
from .renderer import FACTORS, SIZE

STEPS_SHOWN = 9
_CHUNK = 100  # Jacobians held at once: 5 MB for images


def latents(
    vaes: VAE, points: Float[np.ndarray, "m k"], log_noise_var: Float[Array, "R"]
) -> Float[np.ndarray, "R m 4"]:
    """z of R stacked runs at points that all share."""
    return np.asarray(_encode(vaes, jnp.asarray(points, DTYPE), log_noise_var), float)


def measure(vae: VAE, data: Sprites, log_noise_var: Float[Array, ""], seed: int) -> dict[str, float]:
    """The columns of one run.

    The mean Jacobian is taken over all held-out points, a multiple of 100 of them: its
    contrast carries a sampling error of order 1/m.
    """
    points = jnp.asarray(data.held_out, DTYPE)
    found = _statistics(vae, points, log_noise_var, jax.random.key(seed + 1))
    latent, sample, error, contrast, mean_jacobian = (np.asarray(part, float) for part in found)
    signed = _signed(data, latent)[1]
    row = {
        "mcc_mean": mcc(data.sources, latent),
        "mcc_sample": mcc(data.sources, sample),
        "mcc_mean_spearman": mcc(data.sources, latent, rank=True),
        "mcc_shuffled": mcc(np.roll(data.sources, 1, axis=0), latent),
        "contrast_point": float(contrast.mean()),
        "contrast_point_95": float(np.quantile(contrast, 0.95)),
        "contrast_mean_jacobian": float(contrast_of_jacobian(mean_jacobian)),
        "reconstruction": float(error),
    }
    return row | {f"correlation_{name}": float(abs(value)) for name, value in zip(FACTORS, signed, strict=True)}


def traversals(vae: VAE, data: Sprites, log_noise_var: Float[Array, ""]) -> UInt8[np.ndarray, "4 9 32 32 3"]:
    """The images of the four traversals, as bytes."""
    latent = np.asarray(_encode_one(vae, jnp.asarray(data.held_out[:2000], DTYPE), log_noise_var), float)
    order, signed = _signed(data, latent)
    lines = np.full((len(FACTORS), STEPS_SHOWN, len(FACTORS)), 0.5)
    for factor, (column, sign) in enumerate(zip(order, signed, strict=True)):
        lines[factor, :, column] = np.linspace(0.05, 0.95, STEPS_SHOWN)[:: 1 if sign > 0 else -1]
    outputs = jax.vmap(vae.decoder)(jnp.asarray(lines.reshape(-1, len(FACTORS)), DTYPE))
    images = np.round(255 * np.clip(data.to_images(np.asarray(outputs)), 0, 1)).astype(np.uint8)
    return images.reshape(*lines.shape[:2], SIZE, SIZE, 3)


def _signed(data: Sprites, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The latent matched with each factor, and their correlation."""
    sources = data.sources[: len(latent)]
    _, order = matching(sources, latent)
    return order, correlations(sources, latent)[np.arange(len(FACTORS)), order]


def _encode_one(vae: VAE, points: Array, log_noise_var: Array) -> Array:
    return jax.vmap(lambda x: vae.link(vae.encoder(x, log_noise_var)[0]))(points)


@eqx.filter_jit
def _encode(vaes: VAE, points: Array, log_noise_var: Array) -> Array:
    return eqx.filter_vmap(lambda vae, log_eps: _encode_one(vae, points, log_eps))(vaes, log_noise_var)


@eqx.filter_jit
def _statistics(vae: VAE, points: Array, log_noise_var: Array, key: Array) -> tuple[Any, ...]:
    """Latents at the mean and of a sample, the squared error, each point's contrast, and the mean Jacobian."""
    mean, log_std = jax.vmap(lambda x: vae.encoder(x, log_noise_var))(points)
    latent = jax.vmap(vae.link)(mean)
    sample = jax.vmap(vae.link)(mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape, mean.dtype))

    def of_chunk(part: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        x, z = part
        jacobians = jax.vmap(jax.jacfwd(vae.decoder))(z)
        error = jnp.sum((x - jax.vmap(vae.decoder)(z)) ** 2, axis=1)
        return error, contrast_of_jacobian(jacobians), jacobians.mean(axis=0)

    chunks = (points.reshape(-1, _CHUNK, points.shape[1]), latent.reshape(-1, _CHUNK, latent.shape[1]))
    error, contrast, jacobian = jax.lax.map(of_chunk, chunks)
    return latent, sample, error.mean(), contrast.reshape(-1), jacobian.mean(axis=0)
