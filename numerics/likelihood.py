"""The exact log-likelihood log p_eps(x) = log int p(x, z) dz, by quadrature around the modes of the posterior.

Around each mode, z = g + h W xi (see `modes`) and the trapezoid rule in a ball of xi. Several modes share
the integral by a smooth partition of unity, w_b = N_b / sum N_b' with N_b the Laplace approximation at mode
b, so that nothing is counted twice, however close the modes are and even when two starts find the same one.
Error estimate: difference of the two half rules, mass in the outer shell, and round-off.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from .high_dimension import sampled_evidence
from .model import LatentModel
from .modes import Mode, find_mode, kink_error, whitening
from .precision import EPS64, require_float64
from .quadrature import lattice
from .reduction import reduction
from .starts import starts_or_search

Vector = Float[Array | np.ndarray, " D"]

# Step and radius of the lattice in posterior standard deviations. On N(0, I) the full rule errs by 2d
# exp(-(2 pi / step)^2 / 2) and its halves by 2^d exp(-d (pi / step)^2 / 2), both below 1e-14 here; beyond
# the radius lie 1e-16.
_LATTICE = {1: (0.25, 9.0), 2: (0.5, 9.0), 3: (0.65, 8.75), 4: (0.8, 8.5)}

# Squared distance in posterior standard deviations above which two modes are taken to be different.
SAME_MODE = 1e-4


class LogLikelihood(NamedTuple):
    """log p_eps(x), an estimate of its error, and the modes found, one for each start (repeats are possible)."""

    value: Float[Array, ""]
    error: Float[Array, ""]
    modes: Mode


class Evidence(NamedTuple):
    """log int exp(exponent - reference) dz, and its error."""

    value: Float[Array, ""]
    error: Float[Array, ""]


def find_modes(model: LatentModel, x: Vector, starts: Float[Array, "S d"]) -> Mode:
    """Return the mode reached from each start, stacked."""
    return jax.vmap(lambda start: find_mode(model, x, start))(starts)


def highest(modes: Mode) -> Float[Array, ""]:
    """Return the largest exponent among the modes that converged (-inf when none did)."""
    return jnp.max(jnp.where(modes.converged, modes.exponent, -jnp.inf))


def constant_rounding(model: LatentModel, x: Vector, modes: Mode) -> Float[Array, ""]:
    """Return the round-off in log C(x) + exponent at the highest mode, which enters both sides of the gap alike."""
    top = jnp.argmax(jnp.where(modes.converged, modes.exponent, -jnp.inf))
    size = jnp.abs(model.log_constant(x)) + jnp.abs(modes.exponent[top])
    return 4 * EPS64 * size + model.rounding(modes.point[top], x)


def evidence(model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]) -> Evidence:
    """Integrate exp(exponent - reference) over z, around the modes that converged (stacked)."""
    d = model.latent_dim
    if d not in _LATTICE:
        return _evidence_of_highest(model, x, modes, reference)
    rule = lattice(d, *_LATTICE[d])
    h = jnp.sqrt(model.eps)
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    factors, log_dets = jax.vmap(whitening)(safe)

    def log_laplace(z: Array) -> Array:
        """Exponent of every Laplace approximation at z; -inf for the starts that did not converge."""
        r = (z[None, :] - modes.point) / h
        quadratic = jnp.einsum("sa,sab,sb->s", r, safe, r)
        return jnp.where(modes.converged, modes.exponent - 0.5 * quadratic, -jnp.inf)

    def around(index: Array, point: Array, factor: Array) -> tuple[Array, Array]:
        def integrand(xi: Array) -> tuple[Array, Array]:
            z = point + h * (factor @ xi)
            shares = log_laplace(z)
            share = jnp.where(modes.converged[index], shares[index] - logsumexp(shares), -jnp.inf)
            return model.exponent(z, x) - reference + share, model.rounding(z, x)

        return jax.vmap(integrand)(jnp.asarray(rule.nodes))

    count = modes.point.shape[0]
    logs, rounding = jax.vmap(around)(jnp.arange(count), modes.point, factors)
    logs = logs + (log_dets + d * jnp.log(h))[:, None]
    values = jnp.exp(logs)
    total = jnp.sum(values)
    halves = jnp.sum(jnp.abs(values @ rule.parity))
    tail = jnp.sum(values @ rule.outer)
    round_off = jnp.sum(values * rounding)
    value = jnp.log(total) + jnp.log(rule.cell)
    kinks = jnp.max(jax.vmap(lambda factor: kink_error(model, h * factor, _LATTICE[d][0]))(factors))
    error = (halves + tail + round_off) / total + kinks + 4 * EPS64 * jnp.abs(value)
    return Evidence(value, error)


def _evidence_of_highest(model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]) -> Evidence:
    """Evidence for d > 4: that of the highest mode; the others, where they differ from it, only enlarge the error."""
    top = jnp.argmax(jnp.where(modes.converged, modes.exponent, -jnp.inf))
    mode = jax.tree.map(lambda leaf: leaf[top], modes)
    value, error = sampled_evidence(model, x, mode, reference)
    r = modes.point - mode.point[None, :]
    distance = jnp.einsum("sa,ab,sb->s", r, mode.hessian, r) / model.eps
    other = modes.converged & (distance > SAME_MODE)
    mass = jnp.sum(jnp.where(other, jnp.exp(modes.exponent - mode.exponent), 0.0))
    return Evidence(value, error + mass)


def log_likelihood(
    model: LatentModel, x: ArrayLike, *, start: ArrayLike | None = None, full_output: bool = False
) -> Float[Array, ""] | LogLikelihood:
    """Return log p_eps(x) for x (D,); with full_output a `LogLikelihood` with error and modes.

    start: (d,), or (S, d) for several modes, whose evidences add up; None searches. Exact up to the
    error stated, for any eps, on and off the manifold, injective or not.
    Raises `ValueError` for wrong shapes, and an error (also inside jit) when no start leads to a mode.

    With one latent and x = 2 z, x ~ N(0, 4 + eps):

        >>> model = LatentModel(lambda z: 2 * z, 1, noise_var=1e-2)
        >>> print(f"{log_likelihood(model, jnp.zeros(1)):.6f} {-0.5 * jnp.log(2 * jnp.pi * 4.01):.6f}")
        -1.613334 -1.613334
    """
    require_float64("log_likelihood")
    whole = reduction(model)
    data, left_out = whole.data(model.check_data(x))
    model = whole.model
    modes = find_modes(model, data, starts_or_search(model, data, start))
    reference = highest(modes)
    found = evidence(model, data, modes, reference)
    constant = model.log_constant(data) + reference + left_out.value
    value = eqx.error_if(
        constant + found.value,
        ~jnp.any(modes.converged),
        "log_likelihood: expected a mode of p(z | x), found none",
    )
    error = found.error + constant_rounding(model, data, modes) + left_out.error
    modes = modes._replace(exponent=modes.exponent + left_out.exponent)
    return LogLikelihood(value, error, modes) if full_output else value
