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
from jaxtyping import Array, Float, Int

from .frame import LARGEST, frame_of
from .high_dimension import LOW, sampled_evidence
from .importance_sampling import draws, mixture_evidence
from .missed import missed_ratio, searched
from .model import LatentModel
from .modes import SAME_MODE, Mode, constant_rounding, distinct_first, find_modes, highest, kink_error, whitening
from .outcome import Outcome, outcome_of
from .precision import EPS64, require_float64
from .quadrature import lattice
from .reduction import Constant
from .requests import instance
from .scan import look
from .seed import SEED
from .starts import search_starts, with_scanned
from .traced import reused
from .wide import search, serves, wide_evidence

Vector = Float[Array | np.ndarray, " D"]

# Step and radius of the lattice in posterior standard deviations. On N(0, I) the full rule errs by 2d
# exp(-(2 pi / step)^2 / 2) and its halves by 2^d exp(-d (pi / step)^2 / 2), both below 1e-14 here; beyond
# the radius lie 1e-16.
_LATTICE = {1: (0.25, 9.0), 2: (0.5, 9.0), 3: (0.65, 8.75), 4: (0.8, 8.5)}


# Pairs of the sample about several modes.
_PAIRS = 16384

# Ratio of successive shells from which on a tail is too slow to be bounded by a geometric series.
_SLOW = 0.9


class LogLikelihood(NamedTuple):
    """log p_eps(x), its error, the modes, and why the error is large if it is.

    modes: one for each start (repeats are possible), or, without a start, the distinct ones first, repeats marked as
    not converged; outcome: the `Outcome` that says what most of a large error is due to.
    """

    value: Float[Array, ""]
    error: Float[Array, ""]
    modes: Mode
    outcome: Int[Array, ""]


class Evidence(NamedTuple):
    """log int exp(exponent - reference) dz, and its error."""

    value: Float[Array, ""]
    error: Float[Array, ""]


def evidence(model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]) -> Evidence:
    """Integrate exp(exponent - reference) over z, around the modes that converged (stacked)."""
    return evidence_and_outcome(model, x, modes, reference)[0]


def evidence_and_outcome(
    model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]
) -> tuple[Evidence, Int[Array, ""]]:
    """Return the evidence around the modes, and the `Outcome` that names the largest part of its error."""
    d = model.latent_dim
    if d not in _LATTICE:
        found = _evidence_by_sampling(model, x, modes, reference)
        return found, outcome_of(found.error, jnp.ones(1), (Outcome.SAMPLING,))
    step, radius = _LATTICE[d]
    rule = lattice(d, step, radius)
    h = jnp.sqrt(model.eps)
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    factors, log_dets = jax.vmap(whitening)(safe)

    def log_laplace(z: Array) -> Array:
        """Exponent of every Laplace approximation at z; -inf for the starts that did not converge."""
        r = (z[None, :] - modes.point) / h
        quadratic = jnp.einsum("sa,sab,sb->s", r, safe, r)
        return jnp.where(modes.converged, modes.exponent - 0.5 * quadratic, -jnp.inf)

    def around(index: Array, point: Array, factor: Array) -> tuple[Array, Array]:
        used = modes.converged[index]

        def integrand(xi: Array) -> tuple[Array, Array]:
            z = point + h * (factor @ xi)
            shares = log_laplace(z)
            share = jnp.where(used, shares[index] - logsumexp(shares), -jnp.inf)
            # A start that failed may lie where the joint is not a number; it has no share in the others' sums.
            exponent, rounding = model.exponent(z, x), model.rounding(z, x)
            return jnp.where(used, exponent, reference) - reference + share, jnp.where(used, rounding, 0.0)

        return jax.vmap(integrand)(jnp.asarray(rule.nodes))

    count = modes.point.shape[0]
    logs, rounding = jax.vmap(around)(jnp.arange(count), modes.point, factors)
    logs = logs + (log_dets + d * jnp.log(h))[:, None]
    values = jnp.exp(logs)
    total = jnp.sum(values)
    halves = jnp.sum(jnp.abs(values @ rule.parity))
    tail = _tail(values @ rule.outer, values @ rule.inner, total)
    round_off = jnp.sum(values * rounding)
    value = jnp.log(total) + jnp.log(rule.cell)
    kinks = jnp.max(jax.vmap(lambda factor: kink_error(model, h * factor, step))(factors))
    error = (halves + tail + round_off) / total + kinks + 4 * EPS64 * jnp.abs(value)
    error = jnp.where(jnp.isnan(error), jnp.inf, error)
    reasons = (Outcome.RIPPLE, Outcome.TAIL, Outcome.ROUNDING)
    return Evidence(value, error), outcome_of(error, jnp.stack([halves + kinks * total, tail, round_off]), reasons)


