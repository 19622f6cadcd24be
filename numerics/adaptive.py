"""Proposals for posteriors that have no smooth mode: where the decoder has kinks, a Laplace approximation is none.

Notation: e(z) = -V(z)/eps + ell(z); w the prior's standard deviations; J the whitened Jacobian. The first proposal is
a mixture of Student-t densities: one about each place where a search ended, with the Gauss-Newton precision
(J'J/eps + 1/w^2), and one as wide as the prior. Its self-normalised weights give mean and covariance of the posterior;
the next proposal has a component with these moments, and so on (adaptive importance sampling: Bugallo et al., IEEE
Signal Processing Magazine 34(4), 2017). What comes back are a component with the posterior's moments and one as wide as
the prior, which bounds the weights, in the form of modes: the samplers of `importance_sampling` take them as proposal.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from .importance_sampling import Draws
from .model import LatentModel
from .modes import Mode, find_mode, whitening
from .student_t import log_student_t

_PRIOR_FIRST, _FITTED, _PRIOR_LAST = 0.3, 0.6, 0.1
_WIDEN = 1.1  # of the fitted covariance
_CHUNK = 256
_CLIPPED = 64  # weights cut to the size of the smallest of them (Koblents and Miguez, Stat. Comput. 25, 2015)
_FEWEST = 30.0  # effective draws below which the fit is not trusted


class _Components(NamedTuple):
    """Student-t components: points, roots W W' of their scale matrices, log det W, log shares."""

    point: Float[Array, "S d"]
    root: Float[Array, "S d d"]
    log_det: Float[Array, " S"]
    log_share: Float[Array, " S"]


@eqx.filter_jit
def adapted_modes(
    model: LatentModel, x: Float[Array, " D"], starts: Float[Array, "S d"], prior_std: Float[Array, " d"], rounds: Draws
) -> Mode:
    """Two "modes": the posterior's moments, and the prior's width. rounds: draws with a leading axis of rounds."""
    found = jax.vmap(lambda start: find_mode(model, x, start))(starts)
    usable = jnp.isfinite(found.exponent)[:, None] & jnp.all(jnp.isfinite(found.point), axis=1, keepdims=True)
    points = jnp.where(usable, found.point, starts)
    heights = jax.vmap(lambda z: model.exponent(z, x))(points)
    heights = jnp.where(jnp.isfinite(heights), heights, -jnp.inf)
    roots, log_dets = jax.vmap(lambda z: _gauss_newton(model, z, prior_std))(points)
    centre = model.prior.push(jnp.zeros(model.latent_dim))
    wide = jnp.diag(prior_std), jnp.sum(jnp.log(prior_std))
    masses = jax.nn.log_softmax(heights + log_dets)
    local = jnp.logaddexp(masses, -jnp.log(len(starts) * 1.0)) - jnp.log(2.0)

    def components(fit: tuple[Array, Array, Array] | None) -> _Components:
        fitted = 0.0 if fit is None else _FITTED
        shares = [jnp.log((1 - _PRIOR_FIRST) * (1 - fitted)) + local, jnp.log(_PRIOR_FIRST * (1 - fitted))[None]]
        parts = [points, centre[None]], [roots, wide[0][None]], [log_dets, wide[1][None]], shares
        if fit is not None:
            for part, value in zip(parts, (*fit, jnp.log(_FITTED)), strict=True):
                part.append(value[None])
        return _Components(*(jnp.concatenate(part) for part in parts))

    fit, effective = None, jnp.asarray(0.0)
    for index in range(rounds.normal.shape[0]):
        draw = jax.tree.map(lambda leaf, index=index: leaf[index], rounds)
        mean, covariance, effective = _moments(model, x, components(fit), draw)
        root = jnp.linalg.cholesky(_WIDEN * covariance + 1e-12 * jnp.diag(prior_std**2))
        fit = mean, root, jnp.sum(jnp.log(jnp.diagonal(root)))
    assert fit is not None
    reference = jnp.max(heights)
    scales = jnp.stack([fit[1], wide[0]])
    hessians = jax.vmap(lambda root: model.eps * jnp.linalg.inv(root @ root.T))(scales)
    shares = jnp.log(jnp.array([1 - _PRIOR_LAST, _PRIOR_LAST]))
    exponents = reference + shares - jnp.stack([jnp.zeros(()), wide[1] - fit[2]])
    good = (effective > _FEWEST) & jnp.all(jnp.isfinite(hessians))
    return Mode(jnp.stack([fit[0], centre]), hessians, exponents, jnp.stack([good, good]))


def _gauss_newton(model: LatentModel, z: Array, prior_std: Array) -> tuple[Array, Array]:
    jacobian = jax.jacfwd(model.decoder)(z)
    columns = jax.vmap(lambda column: model.whiten(column, z))(jacobian.T)
    return whitening(columns @ columns.T / model.eps + jnp.diag(1 / prior_std**2))


def _moments(model: LatentModel, x: Array, mixture: _Components, draw: Draws) -> tuple[Array, Array, Array]:
    """Mean and covariance of the posterior by self-normalised weights, and the effective number of draws."""
    count, d = draw.normal.shape
    level = (jnp.arange(count, dtype=float) + draw.offset) / count
    which = jnp.clip(jnp.searchsorted(jnp.cumsum(jnp.exp(mixture.log_share)), level), 0, len(mixture.log_share) - 1)
    inverse = jax.vmap(jnp.linalg.inv)(mixture.root)

    def at(xi: Array, stretch: Array, b: Array) -> tuple[Array, Array]:
        z = mixture.point[b] + stretch * (mixture.root[b] @ xi)
        square = jnp.sum(jnp.einsum("sab,sb->sa", inverse, z[None, :] - mixture.point) ** 2, axis=1)
        log_density = log_student_t(square, d) - mixture.log_det
        return z, model.exponent(z, x) - logsumexp(mixture.log_share + log_density)

    arguments = jnp.asarray(draw.normal), jnp.asarray(draw.stretch), which
    points, logs = jax.lax.map(lambda one: at(*one), arguments, batch_size=_CHUNK)
    logs = jnp.where(jnp.isfinite(logs), logs, -jnp.inf)
    effective = 1 / jnp.sum(jax.nn.softmax(logs) ** 2)
    # The largest weights are cut to one size: moments of a handful of draws would collapse the next proposal.
    weights = jax.nn.softmax(jnp.minimum(logs, jnp.sort(logs)[-min(_CLIPPED, count)]))
    mean = weights @ points
    centred = points - mean[None, :]
    covariance = jnp.einsum("n,na,nb->ab", weights, centred, centred)
    return mean, covariance, effective
