"""The ELBO of a Gaussian encoder and its maximiser.

ELBO(q) = E_q[log p(x, z)] + H(q), H(q) = log det L + (d/2) log(2 pi e) for q = N(mean, L L'). The
expectation is a quadrature sum, the entropy exact. The encoder's covariance is block-diagonal for a
partition of the coordinates: singletons are mean field, one block is full covariance (claim `block-encoder`).

The search runs over the parameters of `blocks`, in which z is linear: the derivatives of the quadrature sum are
exact contractions of the gradient and Hessian of the exponent at the nodes, and -log det R is convex.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from ..errors import RequestError
from .blocks import Blocks, Family, Optimum, Parameters, block_factor, blocks_of, identity, matrix_of, parameters_of
from .frame import LARGEST
from .high_dimension import maximise_symmetric
from .model import LatentModel
from .modes import Mode, constant_rounding, find_modes, highest, kink_error, relative_rounding
from .newton import minimise, second_derivatives
from .precision import EPS64, require_float64
from .quadrature import Rule, gauss_hermite
from .reduction import Constant, reduction
from .requests import instance, positive, real_array, refused
from .starts import search_starts
from .symmetric import symmetric_levels
from .traced import reused
from .wide import Found, search, serves, wide_evidence

Vector = Float[Array | np.ndarray, " D"]
# Nodes a coordinate for the search, and for the value at its end; their difference is the error estimate.
NODES = {1: (32, 48), 2: (16, 22), 3: (10, 14), 4: (7, 9)}

# In three and four dimensions the search begins with fewer nodes, which cost an eighth: until the decrement is _NEAR,
# in few steps, and only where it stays close to the Laplace approximation, in its standard deviations.
_FIRST_NODES = {3: 5, 4: 4}
_NEAR, _FEW_STEPS, _CLOSE = 1e-6, 12, 0.5

# In an account, where the ELBO with all nodes is higher there, it may go this far.
_FAR = 2.0

_TOLERANCE = 1e-11

# Modes whose log-mass is this far below the best ELBO are not tried; modes that overlap may gain that much together.
_PASSED_OVER = 3.0


class Encoding(NamedTuple):
    """The best encoder found: mean (d,), covariance (d, d), std (d,), its ELBO with error, and whether it converged.

    candidates (S,): the ELBO reached from each start, nan where the search did not converge; agreed says
    that those which converged are equal within their errors (a non-injective decoder has several optima:
    claim `folds`).
    """

    mean: Float[Array, " d"]
    covariance: Float[Array, "d d"]
    std: Float[Array, " d"]
    elbo: Float[Array, ""]
    error: Float[Array, ""]
    converged: Bool[Array, ""]
    candidates: Float[Array, " S"]
    agreed: Bool[Array, ""]


def expected_exponent(
    model: LatentModel, x: Vector, mean: Array, factor: Array, rule: Rule, reference: Array
) -> tuple[Array, Array]:
    """Return E_q[exponent - reference] for q = N(mean, factor factor'), and its round-off."""

    def at(xi: Array) -> tuple[Array, Array]:
        z = mean + factor @ xi
        return model.exponent(z, x) - reference, model.rounding(z, x)

    values, rounding = jax.vmap(at)(jnp.asarray(rule.nodes))
    # Centred at the value at the mean, so that the weights' own round-off multiplies differences only.
    centre = model.exponent(mean, x) - reference
    weights = jnp.asarray(rule.weights)
    return centre + weights @ (values - centre), weights @ rounding


def entropy(factor: Float[Array, "d d"]) -> Float[Array, ""]:
    """Return log abs det L + (d/2) log(2 pi e) for N(., L L'), L triangular within its blocks."""
    return jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor)))) + 0.5 * factor.shape[0] * (1 + np.log(2 * np.pi))


def _potential(
    model: LatentModel, x: Vector, point: Array, scale: Array, reference: Array, v: Float[Array, " d"]
) -> Float[Array, ""]:
    """Return reference - exponent at point + scale v."""
    return reference - model.exponent(point + scale @ v, x)


