"""Modes of the posterior: minimisers g of V - eps ell from given starts.

With h = sqrt(eps), M the Hessian of V - eps ell at the mode and W W' = M^-1, the coordinates z = g + h W xi
make the posterior N(0, I) to leading order. All quadrature happens in such coordinates, so that nothing
degenerates as eps -> 0.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float

from .model import LatentModel
from .newton import minimise, second_derivatives

Vector = Float[Array | np.ndarray, " D"]

# Newton stops this many posterior standard deviations from the mode, plus the round-off of f(z) - x in units
# of the noise: quadrature around the mode does not need more.
_STANDARD_DEVIATIONS = 1e-9

# Where a kink of the decoder or of the prior keeps Newton from the tolerance, a point this close still serves to
# place the quadrature, whose error estimate does not assume more.
_ACCEPTED, _ACCEPTED_AT_KINK = 0.25, 2.0


class Mode(NamedTuple):
    """A mode: its point g, M = Hess(V - eps ell), the exponent -V/eps + ell, and whether Newton converged."""

    point: Float[Array, " d"]
    hessian: Float[Array, "d d"]
    exponent: Float[Array, ""]
    converged: Bool[Array, ""]


def relative_rounding(model: LatentModel, x: Vector) -> Float[Array, ""]:
    """Return the round-off of f(z) - x in units of the noise, a bound below which no search can see."""
    return 8 * model.resolution * (1 + jnp.max(jnp.abs(x))) / jnp.sqrt(model.eps)


def find_mode(model: LatentModel, x: Vector, start: Float[Array, " d"]) -> Mode:
    """Minimise V/eps - ell from `start`. Not converged when no interior minimum with M > 0 is reached."""
    minimum = minimise(
        second_derivatives(lambda z: -model.exponent(z, x)),
        start,
        tolerance=_STANDARD_DEVIATIONS + relative_rounding(model, x),
        accepted=jnp.where(model.prior.slope_jump > 0, _ACCEPTED_AT_KINK, _ACCEPTED),
        slack=model.rounding(start, x),
    )
    return Mode(minimum.point, model.eps * minimum.hessian, -minimum.value, minimum.converged)


def kink_error(model: LatentModel, factor: Float[Array, "d d"], step: float) -> Float[Array, ""]:
    """Bound the error that a prior with kinks adds to quadrature against N(0, I) in z = point + factor xi.

    A jump J of the slope across a hyperplane costs a rule of spacing `step` at most J step^2 / 12 times the normal
    density 0.4 there, for each coordinate; doubled, because the posterior is not quite normal.
    """
    return 2 * model.prior.slope_jump * jnp.sum(jnp.linalg.norm(factor, axis=1)) * 0.4 * step**2 / 12


def whitening(hessian: Float[Array, "d d"]) -> tuple[Float[Array, "d d"], Float[Array, ""]]:
    """Return W, upper triangular with W W' = M^-1, and log det W, for M positive definite (nan otherwise)."""
    factor = jnp.linalg.cholesky(hessian)
    eye = jnp.eye(hessian.shape[0], dtype=hessian.dtype)
    return solve_triangular(factor, eye, lower=True).T, -jnp.sum(jnp.log(jnp.diagonal(factor)))
