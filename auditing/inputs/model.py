"""The model to audit, of a decoder with its latents, noise and prior, or of a `LatentModel`."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from ...errors import RequestError
from ...numerics.model import LatentModel
from ...numerics.noise import StateNoise
from ...numerics.priors import Prior
from ...numerics.seed import SEED
from .decoder import Decoder, as_decoder
from .noise import noise_for, variances_at

_PROBES = 16


def as_model(
    model: Any, latent_dim: int | None = None, noise_var: Any = None, prior: Prior | None = None
) -> tuple[LatentModel, Decoder]:
    """A LatentModel whose decoder is a `Decoder`. RequestError where the parts do not fit."""
    if isinstance(model, LatentModel):
        if (latent_dim, noise_var, prior) != (None, None, None):
            raise RequestError("audit: expected latent_dim, noise_var and prior within the LatentModel, got both")
        if model.observation is not None:
            raise RequestError(f"audit: expected Gaussian noise, got {type(model.observation).__name__} observations")
        decoder = as_decoder(model.decoder, model.latent_dim, model.prior)
        if isinstance(model.noise, StateNoise):
            variances_at(model.noise, _probes(model.latent_dim, model.prior), decoder.size)
        return eqx.tree_at(lambda m: m.decoder, model, decoder), decoder
    if latent_dim is None:
        raise RequestError("latent_dim: expected the number of latents, got none")
    if not (prior is None or isinstance(prior, Prior)):
        raise RequestError(f"prior: expected an elbogap.numerics.Prior, got {type(prior).__name__}")
    decoder = as_decoder(model, latent_dim, prior)
    noise = noise_for(noise_var, decoder.size, _probes(latent_dim, prior))
    try:
        return LatentModel(decoder, latent_dim, prior=prior, noise_var=noise), decoder
    except (ValueError, TypeError) as error:
        raise RequestError(" ".join(str(error).split())) from error


def _probes(latent_dim: int, prior: Prior | None) -> np.ndarray:
    points = np.random.default_rng(SEED).standard_normal((_PROBES, latent_dim))
    return points if prior is None else np.array([prior.push(point) for point in points])
