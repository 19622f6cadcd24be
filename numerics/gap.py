"""The gap log p_eps(x) - ELBO*(x), measured exactly: quadrature for both sides, no asymptotics.

Both sides are computed relative to the exponent at the mode, so that their large common parts (log C,
-V(g)/eps) never meet in the difference. As eps -> 0 the gap tends to the IMA contrast (claim `elbo-limit`), or to the
contrast of M = Hess V in general (claim `general-limit`).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from ..errors import RequestError
from .blocks import Blocks, Family, blocks_of
from .encoder import best_of_distinct, best_optimum, missed_encoder
from .likelihood import Evidence, around_starts
from .model import LatentModel
from .modes import constant_rounding
from .outcome import Outcome
from .precision import require_float64
from .reduction import Constant
from .requests import instance, positive, real_array
from .traced import reused
from .wide import search, serves, wide_evidence

Vector = Float[Array | np.ndarray, " D"]


class GapMeasurement(NamedTuple):
    """Everything measured at one point; the errors are estimates meant as bounds, as those of `log_likelihood`.

    gap = log_likelihood - elbo, computed without their common part; mean (d,), std (d,) and covariance (d,
    d) of the best encoder; mode (d,) of the posterior; converged: the modes and the encoder's search all
    met their tolerances and every number is finite; outcome: the `Outcome` that names what most of a large error of
    the log-likelihood is due to.
    """

    gap: Float[Array, ""]
    gap_error: Float[Array, ""]
    log_likelihood: Float[Array, ""]
    log_likelihood_error: Float[Array, ""]
    elbo: Float[Array, ""]
    elbo_error: Float[Array, ""]
    mean: Float[Array, " d"]
    std: Float[Array, " d"]
    covariance: Float[Array, "d d"]
    mode: Float[Array, " d"]
    converged: Bool[Array, ""]
    outcome: Int[Array, ""]


def measure_gap(model: LatentModel, x: ArrayLike, *, start: ArrayLike, family: Family = "mean-field") -> GapMeasurement:
    """Measure log-likelihood, best ELBO and their gap at x (D,), from start (d,) or several starts (S, d).

    Pure: may be jitted, vmapped and differentiated with respect to every leaf. With several starts the
    evidences of the distinct modes add up and the best encoder wins. Not converged is reported, never
    raised.
    """
    require_float64("measure_gap")
    instance("model", model, LatentModel)
    return _measured(model, _check(model, x), start, blocks_of(family, model.latent_dim))


def gap(
    model: LatentModel,
    x: ArrayLike,
    *,
    family: Family = "mean-field",
    start: ArrayLike | None = None,
    largest_error: float = 0.1,
) -> Float[Array, ""]:
    """Return log p_eps(x) - max ELBO(x) >= 0 for x (D,), D >= d.

    family and start as in `optimal_encoder`. Raises `RequestError` for wrong shapes, and an error (also
    inside jit) when a search did not converge or the error of the gap exceeds `largest_error` (nat); `measure_gap`
    reports that instead, together with both sides, their errors and the reason.

    It tends to the contrast (0.111572 for this shear) as the noise variance goes to 0, at the rate eps:

        >>> model = LatentModel(lambda z: jnp.array([z[0] + 0.5 * z[1], z[1]]), 2)
        >>> for eps in (1e-1, 1e-2, 1e-3):
        ...     print(f"{gap(model.with_noise(eps), jnp.zeros(2), start=jnp.zeros(2)):.6f}")
        0.092172
        0.109357
        0.111347
    """
    require_float64("gap")
    instance("model", model, LatentModel)
    positive("largest_error", real_array("largest_error", largest_error))
    measured = _measured(model, _check(model, x), start, blocks_of(family, model.latent_dim))
    unsure = ~(measured.gap_error <= largest_error)
    if not isinstance(unsure, jax.core.Tracer) and bool(unsure & measured.converged):
        raise ArithmeticError(_too_large(model, measured, largest_error))
    message = "gap: expected the searches for modes and for the encoder to converge, they did not"
    value = eqx.error_if(measured.gap, ~measured.converged, message)
    message = "gap: expected an error of at most largest_error, got a larger one; measure_gap says why"
    return eqx.error_if(value, unsure & measured.converged, message)


def _check(model: LatentModel, x: ArrayLike) -> Float[Array, " D"]:
    data = model.check_data(x)
    if len(data) < model.latent_dim:
        raise RequestError(f"decoder: expected D >= d = {model.latent_dim} outputs for the gap, got D = {len(data)}")
    return data


def _too_large(model: LatentModel, measured: GapMeasurement, largest_error: float) -> str:
    """Say in one line by how much the error is too large, why, and from which eps on round-off would allow it."""
    error, eps = float(measured.gap_error), float(model.eps)
    line = f"gap: expected an error of at most {largest_error:g} nat, got {error:.2g} at eps = {eps:.2g}: "
    reason = Outcome(int(measured.outcome))
    if reason is Outcome.ROUNDING and error < float("inf"):
        return f"{line}{reason.message}; eps >= {eps * error / largest_error:.1g} would be"
    return line + reason.message


@reused
def _measured(
    model: LatentModel, data: Vector, left_out: Constant, starts: Float[Array, "S d"] | None, blocks: Blocks
) -> GapMeasurement:
    if starts is None and serves(model.latent_dim):
        found = wide_evidence(model, data, *search(model, data))
        modes, reference, likelihood = found.modes, found.reference, Evidence(found.value, found.error)
        outcome, optimum = found.outcome, best_of_distinct(model, data, found, blocks)[1]
        optimum = optimum._replace(error=optimum.error + missed_encoder(found, optimum))
    else:
        modes, reference, likelihood, outcome = around_starts(model, data, starts)
        _, optimum = best_optimum(model, data, modes, blocks, reference)
    constant = model.log_constant(data) + reference + left_out.value
    rounding = constant_rounding(model, data, modes) + left_out.error
    covariance = optimum.factor @ optimum.factor.T
    difference, error = likelihood.value - optimum.value, likelihood.error + optimum.error
    finite = jnp.isfinite(difference) & ~jnp.isnan(error) & jnp.isfinite(constant)
    return GapMeasurement(
        gap=difference,
        gap_error=jnp.where(jnp.isnan(error), jnp.inf, error),
        log_likelihood=constant + likelihood.value,
        log_likelihood_error=likelihood.error + rounding,
        elbo=constant + optimum.value,
        elbo_error=jnp.where(jnp.isnan(optimum.error), jnp.inf, optimum.error + rounding),
        mean=optimum.mean,
        std=jnp.sqrt(jnp.diagonal(covariance)),
        covariance=covariance,
        mode=optimum.mode,
        converged=optimum.converged & finite,
        outcome=jnp.where(
            finite, outcome, jnp.where(optimum.converged, int(Outcome.NON_FINITE), int(Outcome.MAXIMUM_STEPS))
        ),
    )
