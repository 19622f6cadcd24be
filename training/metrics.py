"""What is measured on trained models: recovery of the sources, contrast, self-consistency, with intervals.

Notation: s (m, d) sources, z (m, d) what is compared with them, J (m, D, d) Jacobians of the decoder.

- MCC, the mean correlation coefficient: the mean of |corr(s_i, z_p(i))| under the permutation p that maximises it
  (Khemakhem et al., AISTATS 2020), by SciPy's assignment solver. Computed on all held-out points at once; a mean over
  batches of 64, as some codes log, is biased upwards (0.15 instead of 0 for d = 3).
- The contrast *per point* is the mean of c(J); that *of the mean Jacobian* is c(mean J), usually 10 to 50 times
  smaller: errors of the decoder that change sign over space cancel in it. They are different quantities.
- Intervals are percentile bootstraps over independent runs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import RequestError
from ..numerics.contrast import amari_distance, contrast_of_jacobian
from ..shell import requests


class Interval(NamedTuple):
    """A statistic with a percentile bootstrap interval."""

    value: float
    low: float
    high: float


def correlations(
    sources: Float[np.ndarray, "m d"], latents: Float[np.ndarray, "m k"], *, rank: bool = False
) -> Float[np.ndarray, "d k"]:
    """Pearson (or, with `rank`, Spearman) correlations of every source with every latent; 0 where one is constant."""

    def standardised(columns: np.ndarray) -> np.ndarray:
        columns = _ranks(columns) if rank else np.asarray(columns, float)
        columns = columns - columns.mean(axis=0)
        length = np.linalg.norm(columns, axis=0)
        # A latent that does not move has no correlation; float32 constants leave round-off behind.
        moves = length > 1e-12 * np.sqrt(len(columns)) * (1 + np.abs(columns).max(axis=0))
        return np.where(moves, columns / np.where(moves, length, 1.0), 0.0)

    return standardised(sources).T @ standardised(latents)


def _ranks(columns: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata  # a second to import

    return rankdata(columns, axis=0)


def matching(
    sources: Float[np.ndarray, "m d"], latents: Float[np.ndarray, "m k"], *, rank: bool = False
) -> tuple[float, np.ndarray]:
    """MCC, and the latent p(i) matched with each source i. RequestError: nan, fewer latents than sources."""
    from scipy.optimize import linear_sum_assignment

    sources, latents = requests.numbers("sources", sources), requests.numbers("latents", latents)
    if sources.ndim != 2 or latents.ndim != 2 or len(sources) != len(latents):
        raise RequestError(f"sources, latents: expected (m, d) and (m, k), got {sources.shape} and {latents.shape}")
    if latents.shape[1] < sources.shape[1]:
        raise RequestError(
            f"latents: expected at least {sources.shape[1]} columns, one a source, got {latents.shape[1]}"
        )
    for name, columns in (("sources", sources), ("latents", latents)):
        if not np.all(np.isfinite(columns)):
            raise RequestError(f"{name}: expected finite values, got nan or infinity")
    absolute = np.abs(correlations(sources, latents, rank=rank))
    rows, columns = linear_sum_assignment(absolute, maximize=True)
    return float(absolute[rows, columns].mean()), columns


def mcc(sources: Float[np.ndarray, "m d"], latents: Float[np.ndarray, "m k"], *, rank: bool = False) -> float:
    """The mean correlation coefficient, in [0, 1]; about sqrt(2 / (pi m)) for independent latents."""
    return matching(sources, latents, rank=rank)[0]


def batched_mcc(sources: Float[np.ndarray, "m d"], latents: Float[np.ndarray, "m d"], batch: int = 64) -> float:
    """The mean of the MCC over batches, as the public code of arXiv 2206.02416 logs it: biased upwards."""
    starts = range(0, len(sources) - requests.whole("batch", batch, 2) + 1, batch)
    return float(np.mean([mcc(sources[i : i + batch], latents[i : i + batch]) for i in starts]))


class Contrasts(NamedTuple):
    """Mean of the contrast over points, its 95 % quantile, and the contrast of the mean Jacobian."""

    point: float
    point_95: float
    mean_jacobian: float


def contrasts(jacobians: Float[np.ndarray, "m D d"]) -> Contrasts:
    """Both contrasts of a decoder from its Jacobians at m points."""
    jacobians = requests.numbers("jacobians", jacobians)
    each = np.asarray(contrast_of_jacobian(jacobians))
    of_mean = float(contrast_of_jacobian(jacobians.mean(axis=0)))
    return Contrasts(float(each.mean()), float(np.quantile(each, 0.95)), of_mean)


def mean_amari(true: Float[np.ndarray, "m D d"], learnt: Float[np.ndarray, "m D d"]) -> float:
    """The mean over points of the Amari distance between the mixing's Jacobian and the decoder's, in [0, 1]."""
    return float(np.mean(np.asarray(amari_distance(true, learnt))))


def bootstrap(
    values: np.ndarray,
    rng: np.random.Generator,
    statistic: Callable[..., np.ndarray] = np.median,
    *,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """`statistic(values, axis=...)` with its percentile interval over resampled runs. RequestError without values."""
    values = requests.numbers("values", values)
    if values.ndim != 1 or not len(values):
        raise RequestError(f"values: expected (n,) with n >= 1, got shape {values.shape}")
    _check_generator(rng)
    resampled = statistic(values[rng.integers(len(values), size=(draws, len(values)))], axis=-1)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(values, axis=-1)), float(low), float(high))


def bootstrap_spearman(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, draws: int = 2000) -> Interval:
    """Spearman's correlation of pairs, with its percentile interval."""
    _check_generator(rng)
    index = rng.integers(len(x), size=(draws, len(x)))
    low, high = np.quantile([spearman(x[rows], y[rows]) for rows in index], [0.025, 0.975])
    return Interval(spearman(x, y), float(low), float(high))


def _check_generator(rng: np.random.Generator) -> None:
    if not isinstance(rng, np.random.Generator):
        raise RequestError(f"rng: expected a numpy.random.Generator, got {requests.shown(rng)}")


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation. RequestError unless both are (n,) with n >= 2."""
    x, y = requests.numbers("x", x), requests.numbers("y", y)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise RequestError(f"x, y: expected (n,) twice with n >= 2, got {x.shape} and {y.shape}")
    return float(correlations(x[:, None], y[:, None], rank=True)[0, 0])
