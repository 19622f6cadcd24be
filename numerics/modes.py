"""Modes of the posterior: minimisers g of V - eps ell from given starts.

With h = sqrt(eps), M the Hessian of V - eps ell at the mode and W W' = M^-1, the coordinates z = g + h W xi
make the posterior N(0, I) to leading order. All quadrature happens in such coordinates, so that nothing
degenerates as eps -> 0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from .listed import listed
from .model import LatentModel
from .newton import minimise, second_derivatives
from .precision import EPS64

Vector = Float[Array | np.ndarray, " D"]

# Newton stops this many posterior standard deviations from the mode, plus the round-off of f(z) - x in units
# of the noise: quadrature around the mode does not need more.
_STANDARD_DEVIATIONS = 1e-9

# Where a kink of the decoder or of the prior keeps Newton from the tolerance, a point this close still serves to
# place the quadrature, whose error estimate does not assume more.
_ACCEPTED, _ACCEPTED_AT_KINK = 0.25, 2.0

# Squared distance in posterior standard deviations above which two modes are taken to be different: when only the
# highest is integrated, and when each has a ball of its own, in which near ones are contained.
SAME_MODE, _SAME_BALL = 1e-4, 0.1

# Modes whose mass is smaller by more than this factor's logarithm add less than round-off.
_NEGLIGIBLE = 45.0


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


def find_modes(
    model: LatentModel, x: Vector, starts: Float[Array, "S d"], counts: Bool[Array, " S"] | None = None
) -> Mode:
    """Return the mode reached from each start, stacked; of those that do not count none, marked as not converged."""
    if counts is None:
        return jax.vmap(lambda start: find_mode(model, x, start))(starts)
    modes, real = listed(lambda start: find_mode(model, x, start), starts, counts)
    return modes._replace(converged=modes.converged & real)


def distinct_first(modes: Mode, eps: Float[Array, ""]) -> tuple[Mode, Int[Array, ""]]:
    """Return the stacked modes, each distinct one once and the largest mass first, and how many there are.

    Repeats, and modes whose mass is negligible, come last and are marked as not converged.
    """
    size, d = modes.point.shape
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    log_dets = jax.vmap(lambda hessian: whitening(hessian)[1])(safe)
    mass = jnp.where(modes.converged, modes.exponent + log_dets, -jnp.inf)
    r = modes.point[:, None] - modes.point[None, :]
    close = jnp.einsum("ija,jab,ijb->ij", r, safe, r) < _SAME_BALL * eps
    index = jnp.arange(size)
    earlier = (mass[None, :] > mass[:, None]) | ((mass[None, :] == mass[:, None]) & (index[None, :] < index[:, None]))
    repeated = jnp.any(close & earlier & modes.converged[None, :], axis=1)
    kept = modes.converged & ~repeated & (mass > jnp.max(mass) - _NEGLIGIBLE)
    order = jnp.argsort(-jnp.where(kept, mass, -jnp.inf))
    sorted_modes = jax.tree.map(lambda leaf: leaf[order], modes)
    return sorted_modes._replace(converged=kept[order]), jnp.sum(kept)


def highest(modes: Mode) -> Float[Array, ""]:
    """Return the largest exponent among the modes that converged (-inf when none did)."""
    return jnp.max(jnp.where(modes.converged, modes.exponent, -jnp.inf))


def constant_rounding(model: LatentModel, x: Vector, modes: Mode) -> Float[Array, ""]:
    """Return the round-off in log C(x) + exponent at the highest mode, common to both sides of the gap."""
    top = jnp.argmax(jnp.where(modes.converged, modes.exponent, -jnp.inf))
    size = jnp.abs(model.log_constant(x)) + jnp.abs(modes.exponent[top])
    squares = jnp.abs(jnp.linalg.eigvalsh(modes.hessian[top]))
    # Beyond this condition the smallest eigenvalue of M is round-off, and where the mode lies along it.
    lost = jnp.where(squares[0] < 2 * EPS64 * squares[-1], jnp.inf, 0.0)
    return 4 * EPS64 * size + model.rounding(modes.point[top], x) + jax.lax.stop_gradient(lost)


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
