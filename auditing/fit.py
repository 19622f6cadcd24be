"""Whether the likelihood fits the data at all: everything else that an audit says supposes it.

With r = x - f(z) at the points, z the encoder's mean or argmin |f(z) - x|, the residual in noise standard deviations
an output is rho = sqrt(mean |S^-1/2 r|^2 / (D eps)); data of the model give sqrt((D - d)/D), because z is chosen to
make r small. A Bernoulli decoder that gives logits, data on another scale, or a noise variance that was never fitted
are off by large factors. The noise variance that would fit is the mean square of r.

For other observations rho^2 is the sum of (x - mean)^2 over the sum of the likelihood's own variances, over all points
and outputs: overdispersed counts, and decoders that are sure and wrong, are off by large factors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.model import LatentModel
from .inputs.observation import name_of
from .points import Points, rows_at

MISFIT = 3.0
"""Factor in standard deviations, above or below, from which the likelihood is said not to fit."""
_CHUNK = 128
_LOGITS, _BYTES = 1.0, 20.0  # how far outputs leave data in [0, 1]; how much larger than outputs data on 0..255 are


class Fit(NamedTuple):
    """The residual against the noise, and the noise variance that would fit.

    deviations: rho; expected: sqrt((D - d)/D); variance: the mean square of r over points and outputs; per_output (D,):
    over points; data_range, output_range: smallest and largest value of data and means; binary, whole: whether the data
    are all 0 or 1, all whole numbers; observation: the name of one that is not Gaussian.
    """

    deviations: float
    expected: float
    variance: float
    per_output: Float[np.ndarray, " D"]
    data_range: tuple[float, float]
    output_range: tuple[float, float]
    binary: bool
    whole: bool
    observation: str | None

    @property
    def fractions(self) -> bool:
        """Whether the data are fractions where the likelihood is one of 0 and 1: it is not normalised there."""
        return self.observation in ("bernoulli", "bernoulli-logits") and not self.binary

    @property
    def document(self) -> dict[str, Any]:
        """As plain data."""
        return self._asdict() | {"fractions": self.fractions, "alarm": self.alarm}

    @property
    def alarm(self) -> str | None:
        """What is wrong, in one or two sentences; None where the likelihood fits."""
        much = self.deviations > MISFIT * max(self.expected, 1 / MISFIT)
        little = self.expected > 0 and self.deviations < self.expected / MISFIT and not self.fractions
        if not (much or little):
            return None
        if self.observation is not None:
            wide = (
                " Counts vary more than Poisson ones (negative-binomial?), or z is off."
                if self.observation == "poisson"
                else ""
            )
            return (
                f"the {self.observation} likelihood does not fit the data: reconstructions are off by "
                f"{self.deviations:.3g} of its standard deviations, where {self.expected:.3g} is expected. What "
                f"follows describes the likelihood that was given, not the data.{wide if much else ''}"
            )
        said = (
            f"the likelihood does not fit the data: reconstructions are off by {self.deviations:.3g} noise standard "
            f"deviations an output, where {self.expected:.3g} is expected. A noise variance of {self.variance:.3g} "
            "would fit. What follows describes the likelihood that was given, not the data."
        )
        low, high = self.data_range
        if self.binary:
            said += (
                " All data are 0 or 1: their likelihood is Bernoulli, and the outputs are perhaps its logits "
                "(--observation bernoulli-logits)."
            )
        elif self.whole and low >= 0:
            said += " All data are counts: --observation poisson or negative-binomial?"
        elif low >= 0 and high <= 1 and (self.output_range[0] < low - _LOGITS or self.output_range[1] > high + _LOGITS):
            said += (
                f" The outputs go from {self.output_range[0]:.3g} to {self.output_range[1]:.3g} and the data from "
                f"{low:.3g} to {high:.3g}: if the outputs are logits, --observation bernoulli-logits."
            )
        elif high > _BYTES * max(1.0, np.max(np.abs(self.output_range))):
            said += f" The data go up to {high:.3g}, the outputs to {self.output_range[1]:.3g}: divide by 255?"
        return said


class Residuals(NamedTuple):
    """The mean of x given z, the squares of x less it, and their expectations.

    Gaussian noise: squares and expectations in its metric.
    """

    mean: Float[Array | np.ndarray, "... D"]
    squares: Float[Array | np.ndarray, "... D"]
    variances: Float[Array | np.ndarray, "... D"]


def residuals(model: LatentModel, z: Float[Array, " d"], x: Float[Array, " D"]) -> Residuals:
    """At one point."""
    f = model.decoder(z)
    if model.observation is not None:
        mean = model.observation.mean(f)
        return Residuals(mean, (x - mean) ** 2, model.observation.variance(f))
    return Residuals(f, model.noise.whiten(x - f, z) ** 2, jnp.broadcast_to(model.eps, x.shape))


def fit_of(model: LatentModel, points: Points) -> Fit | None:
    """The fit over all points; None without data."""
    if points.rows is None:
        return None
    mapped = jax.jit(lambda zs, xs: jax.lax.map(lambda pair: residuals(model, *pair), (zs, xs)))
    own, squares, variances, count = 0.0, 0.0, 0.0, len(points.z)
    lows, highs, binary, whole = [], [], True, True
    for first in range(0, count, _CHUNK):
        taken = np.arange(first, min(first + _CHUNK, count))
        filled = np.resize(taken, min(_CHUNK, count))
        data = rows_at(points.rows, points.indices[taken])
        found = mapped(jnp.asarray(points.z[filled]), jnp.asarray(np.resize(data, (len(filled), data.shape[1]))))
        found = Residuals(*(np.asarray(part)[: len(taken)] for part in found))
        own, variances = own + np.sum(found.squares), variances + np.sum(found.variances)
        binary = binary and bool(np.all((data == 0) | (data == 1)))
        whole = whole and bool(np.all(data == np.round(data)))
        squares = squares + np.sum((data - found.mean) ** 2, axis=0)
        lows.append((np.min(data), np.min(found.mean)))
        highs.append((np.max(data), np.max(found.mean)))
    size, d = data.shape[1], model.latent_dim
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    return Fit(
        deviations=float(np.sqrt(own / variances)),
        expected=float(np.sqrt(max(0, size - d) / size)),
        variance=float(np.mean(squares) / count),
        per_output=np.asarray(squares) / count,
        data_range=(float(low[0]), float(high[0])),
        output_range=(float(low[1]), float(high[1])),
        binary=binary,
        whole=whole,
        observation=None if model.observation is None else name_of(model.observation),
    )
