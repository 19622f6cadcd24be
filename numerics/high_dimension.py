"""Evidence and best ELBO for d > 4, where tensor rules are out of reach.

Both are expectations E F(xi), xi ~ N(0, I), of a function that is nearly a polynomial of low degree. The Taylor
part of F has an expectation known exactly, by contraction of derivatives (no tensor is formed); what is left is
averaged over antithetic pairs +-xi of a fixed pseudo-random sample. The estimate is unbiased however far F is from
its Taylor part, and its error is that of `heavy_tails`.

- Evidence: z = g + h W xi, F = exp r, r = exponent(z) - exponent(g) + |xi|^2/2 = c3 + c4 + ... (homogeneous terms of
  degree 3, 4, ...); the Taylor part is 1 + c3^2/2 + c4, with E c3^2/2 = |V3|^2/12 + |tr V3|^2/8 and E c4 = Lap Lap r/8.
- ELBO: F = exponent(mean + L xi); the Taylor part is F(0) + c2 + c4, with E c2 = Lap F/2, E c4 = Lap Lap F/8.

The encoder is found by the damped Newton of `newton` on a fully symmetric rule, with the Hessian of the quadratic
model: in the coordinates of `blocks` the ELBO is -1/2 u'Ku - 1/2 tr(R'KR) + log det R up to O(h^2), K = C'MC.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from .blocks import Family, Optimum, block_factor, blocks_of, identity, matrix_of, parameters_of
from .expansion import along, laplacian, third_derivative_norm
from .heavy_tails import mean_error
from .model import LatentModel
from .modes import Mode, relative_rounding, whitening
from .newton import minimise
from .precision import EPS64
from .seed import SEED
from .student_t import log_student_t, stretches
from .symmetric import symmetric_rule

Vector = Float[Array | np.ndarray, " D"]

# Antithetic pairs, more where they are cheap, and the chunk in which they are evaluated.
_PAIRS_LOW, _PAIRS_HIGH, LOW, _CHUNK = 65536, 8192, 16, 256

# Share and scale of the wider parts of the proposal.
_WIDE = (0.1, 1.5), (0.1, 4.0)

# Up to this dimension the search uses the rule of degree 7 (1.1e4 nodes), above it degree 5 (8e3 nodes at d = 64),
# whose optimum costs the ELBO a term of order eps^4.
_DEGREE_7 = 20

# The decrement at which the search ends: it costs the ELBO half its square.
_TOLERANCE = 1e-7


def antithetic_mean(term: Callable[[Array], Array], d: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Average term(xi), the even part of a function at xi ~ N(0, I_d), and bound the error of the average."""
    pairs = _PAIRS_LOW if d <= LOW else _PAIRS_HIGH
    keys = jax.random.split(jax.random.key(SEED), pairs)
    terms = jax.lax.map(lambda key: term(jax.random.normal(key, (d,))), keys, batch_size=_CHUNK)
    return _mean_and_error(terms)


