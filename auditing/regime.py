"""The near-deterministic regime: below which noise variance the gap is the contrast, and what that variance is called.

At points x = f(g): with D = mean over the points of abs(gap - contrast) and the tolerance tol = max(relative x mean
contrast, absolute), the expansion D = eps mean abs(a1) + O(eps^2) (claim `elbo-limit`) predicts the threshold eps* =
tol / mean abs(a1). The gap is then measured at eps*; while D exceeds tol there, eps* is halved. Both values are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..numerics.contrast import contrast_of_jacobian
from ..numerics.measurement import distinct_modes, measure, random_for
from ..numerics.model import LatentModel
from ..numerics.noise import DiagonalNoise, FullNoise, Noise, ScalarNoise, StateNoise
from .account import Account
from .geometry import columns_at

RELATIVE, ABSOLUTE = 0.05, 0.01  # of the contrast, in nats
_MOST_POINTS, _MOST_HALVINGS, _LARGEST, _SEED = 16, 8, 10.0, 20220602


class Check(NamedTuple):
    """Measured at a noise variance: mean abs(gap - contrast) and the mean error of the gap (four standard errors)."""

    noise_var: float
    deviation: float
    error: float


class Regime(NamedTuple):
    """Down to which noise variance the gap is the contrast, and how that was found.

    Tolerance in nats, the threshold that a1 predicts, the one that measurement confirms (None: none down to
    predicted / 2^8), the checks made, and how many points they use.
    """

    tolerance: float
    predicted: float
    threshold: float | None
    checks: tuple[Check, ...]
    points: int


def regime(
    model: LatentModel,
    account: Account,
    *,
    pairs: int,
    search: bool = True,
    relative: float = RELATIVE,
    absolute: float = ABSOLUTE,
    notify: Callable[[int, int], None] = lambda done, total: None,
) -> Regime | None:
    """The regime from the entries whose a1 is known; None where there is none."""
    entries = [entry for entry in account.entries if np.isfinite(entry.a1)][:_MOST_POINTS]
    if not entries:
        return None
    preimages = np.array([entry.preimage for entry in entries])
    columns = np.asarray(columns_at(model, jnp.asarray(preimages)))
    contrasts = np.asarray(contrast_of_jacobian(np.swapaxes(columns, 1, 2)))
    tolerance = max(relative * float(np.mean(contrasts)), absolute)
    slope = float(np.mean([abs(entry.a1) for entry in entries]))
    predicted = min(_LARGEST, tolerance / slope) if slope > 0 else _LARGEST
    rng = np.random.default_rng(_SEED)
    checks, noise_var = [], predicted
    for halving in range(_MOST_HALVINGS + 1):
        scaled = with_scale(model, noise_var)
        deviations, errors = [], []
        for preimage, contrast in zip(preimages, contrasts, strict=True):
            x = scaled.decoder(jnp.asarray(preimage))
            modes = distinct_modes(scaled, x, jnp.asarray(preimage)[None], search=search)
            if modes is None:
                continue
            # Where the account had an encoder, its program is used again: any encoder will do.
            unused = None if entries[0].encoder_mean is None else (modes.point[0], jnp.ones(model.latent_dim))
            found = measure(scaled, x, modes, unused, random_for(rng, pairs, model.latent_dim))
            deviations.append(abs(float(found.gap) - contrast) if bool(found.converged) else np.inf)
            errors.append(float(found.gap_error))
        notify(halving + 1, _MOST_HALVINGS + 1)
        if deviations:
            checks.append(Check(noise_var, float(np.mean(deviations)), float(np.mean(errors))))
            if checks[-1].deviation <= tolerance:
                return Regime(tolerance, predicted, noise_var, tuple(checks), len(entries))
        noise_var /= 2
    return Regime(tolerance, predicted, None, tuple(checks), len(entries))


def with_scale(model: LatentModel, noise_var: float) -> LatentModel:
    """The model with another scale eps of its noise and the same shape S."""
    noise = model.noise
    changed: Noise
    if isinstance(noise, DiagonalNoise | FullNoise):
        changed = type(noise)(noise_var, noise.shape)
    elif isinstance(noise, StateNoise):
        changed = StateNoise(noise_var, noise.fn)
    else:
        changed = ScalarNoise(noise_var)
    return model.with_noise(changed)


def translation(noise_var: float, size: int) -> dict[str, float]:
    """The same noise variance in other people's units; D = size outputs, r = x - f(z).

    Each loss below has the gradient of -ELBO up to a factor. Beta-VAE of noise variance v: beta = eps / v (claim
    `beta-vae`).
    """
    return {
        "eps": noise_var,
        "gamma_squared": 1 / noise_var,
        "standard_deviation": noise_var**0.5,
        "weight_of_summed_squared_error": 1 / (2 * noise_var),
        "weight_of_mean_squared_error": size / (2 * noise_var),
        "beta_with_half_summed_squared_error": noise_var,
        "beta_with_summed_squared_error": 2 * noise_var,
        "beta_with_mean_squared_error": 2 * noise_var / size,
    }


TRANSLATIONS = {
    "eps": ("noise variance eps", "x | z ~ N(f(z), eps I)"),
    "gamma_squared": ("precision gamma^2", "gamma^2 = 1/eps"),
    "standard_deviation": ("standard deviation", "sqrt(eps)"),
    "weight_of_summed_squared_error": ("weight w, summed", "loss = w sum r^2 + KL"),
    "weight_of_mean_squared_error": ("weight w, averaged", "loss = w mean r^2 + KL"),
    "beta_with_half_summed_squared_error": (
        "beta, 1/2 summed",
        "loss = 1/2 sum r^2 + beta KL (beta-VAE, unit variance)",
    ),
    "beta_with_summed_squared_error": ("beta, summed", "loss = sum r^2 + beta KL"),
    "beta_with_mean_squared_error": ("beta, averaged", "loss = mean r^2 + beta KL"),
}
"""Name and formula of every unit of `translation`."""
