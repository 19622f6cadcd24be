"""The near-deterministic regime: below which noise variance the gap is the contrast, and what that variance is called.

With D the mean over points of abs(gap - contrast) and the tolerance tol = max(relative x mean contrast, absolute), the
expansion D = eps mean abs(a1) + O(eps^2) (claim `elbo-limit`) predicts the threshold eps* = tol / mean abs(a1). At a
decoder with kinks D falls like sqrt(eps) (claim `kinks`), and D at the model's own eps predicts eps (tol / D)^2.

The gap is then measured at eps*, at points x = f(g) (for observations the mean of x given g); while D exceeds tol
there, eps* is halved. Where D at the account's own points exceeds tol the threshold is sought below the model's eps:
the regime never contradicts the account. Where latents are inactive it is that of the model of the others (`active`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..numerics.contrast import contrast_of_jacobian
from ..numerics.frame import Decoded
from ..numerics.model import LatentModel
from ..numerics.seed import SEED
from .account import Account, Entry
from .entries import Setting, looks, manifold_slope, measured_at
from .geometry import columns_at

_MOST_POINTS, _MOST_HALVINGS, _LARGEST = 16, 8, 10.0


class Check(NamedTuple):
    """Measured at a noise variance: mean abs(gap - contrast) and the mean error of the gap (four standard errors)."""

    noise_var: float
    deviation: float
    error: float


class Regime(NamedTuple):
    """Down to which noise variance the gap is the contrast, and how that was found.

    Tolerance in nats, the threshold predicted, the one that measurement confirms (None: none down to the last check),
    the checks made, how many points they use, and the check at the model's own eps (the account's).
    rate: how D falls, "1/gamma^2" or, with kinks, "1/gamma".
    """

    tolerance: float
    predicted: float
    threshold: float | None
    checks: tuple[Check, ...]
    points: int
    own: Check
    rate: str

    @property
    def inside(self) -> bool:
        """Whether the model's own eps is in the regime: below the threshold, and so measured at its own points."""
        return self.threshold is not None and self.own.noise_var <= self.threshold and within(self.own, self.tolerance)


def within(check: Check, tolerance: float) -> bool:
    """Whether D is within the tolerance, as far as the errors of the gap can tell."""
    return check.deviation <= tolerance + check.error


def regime(
    setting: Setting,
    account: Account,
    *,
    relative: float,
    absolute: float,
    notify: Callable[[int, int], None] = lambda done, total: None,
) -> Regime | None:
    """The regime from the entries with an expansion, or with kinks; None where there is none.

    None, too, for observations whose data cannot lie on the manifold (a decoded dispersion).
    """
    observation = setting.model.observation
    if observation is not None and not observation.manifold:
        return None
    own = _own(setting, account.entries)
    active, setting = setting.active, setting.of_active
    entries = account.entries
    if active is not None:
        entries = tuple(entry._replace(preimage=entry.preimage[active.latents]) for entry in entries)
    preimages, slopes = _usable(setting, entries)
    contrasts = _contrasts(setting.model, preimages)
    # A contrast that is infinite at one point would make the tolerance infinite, too.
    kept = np.flatnonzero(np.isfinite(contrasts))[:_MOST_POINTS]
    if not len(kept):
        return None
    preimages, contrasts = preimages[kept], contrasts[kept]
    tolerance = max(relative * float(np.mean(contrasts)), absolute)
    predicted = _predicted(setting, slopes[kept], own, tolerance)
    checks, noise_var, rng = [], predicted, np.random.default_rng(SEED)
    if not within(own, tolerance):
        noise_var = min(predicted, own.noise_var / 2)
    encoder = account.entries[0].encoder_mean is not None
    shared = _looks(setting, preimages)
    for halving in range(_MOST_HALVINGS + 1):
        check = _check(setting, noise_var, preimages, contrasts, shared, encoder, rng)
        if check is not None:
            checks.append(check)
        confirmed = check is not None and check.deviation <= tolerance
        # Where a check confirms the threshold, the others are not needed: the end.
        notify(halving + 1, halving + 1 if confirmed else _MOST_HALVINGS + 1)
        if confirmed:
            break
        noise_var /= 2
    threshold = noise_var if checks and checks[-1].deviation <= tolerance else None
    rate = "1/gamma" if setting.kinked else "1/gamma^2"
    return Regime(tolerance, predicted, threshold, tuple(checks), len(kept), own, rate)


