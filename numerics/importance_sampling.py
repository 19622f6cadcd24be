"""Evidence and ELBO by sampling, with error bars: for d > 3, and as a second route for any d.

Notation: e(z) = -V(z)/eps + ell(z) the exponent, relative to a reference; modes g_b with M_b = Hess(V - eps ell), h =
sqrt(eps), W_b W_b' = M_b^-1, so that N(g_b, eps M_b^-1) is the Laplace approximation at mode b, of mass proportional
to pi_b = exp(e(g_b)) det W_b.

Evidence. The proposal q is a defensive mixture: 9/10 the Laplace mixture N, 1/10 a wider Student-t mixture with the
same modes, so that the weights p/q stay bounded where the posterior has heavier tails (Owen and Zhou, Safe and
effective importance sampling, JASA 95, 2000). E_q[N/q] = 1 is known, and N/q, used as a control variate, takes away
all variance in the limit eps -> 0. Points come in antithetic pairs about a mode.

ELBO of N(mean, diag(std^2)): antithetic pairs, the quadratic part of the exponent exactly (its expectation is
1/2 sum_k std_k^2 d_kk e(mean)) and as a control variate.

Errors are those of `heavy_tails`: four standard errors and the largest term, more where the tail is heavy.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from .heavy_tails import mean_error
from .model import LatentModel
from .modes import Mode, whitening
from .student_t import log_student_t, stretches

_DEFENSIVE, _WIDER = 0.1, 1.5  # share and scale of the Student-t part
_CHUNK = 128


class Draws(NamedTuple):
    """Random numbers for one estimate, made with NumPy: compiling a sampler costs more than using it.

    normal (P, d): N(0, I); stretch (P,): sqrt(nu / chi^2_nu), which makes a normal point a Student-t point; offset in
    [0, 1).
    """

    normal: Float[np.ndarray | Array, "P d"]
    stretch: Float[np.ndarray | Array, " P"]
    offset: Float[np.ndarray | Array, ""]


def draws(rng: np.random.Generator, pairs: int, d: int) -> Draws:
    """Fresh random numbers for `pairs` antithetic pairs."""
    stretch = stretches(rng, pairs)
    return Draws(rng.standard_normal((pairs, d)), stretch, np.asarray(rng.random()))


class Estimate(NamedTuple):
    """A value and four standard errors of it."""

    value: Float[Array, ""]
    error: Float[Array, ""]


def mixture_evidence(
    model: LatentModel, x: Float[Array, " D"], modes: Mode, reference: Float[Array, ""], random: Draws
) -> Estimate:
    """log int exp(e(z) - reference) dz around stacked modes."""
    d, h = model.latent_dim, jnp.sqrt(model.eps)
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    factors, log_dets = jax.vmap(whitening)(safe)
    log_shares = jax.nn.log_softmax(jnp.where(modes.converged, modes.exponent + log_dets, -jnp.inf))
    log_volumes = log_dets + d * jnp.log(h)

    def log_normal_and_proposal(z: Array) -> tuple[Array, Array]:
        r = (z[None, :] - modes.point) / h
        square = jnp.einsum("sa,sab,sb->s", r, safe, r)
        normal = -0.5 * square - 0.5 * d * np.log(2 * np.pi) - log_volumes
        student = log_student_t(square / _WIDER**2, d) - d * np.log(_WIDER) - log_volumes
        log_normal = logsumexp(log_shares + normal)
        both = jnp.logaddexp(np.log(1 - _DEFENSIVE) + log_normal, np.log(_DEFENSIVE) + logsumexp(log_shares + student))
        return log_normal, both

    pairs = len(random.normal)
    # Stratified: as nearly as possible the right number of pairs from each part of the proposal.
    level = (jnp.arange(pairs, dtype=float) + random.offset) / pairs
    wide = level < _DEFENSIVE
    within = jnp.where(wide, level / _DEFENSIVE, (level - _DEFENSIVE) / (1 - _DEFENSIVE))
    component = jnp.clip(jnp.searchsorted(jnp.cumsum(jnp.exp(log_shares)), within), 0, len(log_shares) - 1)

    stretches = jnp.where(wide, _WIDER * random.stretch, 1.0)

    def pair(arguments: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        xi, stretch, b = arguments
        step = h * stretch * (factors[b] @ xi)

        def at(z: Array) -> tuple[Array, Array]:
            log_normal, log_proposal = log_normal_and_proposal(z)
            return jnp.exp(model.exponent(z, x) - reference - log_proposal), jnp.exp(log_normal - log_proposal)

        weights, controls = jax.vmap(at)(jnp.stack([modes.point[b] + step, modes.point[b] - step]))
        return jnp.mean(weights), jnp.mean(controls)

    weights, controls = jax.lax.map(pair, (random.normal, stretches, component), batch_size=_CHUNK)
    mean, error = _controlled_mean(weights, controls - 1.0)
    return Estimate(jnp.log(mean), error / mean)


def sampled_elbo(
    model: LatentModel,
    x: Float[Array, " D"],
    mean: Float[Array, " d"],
    std: Float[Array, " d"],
    reference: Float[Array, ""],
    random: Draws,
) -> Estimate:
    """E_q[e - reference] + entropy for q = N(mean, diag(std^2)), without log C."""
    d = model.latent_dim

    def exponent(z: Array) -> Array:
        return model.exponent(z, x) - reference

    hessian = jax.hessian(exponent)(mean)
    scaled = hessian * std[:, None] * std[None, :]
    centre = exponent(mean)

    def pair(xi: Array) -> tuple[Array, Array]:
        plus, minus = jax.vmap(exponent)(jnp.stack([mean + std * xi, mean - std * xi]))
        quadratic = 0.5 * xi @ scaled @ xi
        return 0.5 * (plus - centre) + 0.5 * (minus - centre), quadratic - 0.5 * jnp.trace(scaled)

    terms, controls = jax.lax.map(pair, jnp.asarray(random.normal), batch_size=_CHUNK)
    value, error = _controlled_mean(terms, controls)
    entropy = jnp.sum(jnp.log(std)) + 0.5 * d * (1 + np.log(2 * np.pi))
    return Estimate(centre + value + entropy, error)


def _controlled_mean(terms: Float[Array, " n"], controls: Float[Array, " n"]) -> tuple[Array, Array]:
    """Mean of the terms less the best multiple of controls of mean zero, and its error."""
    centred = controls - jnp.mean(controls)
    variance = jnp.sum(centred**2)
    slope = jnp.where(variance > 0, jnp.sum(centred * terms) / jnp.where(variance > 0, variance, 1.0), 0.0)
    rest = terms - slope * controls
    mean = jnp.mean(rest)
    return mean, mean_error(rest - mean)


@eqx.filter_jit
def total_gap(
    model: LatentModel,
    x: Float[Array, " D"],
    modes: Mode,
    mean: Float[Array, " d"],
    std: Float[Array, " d"],
    random: tuple[Draws, Draws],
) -> Estimate:
    """log p(x) - ELBO(N(mean, diag(std^2))) by sampling alone: the second route to what the parts must add up to."""
    reference = jnp.max(jnp.where(modes.converged, modes.exponent, -jnp.inf))
    evidence = mixture_evidence(model, x, modes, reference, random[0])
    bound = sampled_elbo(model, x, mean, std, reference, random[1])
    return Estimate(evidence.value - bound.value, evidence.error + bound.error)