def _mean_and_error(terms: Float[Array, " n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the mean and its error."""
    return jnp.mean(terms), mean_error(terms)


def defensive_mean(term: Callable[[Array, Array], Array], d: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Average term(xi, log w), which is w times the even part of a function, w = N / mixture at xi.

    Where a posterior has heavier tails than its Laplace approximation, normal points do not meet them and the average
    comes out too small; some points are drawn from wider Student-t densities (Owen and Zhou, JASA 95, 2000). Up to d =
    16; above, all are normal and w = 1.
    """
    if d > LOW:
        return antithetic_mean(lambda xi: term(xi, jnp.zeros(())), d)
    shares = np.array([1 - sum(share for share, _ in _WIDE), *(share for share, _ in _WIDE)])
    scales = np.array([1.0, *(scale for _, scale in _WIDE)])
    counts = np.diff(np.round(np.append(0, np.cumsum(shares)) * _PAIRS_LOW).astype(int))
    component, rng = np.repeat(np.arange(len(shares)), counts), np.random.default_rng(SEED)
    stretch = np.where(component > 0, stretches(rng, _PAIRS_LOW), 1.0)
    keys = jax.random.split(jax.random.key(SEED), _PAIRS_LOW)

    def weighted(argument: tuple[Array, Array]) -> Array:
        key, scale = argument
        xi = scale * jax.random.normal(key, (d,))
        square = xi @ xi
        # log of each Student-t density over N(0, I).
        wide = log_student_t(square / scales[1:] ** 2, d) - d * np.log(scales[1:])
        wide = wide + 0.5 * square + 0.5 * d * np.log(2 * np.pi)
        return term(xi, -logsumexp(jnp.append(wide, 0.0) + np.log(np.append(shares[1:], shares[0]))))

    return _mean_and_error(jax.lax.map(weighted, (keys, jnp.asarray(scales[component] * stretch)), batch_size=_CHUNK))


def sampled_evidence(
    model: LatentModel, x: Vector, mode: Mode, reference: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return log int exp(exponent - reference) dz around one mode, and its error."""
    d = model.latent_dim
    h = jnp.sqrt(model.eps)
    factor, log_det = whitening(mode.hessian)
    root, centre, eye = h * factor, jnp.zeros(d), jnp.eye(d)

    def ratio(xi: Array) -> Array:
        """Return r(xi) - |xi|^2/2: the exponent relative to the mode."""
        return model.exponent(mode.point + root @ xi, x) - mode.exponent

    smoothed = laplacian(ratio, eye)
    slope = jax.grad(smoothed)(centre)
    known = third_derivative_norm(ratio, centre, eye) / 12 + slope @ slope / 8 + laplacian(smoothed, eye)(centre) / 8

    def even(xi: Array, log_weight: Array) -> Array:
        """Return w (exp r(xi) - 1), without overflow where the weight is tiny."""
        r, weight = ratio(xi) + 0.5 * xi @ xi, jnp.exp(log_weight)
        return jnp.where(r < 1, jnp.expm1(jnp.minimum(r, 1.0)) * weight, jnp.exp(r + log_weight) - weight)

    def remainder(xi: Array, log_weight: Array) -> Array:
        third, fourth = jax.jvp(along(along(along(ratio, xi), xi), xi), (centre,), (xi,))
        known = 0.5 * (third / 6) ** 2 + fourth / 24
        return 0.5 * (even(xi, log_weight) + even(-xi, log_weight)) - known * jnp.exp(log_weight)

    rest, error = defensive_mean(remainder, d)
    total = 1 + known + rest
    value = jnp.log(total) + mode.exponent - reference + log_det + d * jnp.log(h) + 0.5 * d * jnp.log(2 * jnp.pi)
    return value, error / total + model.rounding(mode.point, x) + 4 * EPS64 * jnp.abs(value)


def sampled_expectation(function: Callable[[Array], Array], d: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return E function(xi) for a smooth scalar function that is nearly quartic, and its error."""
    centre, eye = jnp.zeros(d), jnp.eye(d)
    smoothed = laplacian(function, eye)
    known = 0.5 * smoothed(centre) + laplacian(smoothed, eye)(centre) / 8
    origin = function(centre)

    def remainder(xi: Array) -> Array:
        second = along(along(function, xi), xi)
        fourth = along(along(second, xi), xi)(centre)
        return 0.5 * ((function(xi) - origin) + (function(-xi) - origin)) - second(centre) / 2 - fourth / 24

    rest, error = antithetic_mean(remainder, d)
    return origin + known + rest, error


def maximise_symmetric(
    model: LatentModel, x: Vector, mode: Mode, family: Family, reference: Float[Array, ""]
) -> Optimum:
    """Maximise the ELBO over the family from the Laplace approximation at `mode`, d > 4."""
    d = model.latent_dim
    blocks = blocks_of(family, d)
    parameters = parameters_of(blocks)
    rows, features, diagonal = parameters
    hessian = jnp.where(mode.converged, mode.hessian, jnp.eye(d))
    factor = block_factor(hessian, blocks)
    scale = jnp.sqrt(model.eps) * factor
    rule = symmetric_rule(d, 7 if d <= _DEGREE_7 else 5)
    weights = jnp.asarray(rule.weights)
    phi = jnp.asarray(np.insert(rule.nodes, 0, 1.0, axis=1))
    model_hessian = (factor.T @ hessian @ factor)[rows][:, rows]
    model_hessian = jnp.where(features[:, None] == features[None, :], model_hessian, 0.0)

    def exponent(v: Array) -> Array:
        return model.exponent(mode.point + scale @ v, x) - reference

    def derivatives(p: Array) -> tuple[Array, Array, Array]:
        offsets = phi @ matrix_of(p, parameters).T
        values, gradients = jax.lax.map(jax.value_and_grad(exponent), offsets, batch_size=_CHUNK)
        value = -values[0] - weights @ (values - values[0]) - jnp.sum(jnp.log(p[diagonal]))
        gradient = -(gradients.T @ (weights[:, None] * phi))[rows, features]
        gradient = gradient.at[diagonal].add(-1 / p[diagonal])
        return value, gradient, model_hessian.at[diagonal, diagonal].add(1 / p[diagonal] ** 2)

    rounding = model.rounding(mode.point, x) + relative_rounding(model, x) * jnp.sqrt(d)
    slack = len(weights) ** 0.5 * rounding
    found = minimise(derivatives, identity(parameters), tolerance=_TOLERANCE + slack, slack=slack, max_steps=60)
    matrix = matrix_of(found.point, parameters)
    shift, root = matrix[:, 0], matrix[:, 1:]
    expected, sampling = sampled_expectation(lambda xi: exponent(shift + root @ xi), d)
    mean, full = mode.point + scale @ shift, scale @ root
    entropy = jnp.sum(jnp.log(jnp.diagonal(full))) + 0.5 * d * (1 + np.log(2 * np.pi))
    value = expected + entropy
    error = sampling + rounding + found.decrement**2 + 4 * EPS64 * (jnp.abs(value) + jnp.abs(entropy))
    return Optimum(mode.point, mean, full, value, error, found.converged & mode.converged)
