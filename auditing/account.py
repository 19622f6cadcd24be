"""The account of the ELBO gap at points x, and its mean with intervals.

    log p_eps(x) - ELBO(encoder) = amortisation gap + contrast + a1 eps + remainder

- amortisation gap = ELBO* - ELBO(encoder), measured; left out without an encoder;
- contrast = 1/2 [ sum_k log M_kk - log det M ], M the Hessian of V at the preimage g of x (J'J on the manifold), and
  a1 eps with a1 from the expansion at g: the claim `general-limit`;
- remainder = measured log p - ELBO*, less contrast and a1 eps: what the expansion does not explain.

Where eps max_k s_k > 0.1, or M is not positive definite, an expansion in eps says nothing: a1 is left out and the
finite-noise contrast (claim `linear-vae`) stands in the contrast's place. Above d = 16 the fourth derivatives of a1
cost too much (d^2 directions): a1 is left out there too, and its part is in the remainder.

The remainder closes the account by definition. What can fail is the second route: log p - ELBO(encoder) is measured
again by importance sampling with other samples, and must agree with the sum of the parts within the stated errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import t as student

from ..numerics.contrast import finite_noise_contrast, metric_contrast
from ..numerics.expansion import expansion
from ..numerics.importance_sampling import draws, total_gap
from ..numerics.measurement import distinct_modes, measure, random_for
from ..numerics.model import LatentModel
from ..numerics.newton import minimise, second_derivatives
from ..numerics.precision import STANDARD_ERRORS
from ..numerics.reduction import Reduction
from .geometry import columns_at

LARGEST_SLOPE_DIMENSION = 16
_SMALL = 0.1  # eps max s_k, relative to the prior variance, up to which a1 is used
_SEED = 20220602
PARTS = ("amortisation", "contrast", "slope", "remainder")
"""The parts, in the order in which they are added; `slope` is a1 eps."""


class Entry(NamedTuple):
    """The account at one point; a1 is nan where it is left out, amortisation nan without an encoder.

    total is log p - ELBO(encoder) (ELBO* without one) by the second route; errors are meant as bounds. preimage,
    mean, std, formula_std, encoder_mean, encoder_std (d,): g, the best encoder, sqrt(eps s_k), and the given one.
    """

    point: int
    log_likelihood: float
    amortisation: float
    contrast: float
    a1: float
    slope: float
    remainder: float
    gap: float
    error: float
    total: float
    total_error: float
    finite_noise: bool
    multimodal: bool
    preimage: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    formula_std: np.ndarray
    encoder_mean: np.ndarray | None
    encoder_std: np.ndarray | None

    @property
    def sum(self) -> float:
        """The parts added up."""
        return float(np.nansum([self.amortisation, self.contrast, self.slope, self.remainder]))

    @property
    def closes(self) -> bool:
        """Whether the parts add up to the gap measured by the second route, within the stated errors."""
        return abs(self.sum - self.total) <= self.error + self.total_error


class Interval(NamedTuple):
    """A mean over the points and its 95 % interval (Student t over points, measurement errors included)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Account:
    """The entries, and how many points were left out because no mode or best encoder was found."""

    entries: tuple[Entry, ...]
    failed: int

    def interval(self, part: str) -> Interval | None:
        """Mean and interval of a part, of "gap", "total" or "sum"; None where it was left out everywhere."""
        values = np.array([getattr(entry, part) for entry in self.entries])
        kept = np.isfinite(values)
        errors = np.array([entry.total_error if part == "total" else entry.error for entry in self.entries])
        return mean_interval(values[kept], np.zeros(kept.sum()) if part in ("contrast", "slope") else errors[kept])

    @property
    def closes(self) -> bool:
        """Whether the mean of the parts adds up to the mean of the second route, within the combined errors."""
        difference = np.mean([entry.sum - entry.total for entry in self.entries])
        errors = np.array([entry.error + entry.total_error for entry in self.entries])
        # Errors by quadrature may be systematic and add up; those by sampling are independent: the larger bound.
        return bool(abs(difference) <= np.mean(errors))


def mean_interval(values: np.ndarray, errors: np.ndarray) -> Interval | None:
    """Mean with a 95 % interval; errors (four standard errors) of the values are added in quadrature."""
    count = len(values)
    if count == 0:
        return None
    mean = float(np.mean(values))
    spread = np.std(values, ddof=1) / np.sqrt(count) if count > 1 else np.inf
    measured = np.sqrt(np.sum((errors / STANDARD_ERRORS) ** 2)) / count
    half = float(student.ppf(0.975, max(1, count - 1)) * np.hypot(spread, measured))
    return Interval(mean, mean - half, mean + half)


class Slopes(NamedTuple):
    """What the account uses of the expansion at g: the contrast of M, a1 (nan where left out) and s (d,)."""

    point: Float[Array | np.ndarray, " d"]
    contrast: Float[Array | np.ndarray, ""]
    gap_slope: Float[Array | np.ndarray, ""]
    variance: Float[Array | np.ndarray, " d"]