def _usable(setting: Setting, entries: tuple[Entry, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Preimages and a1 of the entries that have one, or kinks.

    Of observations a1 on the manifold: data of few counts, such as single truth values, lie far from it, and n = 1 is
    often too small for an expansion, but the regime asks about large n.
    """
    slopes = np.array([entry.a1 for entry in entries])
    if setting.model.observation is not None:
        slopes = np.array([manifold_slope(setting, entry.preimage) for entry in entries[:_MOST_POINTS]])
    kept = [n for n, slope in enumerate(slopes) if np.isfinite(slope) or setting.kinked]
    preimages = np.array([entries[n].preimage for n in kept]).reshape(len(kept), setting.model.latent_dim)
    return preimages, slopes[kept]


def _contrasts(model: LatentModel, preimages: np.ndarray) -> np.ndarray:
    if not len(preimages):
        return np.zeros(0)
    columns = np.asarray(columns_at(model, jnp.asarray(preimages)))
    return np.asarray(contrast_of_jacobian(np.swapaxes(columns, 1, 2)))


def _own(setting: Setting, entries: tuple[Entry, ...]) -> Check:
    """D at the model's own eps, over all points of the account (the finite-noise contrast where it has that)."""
    deviations = [abs(entry.gap - entry.contrast) for entry in entries]
    return Check(float(setting.model.eps), float(np.mean(deviations)), float(np.mean([e.error for e in entries])))


def _predicted(setting: Setting, slopes: np.ndarray, own: Check, tolerance: float) -> float:
    if setting.kinked:
        return min(_LARGEST, own.noise_var * (tolerance / own.deviation) ** 2) if own.deviation > 0 else _LARGEST
    slope = float(np.mean(np.abs(slopes)))
    return min(_LARGEST, tolerance / slope) if slope > 0 else _LARGEST


def _looks(setting: Setting, preimages: np.ndarray) -> list[Decoded | None]:
    """What `measured_at` takes as `glance` at x = f(g), the same for every noise variance: x / n stays, too."""
    return list(looks(setting, [np.asarray(setting.model.mean(jnp.asarray(point))) for point in preimages]))


def _check(
    setting: Setting,
    noise_var: float,
    preimages: np.ndarray,
    contrasts: np.ndarray,
    shared: list[Decoded | None],
    encoder: bool,
    rng: np.random.Generator,
) -> Check | None:
    """D at x = f(g) for this noise variance; None where no point could be measured."""
    model = with_scale(setting.model, noise_var)
    deviations, errors = [], []
    for preimage, contrast, glance in zip(preimages, contrasts, shared, strict=True):
        start = jnp.asarray(preimage)
        # Where the account had an encoder, its program is used again: any encoder will do.
        unused = (start, jnp.ones(model.latent_dim)) if encoder else None
        found = measured_at(replace(setting, model=model), model.mean(start), start, unused, rng, glance)
        deviations.append(np.inf if found is None else abs(float(found.found.gap) - contrast))
        errors.append(np.nan if found is None else float(found.found.gap_error))
    if not np.any(np.isfinite(deviations)):
        return None
    return Check(noise_var, float(np.mean(deviations)), float(np.nanmean(errors)))


def with_scale(model: LatentModel, noise_var: float) -> LatentModel:
    """The model with another scale eps of its noise, or n = 1/eps of its observation; all else stays."""
    scale = jnp.asarray(noise_var, dtype=float)
    if model.observation is not None:
        return eqx.tree_at(lambda m: m.observation.n, model, 1 / scale)
    return eqx.tree_at(lambda m: m.noise.scale, model, scale)


def translation(noise_var: float, size: int, observed: bool = False) -> dict[str, float]:
    """The same noise variance in other people's units; D = size outputs, r = x - f(z).

    Each loss below has the gradient of -ELBO up to a factor. Beta-VAE of noise variance v: beta = eps / v (claim
    `beta-vae`). observed: for an observation that is not Gaussian, noise_var = 1/n.
    """
    if observed:
        return {
            "repetitions": 1 / noise_var,
            "beta_with_summed_log_likelihood": noise_var,
            "beta_with_mean_log_likelihood": noise_var / size,
        }
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
    "repetitions": ("repetitions n = 1/eps", "independent draws of x for every z, or counts n times as large"),
    "beta_with_summed_log_likelihood": ("beta, summed", "loss = -sum_i log p(x_i | z) + beta KL, of one repetition"),
    "beta_with_mean_log_likelihood": ("beta, averaged", "loss = -mean_i log p(x_i | z) + beta KL, of one repetition"),
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
