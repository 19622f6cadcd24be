"""The model to audit, of a decoder with its latents, likelihood and prior, or of a `LatentModel`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ...errors import RequestError
from ...numerics.model import LatentModel
from ...numerics.noise import StateNoise
from ...numerics.priors import Prior
from ...numerics.seed import SEED
from .decoder import Decoder, as_decoder
from .noise import DECODED, noise_for, variances_at
from .observation import as_observation, check_parameters, name_of, pair_of
from .outputs import choosing

_PROBES = 16


def as_model(
    model: Any,
    latent_dim: int | None = None,
    noise_var: Any = None,
    prior: Prior | None = None,
    observation: Any = None,
    output: tuple[str, ...] = (),
    inputs: Mapping[str, Any] | None = None,
) -> tuple[LatentModel, Decoder]:
    """A LatentModel whose decoder is a `Decoder`, its shape that of the data. RequestError where parts do not fit."""
    if isinstance(model, LatentModel):
        if (latent_dim, noise_var, prior, observation) != (None, None, None, None):
            raise RequestError(
                "audit: expected latent_dim, noise_var, prior and observation within the LatentModel, got both"
            )
        return _checked(model)
    if latent_dim is None:
        raise RequestError("latent_dim: expected the number of latents, got none")
    if not (prior is None or isinstance(prior, Prior)):
        raise RequestError(f"prior: expected an elbogap.numerics.Prior, got {type(prior).__name__}")
    likelihood = as_observation(observation)
    if likelihood is not None and noise_var is not None:
        raise RequestError(f"noise_var: expected none for the observation {name_of(likelihood)}, got {noise_var!r:.40}")
    variance = isinstance(noise_var, str)
    if variance and noise_var not in DECODED:
        raise RequestError(f"noise_var: expected variances, or one of {', '.join(DECODED)}, got {noise_var!r}")
    pair = f"mean and {noise_var}" if variance else pair_of(likelihood)
    probes = _probes(latent_dim, prior)
    decoder = as_decoder(choosing(model, output, pair, inputs), latent_dim, prior)
    if variance:
        noise_var = StateNoise(1.0, _Variance(decoder, noise_var))
    if likelihood is not None:
        check_parameters(likelihood, decoder, probes)
    shaped = decoder
    if pair is not None:
        shaped = _shaped(decoder, _Mean(decoder) if variance else decoder.function, decoder.shape[:-1])
    noise = noise_for(noise_var, shaped.size, probes)
    try:
        return LatentModel(shaped, latent_dim, prior=prior, noise_var=noise, observation=likelihood), shaped
    except (ValueError, TypeError) as error:
        raise RequestError(" ".join(str(error).split())) from error


def _checked(model: LatentModel) -> tuple[LatentModel, Decoder]:
    decoder = as_decoder(model.decoder, model.latent_dim, model.prior)
    probes = _probes(model.latent_dim, model.prior)
    if model.observation is not None:
        check_parameters(model.observation, decoder, probes)
    elif isinstance(model.noise, StateNoise):
        variances_at(model.noise, probes, decoder.size)
    if pair_of(model.observation) is not None:
        decoder = _shaped(decoder, decoder.function, (decoder.size // 2,))
    return eqx.tree_at(lambda m: m.decoder, model, decoder), decoder


class _Mean(eqx.Module):
    """The first of a pair of outputs."""

    pair: Decoder

    def __call__(self, z: Float[Array | np.ndarray, " d"]) -> Float[Array, " D"]:
        return self.pair(z).reshape(-1, 2)[:, 0]


class _Variance(eqx.Module):
    """The variance that the second of a pair of outputs stands for."""

    pair: Decoder
    kind: str = eqx.field(static=True)

    def __call__(self, z: Float[Array | np.ndarray, " d"]) -> Float[Array, " D"]:
        return DECODED[self.kind](self.pair(z).reshape(-1, 2)[:, 1])


def _shaped(decoder: Decoder, function: Callable, shape: tuple[int, ...]) -> Decoder:
    """A decoder of pairs with the shape of the data that it stands for."""
    return Decoder(function, shape, decoder.origin, decoder.resolution, decoder.derivatives)


def _probes(latent_dim: int, prior: Prior | None) -> np.ndarray:
    points = np.random.default_rng(SEED).standard_normal((_PROBES, latent_dim))
    return points if prior is None else np.array([prior.push(point) for point in points])
