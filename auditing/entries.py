"""The parts of the account at one point, and all points one after another.

a1 is `gap_slope` of `numerics.expansion`, at the minimiser of V near the mode (`_expand`).

It is used where an expansion in eps can mean something: at a smooth decoder (no kinks), whose derivatives are right to
the third order, where the posterior is narrow in every direction (eps over the smallest eigenvalue of W M W at most
0.1, W the prior's standard deviations: its diagonal alone would not see a direction that is no axis), for d <= 16, and
where |a1 eps| does not exceed the gap. Elsewhere it is left out, and its part is in the remainder. Where the posterior
is not narrow the finite-noise contrast (claim `linear-vae`) stands in the contrast's place.

A point whose posterior has no smooth mode (a kink) or whose quadrature fails is measured by sampling around a fitted
proposal (`numerics.adaptive`): what is left out would not be missing at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.contrast import contrast_of_jacobian, finite_noise_contrast, metric_contrast
from ..numerics.expansion import expansion
from ..numerics.frame import Decoded
from ..numerics.importance_sampling import Estimate, draws, total_gap
from ..numerics.measurement import (
    QUADRATURE,
    Measurement,
    distinct_modes,
    fitted_modes,
    glances_of,
    measure,
    random_for,
    with_missed,
)
from ..numerics.model import LatentModel
from ..numerics.modes import Mode
from ..numerics.newton import minimise, second_derivatives
from ..numerics.seed import SEED
from .account import Account, Entry, Weights
from .active import Active
from .geometry import columns_at
from .weights import weight_limit, weights_of

LARGEST_SLOPE_DIMENSION = 16
_SMALL = 0.1  # posterior variance relative to the prior's, in any direction, up to which a1 is used
_LEAST = 0.01  # nats: a smaller a1 eps is never called large
_LARGEST_ERROR = 0.5  # nats: a sampled gap whose error exceeds this and the gap itself counts as failed
_ROUGH_FACTOR = 8


@dataclass(frozen=True)
class Setting:
    """What is the same at all points: the model, the prior's deviations (d,), pairs a sample, and what is known of f.

    search: also look for modes from fixed starts; kinked: f has kinks; orders: how many derivatives of f are right;
    active: the model of the active latents, where some are not, which contrast, a1 and regime are those of.
    """

    model: LatentModel
    prior_std: Float[np.ndarray, " d"]
    pairs: int
    search: bool = True
    kinked: bool = False
    orders: int = 3
    active: Active | None = None

    @property
    def of_active(self) -> Setting:
        """The same for the model of the active latents alone; itself where all are."""
        if self.active is None:
            return self
        return replace(self, model=self.active.model, prior_std=self.prior_std[self.active.latents], active=None)

    @property
    def rough_pairs(self) -> int:
        """Pairs where a kink leaves the controls of a sample little to take away, and a decoder is cheap."""
        return self.pairs * (_ROUGH_FACTOR if self.model.latent_dim <= QUADRATURE else 1)


class Task(NamedTuple):
    """A point: its index, x (D,), where to start (d,), and the encoder's mean and std (d,) or None.

    constant: what log p of the model lacks, because a reduced model leaves it out.
    """

    index: int  # type: ignore[assignment]  # hides a method of tuples that nobody calls here
    data: Float[np.ndarray, " D"]
    start: Float[np.ndarray, " d"]
    encoding: tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]] | None
    constant: float = 0.0


class Local(NamedTuple):
    """f linearised at z: contrast, finite-noise contrast, and posterior variances in units of the prior.

    variances (d,): of each latent if all were independent; largest: of any direction, to first order; metric (d, d):
    A + eps I in units of the prior.
    """

    contrast: Float[Array | np.ndarray, ""]
    finite_noise: Float[Array | np.ndarray, ""]
    variances: Float[Array | np.ndarray, " d"]
    largest: Float[Array | np.ndarray, ""]
    metric: Float[Array | np.ndarray, "d d"]


class Slopes(NamedTuple):
    """The expansion at g: the contrast of M, a1 (nan where left out), s (d,), eps over M's smallest eigenvalue."""

    point: Float[Array | np.ndarray, " d"]
    contrast: Float[Array | np.ndarray, ""]
    gap_slope: Float[Array | np.ndarray, ""]
    variance: Float[Array | np.ndarray, " d"]
    largest: Float[Array | np.ndarray, ""]


@eqx.filter_jit
def _linearised(model: LatentModel, z: Array, prior_std: Array) -> Local:
    jacobian = columns_at(model, z[None])[0].T
    scaled = jacobian * prior_std[None, :]
    squares = jnp.sum(scaled**2, axis=0)
    smallest = jnp.linalg.svd(scaled, compute_uv=False)[-1] ** 2
    finite = finite_noise_contrast(scaled, model.eps)
    metric = scaled.T @ scaled + model.eps * jnp.eye(model.latent_dim)
    variances = 1 / (1 + squares / model.eps)
    return Local(contrast_of_jacobian(jacobian), finite, variances, model.eps / smallest, metric)


