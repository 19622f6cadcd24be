"""A decoder on the unit cube as one on R^d: f o sigmoid.

So a uniform prior with a logit-normal encoder is a logistic prior with a Gaussian one (claim `priors`).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from ...numerics.seed import SEED
from .decoder import Decoder, decoder_at


class _OfSigmoid(eqx.Module):
    decoder: Decoder

    def __call__(self, y: Float[Array, " d"]) -> Float[Array, " D"]:
        return self.decoder(jax.nn.sigmoid(y))


def on_unit_cube(decoder: Any, latent_dim: int) -> Decoder:
    """y -> f(sigmoid(y)) for a decoder that takes z in (0, 1)^d, where it is tried; its shape is kept."""
    given = decoder_at(decoder, np.random.default_rng(SEED).uniform(0.2, 0.8, (3, latent_dim)))
    return Decoder(_OfSigmoid(given), given.shape, given.origin, given.resolution, given.derivatives)