@eqx.filter_jit
def _expand(model: LatentModel, x: Array, z: Array) -> Slopes:
    if model.latent_dim <= LARGEST_SLOPE_DIMENSION:
        found = expansion(model, z, x=x)
        return Slopes(found.point, found.contrast, found.gap_slope, found.variance)
    minimum = minimise(second_derivatives(lambda point: model.potential(point, x)), z, tolerance=1e-12)
    contrast = jnp.where(minimum.converged, metric_contrast(minimum.hessian), jnp.nan)
    return Slopes(minimum.point, contrast, jnp.asarray(jnp.nan), 1.0 / jnp.diagonal(minimum.hessian))


def _slopes(model: LatentModel, x: Array, z: Array) -> Slopes | None:
    """The expansion at the minimiser of V near z; None where V has no minimum with M > 0 there."""
    try:
        found = jax.device_get(_expand(model, x, z))
    except RuntimeError:  # equinox: no minimiser with M > 0; under EQX_ON_ERROR=nan the contrast is nan instead
        return None
    return found if np.isfinite(found.contrast) and np.all(found.variance > 0) else None


@eqx.filter_jit
def _linearised(model: LatentModel, z: Array, prior_std: Array) -> tuple[Array, Array]:
    """Finite-noise contrast, and the posterior variances of the linearised model if latents were independent."""
    jacobian = (columns_at(model, z[None])[0] * prior_std[:, None]).T
    variances = prior_std**2 / (1.0 + jnp.sum(jacobian**2, axis=0) / model.eps)
    return finite_noise_contrast(jacobian, model.eps), variances


def account(
    whole: Reduction,
    data: Float[np.ndarray, "n D"],
    starts: Float[np.ndarray, "n d"],
    encodings: tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]] | None,
    prior_std: Float[np.ndarray, " d"],
    *,
    indices: np.ndarray,
    pairs: int,
    search: bool = True,
    notify: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Account, bool]:
    """The account at each x, and whether all were done (False after Ctrl-C). starts: near the preimages."""
    entries, failed, rng = [], 0, np.random.default_rng(_SEED)
    try:
        for i in range(len(data)):
            encoding = None if encodings is None else (encodings[0][i], encodings[1][i])
            entry = _entry(whole, data[i], starts[i], encoding, prior_std, int(indices[i]), rng, pairs, search)
            if entry is None:
                failed += 1
            else:
                entries.append(entry)
            notify(i + 1, len(data))
    except KeyboardInterrupt:
        return Account(tuple(entries), failed), False
    return Account(tuple(entries), failed), True


def _entry(
    whole: Reduction,
    data: np.ndarray,
    start: np.ndarray,
    encoding: tuple[np.ndarray, np.ndarray] | None,
    prior_std: np.ndarray,
    index: int,
    rng: np.random.Generator,
    pairs: int,
    search: bool,
) -> Entry | None:
    model, (x, left_out) = whole.model, whole.data(jnp.asarray(data))
    modes = distinct_modes(model, x, jnp.asarray(start)[None], search=search)
    if modes is None:
        return None
    d = model.latent_dim
    given = None if encoding is None else (jnp.asarray(encoding[0]), jnp.asarray(encoding[1]))
    found = jax.device_get(measure(model, x, modes, given, random_for(rng, pairs, d)))
    if not found.converged or not np.isfinite(found.gap):
        return None
    mean, std = (found.mean, found.std) if given is None else given
    total = total_gap(
        model, x, modes, jnp.asarray(mean), jnp.asarray(std), (draws(rng, pairs, d), draws(rng, pairs, d))
    )
    eps = float(model.eps)
    finite, variances = jax.device_get(_linearised(model, modes.point[0], jnp.asarray(prior_std)))
    slopes = None
    # Cheap before dear: where the linearised posterior is already wide there is nothing to expand.
    if np.max(variances / prior_std**2) <= _SMALL:
        slopes = _slopes(model, x, modes.point[0])
    if slopes is not None and eps * np.max(slopes.variance / prior_std**2) > _SMALL:
        slopes = None
    contrast = max(0.0, float(slopes.contrast if slopes else finite))  # round-off may be negative
    a1 = float(slopes.gap_slope) if slopes else np.nan
    slope = a1 * eps
    gap = float(found.gap)
    return Entry(
        point=index,
        log_likelihood=float(found.log_likelihood + left_out.value),
        amortisation=float(found.amortisation),
        contrast=contrast,
        a1=a1,
        slope=slope,
        remainder=gap - contrast - (0.0 if np.isnan(slope) else slope),
        gap=gap,
        error=float(found.gap_error if encoding is None else found.gap_error + found.amortisation_error),
        total=float(total.value),
        total_error=float(total.error),
        finite_noise=slopes is None,
        multimodal=int(np.sum(modes.converged)) > 1,
        preimage=np.asarray(slopes.point if slopes else modes.point[0]),
        mean=np.asarray(found.mean),
        std=np.asarray(found.std),
        formula_std=np.sqrt(eps * slopes.variance) if slopes else np.sqrt(variances),
        encoder_mean=None if encoding is None else encoding[0],
        encoder_std=None if encoding is None else encoding[1],
    )
