"""The model of the active latents alone, where the others are nearly their prior given x.

A latent whose eps s_k exceeds half its prior variance hardly moves the output: with it held at the centre of the prior,
what is left is a model of the others with the same likelihood to first order (exactly, where its column is zero). An
expansion in eps, contrast, entanglement, rotations and the regime mean something for these; evidence, best encoder and
gap are those of the whole model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.model import LatentModel
from ..numerics.noise import StateNoise
from ..numerics.precision import EPS64
from ..numerics.priors import Laplace, Logistic, Normal, Prior, StudentT, UniformLogitNormal

_PRODUCTS = (Normal, Logistic, Laplace, StudentT, UniformLogitNormal)


class Active(NamedTuple):
    """The active latents (a,) of d, and the model of these alone."""

    latents: np.ndarray
    model: LatentModel

    def among(self, part: Float[np.ndarray, " a"], rest: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """A vector of all latents: `part` for the active, `rest` for the others."""
        whole = np.array(rest, dtype=float)
        whole[self.latents] = part
        return whole


class _Among(eqx.Module):
    """A function of all latents as one of the active latents, the others at the centre."""

    function: Any
    centre: Float[Array, " d"]
    latents: tuple[int, ...] = eqx.field(static=True)
    resolution: float = eqx.field(static=True)

    def __call__(self, z: Float[Array | np.ndarray, " a"]) -> Array:
        return self.function(self.centre.at[jnp.asarray(self.latents)].set(z))


def active_part(model: LatentModel, inactive: list[int]) -> Active | None:
    """The model without its inactive latents; None where there are none, or only such, or the prior is no product."""
    d = model.latent_dim
    latents = [k for k in range(d) if k not in inactive]
    if not inactive or not latents or not isinstance(model.prior, _PRODUCTS):
        return None

    def of(function: Any) -> _Among:
        resolution = float(getattr(function, "resolution", EPS64))
        return _Among(function, model.prior.push(jnp.zeros(d)), tuple(latents), resolution)

    noise = model.noise
    if isinstance(noise, StateNoise):
        noise = StateNoise(noise.scale, of(noise.fn))
    part = LatentModel(
        of(model.decoder),
        len(latents),
        prior=_restricted(model.prior, latents),
        noise_var=noise,
        observation=model.observation,
    )
    return Active(np.array(latents), part)


def _restricted(prior: Prior, latents: list[int]) -> Prior:
    """A product prior over some of its coordinates."""
    return jax.tree.map(lambda leaf: leaf if jnp.ndim(leaf) == 0 else leaf[jnp.asarray(latents)], prior)