@eqx.filter_jit
def _expand(model: LatentModel, x: Array, z: Array, prior_std: Array, with_slope: bool) -> Slopes:
    minimum = minimise(second_derivatives(lambda point: model.potential(point, x)), z, tolerance=1e-12)
    contrast = jnp.where(minimum.converged, metric_contrast(minimum.hessian), jnp.nan)
    smallest = jnp.linalg.eigvalsh(minimum.hessian * jnp.outer(prior_std, prior_std))[0]
    slope = jnp.asarray(jnp.nan)
    if with_slope:
        slope = expansion(model, minimum.point, x=x).gap_slope
    return Slopes(minimum.point, contrast, slope, 1 / jnp.diagonal(minimum.hessian), model.eps / smallest)


def _slopes(setting: Setting, x: Array, z: Array, with_slope: bool) -> Slopes | None:
    """The expansion at the minimiser of V near z; None where V has no minimum with M > 0 and narrow there."""
    try:
        found = jax.device_get(_expand(setting.model, x, z, jnp.asarray(setting.prior_std), with_slope))
    except RuntimeError:  # equinox: no minimiser with M > 0; under EQX_ON_ERROR=nan the contrast is nan instead
        return None
    narrow = 0 < found.largest <= _SMALL and np.all(found.variance > 0)
    return found if np.isfinite(found.contrast) and narrow else None


def manifold_slope(setting: Setting, point: np.ndarray) -> float:
    """a1 at x = mean(z), on the manifold, whatever eps is; nan where it is left out or M is not positive definite."""
    model = setting.model
    if setting.kinked or setting.orders < 3 or model.latent_dim > LARGEST_SLOPE_DIMENSION:
        return np.nan
    z = jnp.asarray(point)
    try:
        return float(_expand(model, model.mean(z), z, jnp.asarray(setting.prior_std), True).gap_slope)
    except RuntimeError:  # equinox: M is not positive definite there
        return np.nan


def account(
    setting: Setting, tasks: list[Task], *, notify: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Account, bool]:
    """The account at each point, and whether all were done (False after Ctrl-C)."""
    entries, failed, rng = [], 0, np.random.default_rng(SEED)
    try:
        glances = looks(setting, [task.data for task in tasks])
        for done, (task, glance) in enumerate(zip(tasks, glances, strict=True)):
            entry = _entry(setting, task, glance, rng)
            if entry is None:
                failed += 1
            else:
                entries.append(entry)
            notify(done + 1, len(tasks))
    except KeyboardInterrupt:
        return Account(tuple(entries), failed), False
    return Account(tuple(entries), failed), True


class Measured(NamedTuple):
    """The measurement at a point, the modes that it was made around, and whether it was sampled for want of a mode."""

    found: Measurement
    modes: Mode
    sampled: bool


def looks(setting: Setting, data: list[np.ndarray]) -> Iterator[Decoded | None]:
    """What `measured_at` takes as `glance`, for each x: None where no search needs it."""
    if setting.kinked or not setting.search:
        return iter([None] * len(data))
    return glances_of(setting.model, data)


def measured_at(
    setting: Setting,
    x: Array,
    start: Array,
    given: tuple[Array, Array] | None,
    rng: np.random.Generator,
    glance: Decoded | None = None,
) -> Measured | None:
    """Evidence, best encoder and given encoder at x; None where neither quadrature nor sampling finds them."""
    model, d = setting.model, setting.model.latent_dim
    if not setting.kinked:
        modes, missed = distinct_modes(model, x, start[None], search=setting.search, glance=glance)
        if modes is not None:
            found = jax.device_get(measure(model, x, modes, given, random_for(rng, setting.pairs, d)))
            found = with_missed(found, missed) if missed else found
            if found.converged and np.isfinite(found.gap):
                return Measured(found, modes, False)
    modes = fitted_modes(model, x, start[None], jnp.asarray(setting.prior_std))
    if modes is None:
        return None
    random = random_for(rng, setting.rough_pairs, d, rough=True)
    found = jax.device_get(measure(model, x, modes, given, random, rough=True))
    known = found.converged and found.gap_error <= max(_LARGEST_ERROR, found.gap)
    return Measured(found, modes, True) if known else None


