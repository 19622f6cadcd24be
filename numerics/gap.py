"""The gap log p_eps(x) - ELBO*(x), measured exactly: quadrature for both sides, no asymptotics.

Both sides are computed relative to the exponent at the mode, so that their large common parts (log C,
-V(g)/eps) never meet in the difference. As eps -> 0 the gap tends to the IMA contrast (claim `elbo-limit`), or to the
contrast of M = Hess V in general (claim `general-limit`).
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from .blocks import Family
from .encoder import best_optimum
from .likelihood import constant_rounding, evidence, find_modes, highest
from .model import LatentModel
from .precision import require_float64
from .reduction import reduction
from .starts import starts_or_search


class GapMeasurement(NamedTuple):
    """Everything measured at one point; the errors are estimates meant as bounds: quadrature, search and round-off.

    gap = log_likelihood - elbo, computed without their common part; mean (d,), std (d,) and covariance (d,
    d) of the best encoder; mode (d,) of the posterior; converged: the modes and the encoder's search all
    met their tolerances.
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


def measure_gap(model: LatentModel, x: ArrayLike, *, start: ArrayLike, family: Family = "mean-field") -> GapMeasurement:
    """Measure log-likelihood, best ELBO and their gap at x (D,), from start (d,) or several starts (S, d).

    Pure: may be jitted, vmapped and differentiated with respect to every leaf. With several starts the
    evidences of the distinct modes add up and the best encoder wins. Not converged is reported, never
    raised.
    """
    require_float64("measure_gap")
    return _measure(model, model.check_data(x), start, family)


def gap(
    model: LatentModel, x: ArrayLike, *, family: Family = "mean-field", start: ArrayLike | None = None
) -> Float[Array, ""]:
    """Return log p_eps(x) - max ELBO(x) >= 0 for x (D,).

    family and start as in `optimal_encoder`. Raises `ValueError` for wrong shapes, and an error (also
    inside jit) when a search did not converge; `measure_gap` reports that instead, together with both sides
    and their errors.

    It tends to the contrast (0.111572 for this shear) as the noise variance goes to 0, at the rate eps:

        >>> model = LatentModel(lambda z: jnp.array([z[0] + 0.5 * z[1], z[1]]), 2)
        >>> for eps in (1e-1, 1e-2, 1e-3):
        ...     print(f"{gap(model.with_noise(eps), jnp.zeros(2), start=jnp.zeros(2)):.6f}")
        0.092172
        0.109357
        0.111347
    """
    require_float64("gap")
    measured = _measure(model, model.check_data(x), start, family)
    message = "gap: expected the searches for modes and for the encoder to converge, they did not"
    return eqx.error_if(measured.gap, ~measured.converged, message)


def _measure(model: LatentModel, data: Float[Array, " D"], start: ArrayLike | None, family: Family) -> GapMeasurement:
    whole = reduction(model)
    model, (data, left_out) = whole.model, whole.data(data)
    modes = find_modes(model, data, starts_or_search(model, data, start))
    reference = highest(modes)
    likelihood = evidence(model, data, modes, reference)
    _, optimum = best_optimum(model, data, modes, family, reference)
    constant = model.log_constant(data) + reference + left_out.value
    rounding = constant_rounding(model, data, modes) + left_out.error
    covariance = optimum.factor @ optimum.factor.T
    return GapMeasurement(
        gap=likelihood.value - optimum.value,
        gap_error=likelihood.error + optimum.error,
        log_likelihood=constant + likelihood.value,
        log_likelihood_error=likelihood.error + rounding,
        elbo=constant + optimum.value,
        elbo_error=optimum.error + rounding,
        mean=optimum.mean,
        std=jnp.sqrt(jnp.diagonal(covariance)),
        covariance=covariance,
        mode=optimum.mode,
        converged=optimum.converged,
    )
