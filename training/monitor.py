"""What the progress shows besides the ELBO: MCC and contrast of the runs so far, at a few held-out points."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..numerics.contrast import contrast_of_jacobian
from .metrics import mcc
from .models import DTYPE, VAE

_POINTS = 256


def monitor(
    held_out: Float[np.ndarray, "M m D"],
    sources: Float[np.ndarray, "M m d"],
    which: Sequence[int],
    log_noise_var: Float[Array, "R"],
) -> Callable[[VAE], dict[str, float]]:
    """A function of the stacked runs: medians over runs of the MCC of the means and of the contrast per point."""
    points, rows = jnp.asarray(held_out[:, :_POINTS], DTYPE), jnp.asarray(which, jnp.int32)

    def measure(vaes: VAE) -> dict[str, float]:
        latents, contrast = _latents(vaes, points, rows, log_noise_var)
        pairs = zip(which, np.asarray(latents), strict=True)
        found = [mcc(sources[k, :_POINTS], latent) for k, latent in pairs]
        return {"MCC": float(np.median(found)), "contrast": float(np.median(np.asarray(contrast)))}

    return measure


@eqx.filter_jit
def _latents(vaes: VAE, points: Array, which: Int[Array, "R"], log_noise_var: Array) -> tuple[Array, Array]:
    """z = link(mean) at the points of each run, and the mean contrast of its decoder there."""
    arrays, static = eqx.partition(vaes, eqx.is_array)

    def of_run(run: tuple[VAE, Array, Array]) -> tuple[Array, Array]:
        vae = eqx.combine(run[0], static)
        latent = jax.vmap(lambda x: vae.link(vae.encoder(x, run[2])[0]))(points[run[1]])
        return latent, jnp.mean(contrast_of_jacobian(jax.vmap(jax.jacfwd(vae.decoder))(latent)))

    return jax.lax.map(of_run, (arrays, which, log_noise_var))