def _again(
    setting: Setting, x: Array, measured: Measured, encoder: tuple[Any, Any], rng: np.random.Generator
) -> Estimate:
    """log p - ELBO by the second route."""
    d, modes = setting.model.latent_dim, measured.modes
    pairs = setting.rough_pairs if measured.sampled else setting.pairs
    mean, std = (jnp.asarray(part) for part in encoder)
    return total_gap(setting.model, x, modes, mean, std, (draws(rng, pairs, d), draws(rng, pairs, d)))


class Expanded(NamedTuple):
    """What the theory says at a point: contrast, a1 (nan where left out, and why), g, sqrt(eps s_k)."""

    contrast: float
    a1: float
    left_out: str | None
    finite_noise: bool
    preimage: np.ndarray
    std: np.ndarray


def expanded_at(setting: Setting, x: Array, mode: Array, gap: float) -> Expanded:
    """Contrast and slope near a mode, as far as an expansion in eps applies; over the active latents."""
    if (part := setting.active) is not None:
        found = expanded_at(setting.of_active, x, mode[part.latents], gap)
        return found._replace(
            preimage=part.among(found.preimage, np.asarray(mode)), std=part.among(found.std, setting.prior_std)
        )
    model, prior_std = setting.model, setting.prior_std
    local = jax.device_get(_linearised(model, mode, jnp.asarray(prior_std)))
    wide = Expanded(
        max(0.0, float(local.finite_noise)),
        np.nan,
        "wide",
        True,
        np.asarray(mode),
        prior_std * np.sqrt(local.variances),
    )
    # Cheap before dear: where the linearised posterior is already wide there is nothing to expand.
    if not local.largest <= _SMALL:
        return wide
    if setting.kinked:
        return wide._replace(contrast=max(0.0, float(local.contrast)), left_out="kinks", finite_noise=False)
    dear = model.latent_dim > LARGEST_SLOPE_DIMENSION
    slopes = _slopes(setting, x, mode, not dear and setting.orders >= 3)
    if slopes is None:
        return wide
    left_out = "dimension" if dear else "order" if setting.orders < 3 else None
    a1 = float(slopes.gap_slope)
    if left_out is None and abs(a1) * float(model.eps) > max(gap, _LEAST):
        a1, left_out = np.nan, "large"
    std = np.sqrt(float(model.eps) * slopes.variance)
    return Expanded(max(0.0, float(slopes.contrast)), a1, left_out, False, np.asarray(slopes.point), std)


def _entry(setting: Setting, task: Task, glance: Decoded | None, rng: np.random.Generator) -> Entry | None:
    x = jnp.asarray(task.data)
    given = None if task.encoding is None else (jnp.asarray(task.encoding[0]), jnp.asarray(task.encoding[1]))
    measured = measured_at(setting, x, jnp.asarray(task.start), given, rng, glance)
    if measured is None:
        return None
    found, modes = measured.found, measured.modes
    total = _again(setting, x, measured, (found.mean, found.std) if given is None else given, rng)
    gap = float(found.gap)
    centre = jnp.asarray(found.mean) if measured.sampled else modes.point[0]
    theory = expanded_at(setting, x, centre, gap)
    slope = theory.a1 * float(setting.model.eps)
    return Entry(
        point=task.index,
        log_likelihood=float(found.log_likelihood) + task.constant,
        amortisation=float(found.amortisation),
        contrast=theory.contrast,
        a1=theory.a1,
        slope=slope,
        remainder=gap - theory.contrast - (0.0 if np.isnan(slope) else slope),
        gap=gap,
        error=float(found.gap_error if given is None else found.gap_error + found.amortisation_error),
        total=float(total.value),
        total_error=float(total.error),
        finite_noise=theory.finite_noise,
        multimodal=not measured.sampled and int(np.sum(modes.converged)) > 1,
        left_out=theory.left_out,
        sampled=measured.sampled,
        preimage=theory.preimage,
        mean=np.asarray(found.mean),
        std=np.asarray(found.std),
        formula_std=theory.std,
        encoder_mean=None if task.encoding is None else task.encoding[0],
        encoder_std=None if task.encoding is None else task.encoding[1],
        weights=_weights(setting, task, (found.mean, found.std), centre),
    )


def _weights(setting: Setting, task: Task, best: tuple[Any, Any], centre: Array) -> Weights:
    """Pareto shapes and effective shares of the best encoder's weights and of the given one's."""
    model, x = setting.model, jnp.asarray(task.data)
    local = jax.device_get(_linearised(model, centre, jnp.asarray(setting.prior_std)))
    # Draws of their own: the estimates of the gap stay those of their seed.
    normal = np.random.default_rng([SEED, task.index]).standard_normal((setting.pairs, model.latent_dim))
    shape, share = weights_of(model, x, best, normal)
    given = (np.nan, np.nan) if task.encoding is None else weights_of(model, x, task.encoding, normal)
    return Weights(shape, weight_limit(local.metric), share, *given)