def around_starts(
    model: LatentModel, x: Vector, starts: Float[Array, "S d"] | None
) -> tuple[Mode, Float[Array, ""], Evidence, Int[Array, ""]]:
    """Return modes, their highest exponent, and evidence and outcome around them: from these starts, or a search.

    Without a start the error holds what the search may have missed, for 4 <= d <= 8.
    """
    scan = look(model, x, frame_of(model)) if starts is None and searched(model.latent_dim) else None
    counts = None
    if scan is not None:
        starts, counts = with_scanned(model, x, scan)
    elif starts is None:
        starts = search_starts(model, x, LARGEST)
    modes = find_modes(model, x, starts, counts)
    reference = highest(modes)
    found, outcome = evidence_and_outcome(model, x, modes, reference)
    if scan is None:
        return modes, reference, found, outcome
    missed = jnp.log1p(missed_ratio(model, modes, scan))
    error = found.error + missed
    reason = jnp.where(missed > found.error, outcome_of(error, jnp.ones(1), (Outcome.MODES,)), outcome)
    return modes, reference, Evidence(found.value, error), reason


def _tail(outer: Float[Array, " S"], inner: Float[Array, " S"], total: Float[Array, ""]) -> Float[Array, ""]:
    """Bound the mass beyond the balls from the last two shells of unit width, by what it decays like there.

    A geometric tail of ratio r < 0.9 holds r / (1 - r) of its last shell; a slower one may hold anything.
    """
    ratio = outer / jnp.where(inner > 0, inner, 1.0)
    slow = ratio > _SLOW
    geometric = outer * jnp.maximum(1.0, ratio / (1 - jnp.minimum(ratio, _SLOW)))
    return jnp.sum(jnp.where(slow & (outer > EPS64 * total), jnp.inf, geometric))


def _evidence_by_sampling(model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]) -> Evidence:
    """Evidence for d > 4: around the only mode, or by a sample from the mixture about the distinct ones (d <= 16)."""
    if len(modes.converged) == 1 or model.latent_dim > LOW:
        return _evidence_of_highest(model, x, modes, reference)
    different, count = distinct_first(modes, model.eps)
    random = draws(np.random.default_rng(SEED), _PAIRS, model.latent_dim)

    def several() -> Evidence:
        found = mixture_evidence(model, jnp.asarray(x), different, reference, random)
        return Evidence(found.value, found.error + constant_rounding(model, x, different))

    return jax.lax.cond(count > 1, several, lambda: _evidence_of_highest(model, x, modes, reference))


def _evidence_of_highest(model: LatentModel, x: Vector, modes: Mode, reference: Float[Array, ""]) -> Evidence:
    """Return the evidence of the highest mode; the others, where they differ from it, only enlarge the error."""
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

    start: (d,), or (S, d) for several modes, whose evidences add up; None searches. The error is an estimate meant as a
    bound, none is proved: with a start it covers quadrature, tails and round-off around the modes reached, and no other
    mode; up to d = 3 without a start whatever any evaluated point has seen, tails and plateaus included; for d > 4
    sampling (four standard errors, more where the weights' tail is heavy) and, up to d = 8 without a start, an estimate
    of the modes missed. Beyond d = 8 the search is eight starts. The error is inf where nothing is known, and `outcome`
    says why. How often it is too small was measured on models with known log p (see "Log-likelihood: stated against
    true errors" in the documentation).
    Raises `RequestError` for wrong shapes, and an error (also inside jit) when no start leads to a mode.

    With one latent and x = 2 z, x ~ N(0, 4 + eps):

        >>> model = LatentModel(lambda z: 2 * z, 1, noise_var=1e-2)
        >>> print(f"{log_likelihood(model, jnp.zeros(1)):.6f} {-0.5 * jnp.log(2 * jnp.pi * 4.01):.6f}")
        -1.613334 -1.613334
    """
    require_float64("log_likelihood")
    instance("model", model, LatentModel)
    result = _found(model, model.check_data(x), start)
    if full_output:
        return result
    message = "log_likelihood: expected a mode of p(z | x), found none"
    return eqx.error_if(result.value, ~jnp.isfinite(result.value), message)


@reused
def _found(model: LatentModel, data: Vector, left_out: Constant, starts: Float[Array, "S d"] | None) -> LogLikelihood:
    if starts is None and serves(model.latent_dim):
        found = wide_evidence(model, data, *search(model, data))
        value, error = found.log_likelihood(model, data)
        modes, outcome = found.modes, found.outcome
    else:
        modes, reference, local, outcome = around_starts(model, data, starts)
        value = model.log_constant(data) + reference + local.value
        error = local.error + constant_rounding(model, data, modes)
    modes = modes._replace(exponent=modes.exponent + left_out.exponent)
    error = error + left_out.error
    error = jnp.where(jnp.isnan(value) | jnp.isnan(error), jnp.inf, error)
    return LogLikelihood(value + left_out.value, error, modes, outcome)