def _objective(
    potential: Callable[[Array], Array], parameters: Parameters, rule: Rule
) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Return value, gradient and Hessian of -ELBO in the parameters (u, R), by a rule for xi."""
    rows, features, diagonal = parameters
    weights = jnp.asarray(rule.weights)
    phi = jnp.asarray(np.insert(rule.nodes, 0, 1.0, axis=1))
    moments = weights[:, None] * phi
    squares = moments[:, features][:, :, None] * phi[:, features][:, None, :]

    def derivatives(p: Array) -> tuple[Array, Array, Array]:
        offsets = phi @ matrix_of(p, parameters).T
        values, gradients, hessians = jax.vmap(second_derivatives(potential))(offsets)
        value = weights @ values - jnp.sum(jnp.log(p[diagonal]))
        gradient = jnp.einsum("na,nf->af", gradients, moments)[rows, features]
        gradient = gradient.at[diagonal].add(-1 / p[diagonal])
        hessian = jnp.einsum("npq,npq->pq", hessians[:, rows][:, :, rows], squares)
        return value, gradient, hessian.at[diagonal, diagonal].add(1 / p[diagonal] ** 2)

    return derivatives


def _minus_elbo(
    potential: Callable[[Array], Array], parameters: Parameters, rule: Rule, p: Float[Array, " P"]
) -> Float[Array, ""]:
    """Return the value of `_objective`."""
    phi = jnp.asarray(np.insert(rule.nodes, 0, 1.0, axis=1))
    values = jax.vmap(potential)(phi @ matrix_of(p, parameters).T)
    return jnp.asarray(rule.weights) @ values - jnp.sum(jnp.log(p[parameters.diagonal]))


def _near(
    potential: Callable[[Array], Array],
    parameters: Parameters,
    rule: Rule,
    start: Float[Array, " P"],
    thorough: Rule | None,
) -> Float[Array, " P"]:
    """Return what a few nodes find near the start: where the search with all of them begins, not where it ends.

    thorough: all nodes, where these may say whether something further away is better than the start.
    """
    found = minimise(_objective(potential, parameters, rule), start, tolerance=_NEAR, max_steps=_FEW_STEPS)
    moved = jnp.where(found.converged, jnp.max(jnp.abs(found.point - start)), jnp.inf)
    if thorough is None:
        return jnp.where(moved < _CLOSE, found.point, start)
    values = jax.vmap(partial(_minus_elbo, potential, parameters, thorough))(jnp.stack([found.point, start]))
    return jnp.where((moved < _CLOSE) | ((moved < _FAR) & (values[0] <= values[1])), found.point, start)


def maximise(
    model: LatentModel, x: Vector, mode: Mode, family: Family, reference: Float[Array, ""], frugal: bool = False
) -> Optimum:
    """Maximise the ELBO over the family from the Laplace approximation at `mode`, d <= 4.

    frugal: what few nodes find in three and four dimensions counts further away from it, too.
    """
    d = model.latent_dim
    blocks = blocks_of(family, d)
    parameters = parameters_of(blocks)
    coarse, fine = (gauss_hermite(d, n) for n in NODES[d])
    h = jnp.sqrt(model.eps)
    scale = h * block_factor(jnp.where(mode.converged, mode.hessian, jnp.eye(d)), blocks)
    potential = partial(_potential, model, x, mode.point, scale, reference)
    slack = model.rounding(mode.point, x) + relative_rounding(model, x)
    tolerance = _TOLERANCE + relative_rounding(model, x)
    start = identity(parameters)
    if d in _FIRST_NODES:
        start = _near(potential, parameters, gauss_hermite(d, _FIRST_NODES[d]), start, coarse if frugal else None)
    found = minimise(_objective(potential, parameters, coarse), start, tolerance=tolerance, slack=slack)
    shift, root = jnp.split(matrix_of(found.point, parameters), [1], axis=1)
    mean, factor = mode.point + scale @ shift[:, 0], scale @ root
    expected, rounding = expected_exponent(model, x, mean, factor, fine, reference)
    value = expected + entropy(factor)
    truncation = jnp.abs(value - (entropy(scale) - found.value)) + found.decrement**2
    # Near 0 the nodes of Gauss-Hermite are pi / sqrt(n) apart.
    kinks = kink_error(model, factor, np.pi / np.sqrt(NODES[d][0]))
    error = truncation + rounding + kinks + 4 * EPS64 * (jnp.abs(value) + jnp.abs(entropy(factor)))
    return Optimum(mode.point, mean, factor, value, error, found.converged & mode.converged)


def best_optimum(
    model: LatentModel, x: Vector, modes: Mode, family: Family, reference: Float[Array, ""], frugal: bool = False
) -> tuple[Optimum, Optimum]:
    """Return the optimum reached from every mode (stacked), and the best of those that converged."""
    if model.latent_dim in NODES:
        optima = jax.vmap(lambda mode: maximise(model, x, mode, family, reference, frugal))(modes)
    else:
        optima = jax.lax.map(lambda mode: maximise_symmetric(model, x, mode, family, reference), modes)
    best = jnp.argmax(jnp.where(optima.converged, optima.value, -jnp.inf))
    return optima, jax.tree.map(lambda leaf: leaf[best], optima)


def best_of_distinct(model: LatentModel, x: Vector, found: Found, family: Family) -> tuple[Optimum, Optimum]:
    """Return the optima reached from the distinct modes (stacked, not converged where none was sought), and the best.

    An encoder near one mode has no ELBO above the log of the mass there: modes of too small a mass are passed over.
    """
    shapes = jax.eval_shape(
        lambda: maximise(model, x, jax.tree.map(lambda leaf: leaf[0], found.modes), family, found.reference)
    )
    size = len(found.modes.converged)
    empty = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape), leaf.dtype), shapes)
    empty = empty._replace(mode=found.modes.point, value=jnp.full(size, -jnp.inf))

    def promising(state: tuple[Array, Optimum]) -> Array:
        index, optima = state
        best = jnp.max(jnp.where(optima.converged, optima.value, -jnp.inf))
        return (index < found.count) & (found.log_mass[index] + _PASSED_OVER > best)

    def add(state: tuple[Array, Optimum]) -> tuple[Array, Optimum]:
        index, optima = state
        mode = jax.tree.map(lambda leaf: leaf[index], found.modes)
        new = maximise(model, x, mode, family, found.reference)
        return index + 1, jax.tree.map(lambda all_, one: all_.at[index].set(one), optima, new)

    _, optima = jax.lax.while_loop(promising, add, (jnp.asarray(0), empty))
    best = jnp.argmax(jnp.where(optima.converged, optima.value, -jnp.inf))
    return optima, jax.tree.map(lambda leaf: leaf[best], optima)


def missed_encoder(found: Found, optimum: Optimum) -> Float[Array, ""]:
    """Bound by how much an encoder outside of all balls could beat the best: its ELBO is at most the log-mass there."""
    return jnp.maximum(found.outside - optimum.value, 0.0)


def elbo(model: LatentModel, x: ArrayLike, mean: ArrayLike, std: ArrayLike) -> Float[Array, ""]:
    """Return the ELBO of q = N(mean, diag(std^2)), or N(mean, std std') for a factor of shape (d, d).

    x (D,), mean (d,), std (d,) positive or an invertible (d, d) factor. Tensor Gauss-Hermite up to d = 4, the
    symmetric rule of degree 7 above. Never above log p (claim `elbo-decomposition`).
    Raises `RequestError` for other shapes. Also in float32.

    The posterior of a linear model of one latent is in the family, so that its ELBO is log p:

        >>> model = LatentModel(lambda z: 2 * z, 1, noise_var=1e-2)
        >>> print(f"{elbo(model, jnp.zeros(1), jnp.zeros(1), jnp.sqrt(1 / (1 + 4 / 1e-2)) * jnp.ones(1)):.6f}")
        -1.613334
    """
    instance("model", model, LatentModel)
    d = model.latent_dim
    whole, centre = reduction(model), model.check_latent(mean, "mean")
    data, left_out = whole.data(model.check_data(x))
    model = whole.model
    factor = real_array("std", std)
    if factor.shape == (d,):
        factor = positive("std", factor)
        log_det = jnp.sum(jnp.log(factor))
        factor = jnp.diag(factor)
    elif factor.shape == (d, d):
        log_det = jnp.linalg.slogdet(factor)[1]
        factor = refused(factor, ~jnp.isfinite(log_det), "std: expected an invertible factor of finite values")
    else:
        raise RequestError(f"std: expected shape ({d},) or ({d}, {d}), got {factor.shape}")
    if d in NODES:
        rule = gauss_hermite(d, NODES[d][1])
        expected, _ = expected_exponent(model, data, centre, factor, rule, jnp.zeros(()))
    else:
        expected = symmetric_levels(lambda xi: model.exponent(centre + factor @ xi, data), d).degree7
    constant = model.log_constant(data) + left_out.value
    return constant + expected + log_det + 0.5 * d * jnp.log(2 * jnp.pi * jnp.e)


def optimal_encoder(
    model: LatentModel, x: ArrayLike, *, family: Family = "mean-field", start: ArrayLike | None = None
) -> Encoding:
    """Return the Gaussian encoder with the largest ELBO at x (D,).

    family: "mean-field", "full", or blocks such as ((0, 1), (2,)); start: (d,), (S, d), or None to search.
    The best optimum over the starts wins; `candidates` keeps the others. `converged` reports, nothing is
    assumed. Raises `RequestError` for wrong shapes or blocks that are no partition.

    The variances of a linear model are exactly 1 / (1 + |J_k|^2 / eps):

        >>> model = LatentModel(lambda z: jnp.array([z[0] + 0.5 * z[1], z[1]]), 2, noise_var=1e-2)
        >>> variance = optimal_encoder(model, jnp.zeros(2), start=jnp.zeros(2)).std ** 2
        >>> print([f"{value:.8f}" for value in variance], f"{1 / 101:.8f} {1 / 126:.8f}")
        ['0.00990099', '0.00793651'] 0.00990099 0.00793651
    """
    require_float64("optimal_encoder")
    instance("model", model, LatentModel)
    return _best(model, model.check_data(x), start, blocks_of(family, model.latent_dim))


@reused
def _best(
    model: LatentModel, data: Vector, left_out: Constant, starts: Float[Array, "S d"] | None, blocks: Blocks
) -> Encoding:
    if starts is None and serves(model.latent_dim):
        found = wide_evidence(model, data, *search(model, data))
        modes, reference = found.modes, found.reference
        optima, best = best_of_distinct(model, data, found, blocks)
        missed = missed_encoder(found, best)
    else:
        modes = find_modes(model, data, search_starts(model, data, LARGEST) if starts is None else starts)
        reference, missed = highest(modes), jnp.zeros(())
        optima, best = best_optimum(model, data, modes, blocks, reference)
    covariance = best.factor @ best.factor.T
    constant = model.log_constant(data) + reference + left_out.value
    candidates = jnp.where(optima.converged, optima.value, jnp.nan)
    spread = jnp.nanmax(candidates) - jnp.nanmin(candidates)
    return Encoding(
        mean=best.mean,
        covariance=covariance,
        std=jnp.sqrt(jnp.diagonal(covariance)),
        elbo=constant + best.value,
        error=best.error + missed + constant_rounding(model, data, modes) + left_out.error,
        converged=best.converged,
        candidates=constant + candidates,
        agreed=best.converged & (spread <= 2 * jnp.max(jnp.where(optima.converged, optima.error, 0.0))),
    )
