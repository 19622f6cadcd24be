"""What a search may have missed, where no global rule stands beside it: above three dimensions, and in an account.

Every polished point of the `scan` belongs to the mode whose ball holds it. The mass of the modes that one point alone
has reached estimates that of the modes that none has (Good, Biometrika 40, 1953, 237-264); of the points that belong to
no mode the distinct ones count with their Gaussian mass, and what the last look has added counts once more. Where a
point many prior standard deviations out could be as good as what was found, even with no residual left, or where half
of the mass was reached once only, nothing is known.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from .cover import log_masses
from .distinct import distinct_ranks
from .frame import LARGEST, frame_of
from .model import LatentModel
from .modes import Mode, distinct_first, highest
from .scan import INTEGRATED, Scan

# Distinct points beyond all modes that count.
_STRAYS = 128

# Squared radius of a mode's ball in posterior standard deviations.
_BALL = 9.0

# The same for a lattice, and by how much narrower, in mean squares, what it resolves may be than the mode.
_SUMMED, _RESOLVED = 64.0, 2.0

# The estimate is one of few counts: as many times as much may be missing.
_SAFETY = 5.0

# Prior standard deviations beyond which no point of the scan has been polished.
_FAR = 15.0


def searched(d: int) -> bool:
    """Whether a scan is made in this dimension whose finds no global rule checks."""
    return INTEGRATED < d <= LARGEST


def missed_ratio(model: LatentModel, modes: Mode, scan: Scan) -> Float[Array, ""]:
    """Return the mass that may lie at modes that are not among these (stacked), over that of those; inf: unknown."""
    different, _ = distinct_first(modes, model.eps)
    safe = jnp.where(different.converged[:, None, None], different.hessian, jnp.eye(model.latent_dim))
    r = scan.point[:, None] - different.point[None, :]
    squares = jnp.einsum("wsa,sab,wsb->ws", r, safe, r) / model.eps
    squares = jnp.where(different.converged[None, :], squares, jnp.inf)
    inside = (jnp.min(squares, axis=1) < _BALL) & jnp.isfinite(scan.exponent)
    counts = jnp.zeros(squares.shape[1]).at[jnp.argmin(squares, axis=1)].add(inside.astype(float))
    masses = log_masses(different, model.eps)
    once = logsumexp(jnp.where(counts <= 1, masses, -jnp.inf))
    frame = frame_of(model)
    left = jnp.where(inside, -jnp.inf, scan.log_mass(frame))
    ranks = distinct_ranks(scan.point @ frame.inverse.T, scan.curvature, left, _STRAYS)
    strays = logsumexp(jnp.where(ranks < _STRAYS, left, -jnp.inf))
    share = jnp.exp(jnp.logaddexp(jnp.logaddexp(once, strays), scan.late) - logsumexp(masses))
    steps = _FAR * jnp.eye(model.latent_dim)
    far = jnp.max(jax.vmap(lambda u: model.log_prior(model.prior.push(u)))(jnp.concatenate([steps, -steps])))
    known = (share < 0.5) & (highest(modes) > far)
    return jax.lax.stop_gradient(jnp.where(known, _SAFETY * share, jnp.inf))


def unseen_ratio(model: LatentModel, modes: Mode, scan: Scan) -> Float[Array, ""]:
    """Return the mass that the scan has seen where no lattice around these modes (stacked) sums it, over theirs.

    For d = 2 and 3: a lattice sums what lies within its radius and is no narrower than its step; what the last look
    has added counts once more.
    """
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(model.latent_dim))
    frame = frame_of(model)
    r = scan.point[:, None] - modes.point[None, :]
    squares = jnp.einsum("wsa,sab,wsb->ws", r, safe, r) / model.eps
    covariance = jnp.einsum("ab,sbc,dc->sad", frame.inverse, model.eps * jnp.linalg.inv(safe), frame.inverse)
    narrower = jnp.einsum("sab,wba->ws", covariance, scan.curvature) / model.latent_dim
    summed = (squares < _BALL) | ((squares < _SUMMED) & (narrower < _RESOLVED))
    left = jnp.where(jnp.any(summed & modes.converged[None, :], axis=1), -jnp.inf, scan.log_mass(frame))
    ranks = distinct_ranks(scan.point @ frame.inverse.T, scan.curvature, left, _STRAYS)
    strays = logsumexp(jnp.where(ranks < _STRAYS, left, -jnp.inf))
    different, _ = distinct_first(modes, model.eps)
    return jax.lax.stop_gradient(
        jnp.exp(jnp.logaddexp(strays, scan.late) - logsumexp(log_masses(different, model.eps)))
    )
