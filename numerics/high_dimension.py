"""Evidence and best ELBO for d > 3, where tensor rules are out of reach.

ELBO: the search uses the fully symmetric rule of degree 5 for value and gradient, and the Hessian of the quadratic
model (in the coordinates of `blocks` the ELBO is 1/2 u'Ku + 1/2 tr(R'KR) - log det R up to O(h^2), K = C'MC),
inside the damped Newton of `newton`; the value at its end is that of degree 7.

Evidence: with z = g + h W xi, the log-ratio r(xi) = exponent(z) - exponent(g) + |xi|^2/2 is small, and the evidence
is E exp r. With its Taylor terms at the mode, r = c3 + c4 + ... (homogeneous of degree 3 and 4 in xi), 1 + c3^2/2 +
c4 has an expectation known exactly by contraction of derivatives; what is left is averaged over antithetic pairs
+-xi of a fixed pseudo-random sample. The estimate is unbiased whatever the size of r; its error is four standard
errors plus the largest term.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .blocks import Family, Optimum, block_factor, blocks_of, identity, matrix_of, parameters_of
from .expansion import along, laplacian, third_derivative_norm
from .model import LatentModel
from .modes import Mode, relative_rounding, whitening
from .newton import minimise
from .precision import EPS64
from .symmetric import Levels, rule_of_degree_5, symmetric_levels

Vector = Float[Array | np.ndarray, " D"]

# Antithetic pairs, more where they are cheap, and the chunk in which they are evaluated.
_PAIRS_LOW, _PAIRS_HIGH, _LOW, _CHUNK = 65536, 8192, 16, 256
_SEED = 20220602
_STANDARD_ERRORS = 4.0

# The decrement at which the search ends: it costs the ELBO half its square.
_TOLERANCE = 1e-7


def sampled_evidence(
    model: LatentModel, x: Vector, mode: Mode, reference: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return log int exp(exponent - reference) dz around one mode, and its error."""
    d = model.latent_dim
    h = jnp.sqrt(model.eps)
    factor, log_det = whitening(mode.hessian)
    root = h * factor
    centre = jnp.zeros(d)

    def ratio(xi: Array) -> Array:
        """r(xi) without the Gaussian term: exponent relative to the mode."""
        return model.exponent(mode.point + root @ xi, x) - mode.exponent

    smoothed = laplacian(ratio, jnp.eye(d))
    slope = jax.grad(smoothed)(centre)
    square = third_derivative_norm(ratio, centre, jnp.eye(d)) / 12 + slope @ slope / 8
    known = square + laplacian(smoothed, jnp.eye(d))(centre) / 8

    def remainder(key: Array) -> Array:
        """(exp r(xi) + exp r(-xi))/2 - 1 - c3^2/2 - c4, with c3 and c4 by nested directional derivatives."""
        xi = jax.random.normal(key, (d,))
        third, fourth = jax.jvp(along(along(along(ratio, xi), xi), xi), (centre,), (xi,))
        half = 0.5 * xi @ xi
        plus, minus = jnp.expm1(ratio(xi) + half), jnp.expm1(ratio(-xi) + half)
        return 0.5 * (plus + minus) - 0.5 * (third / 6) ** 2 - fourth / 24

    pairs = _PAIRS_LOW if d <= _LOW else _PAIRS_HIGH
    keys = jax.random.split(jax.random.key(_SEED), pairs)
    terms = jax.lax.map(remainder, keys, batch_size=_CHUNK)
    total = 1 + known + jnp.mean(terms)
    error = _STANDARD_ERRORS * jnp.std(terms) / np.sqrt(pairs) + jnp.max(jnp.abs(terms)) / pairs
    value = jnp.log(total) + mode.exponent - reference + log_det + d * jnp.log(h) + 0.5 * d * jnp.log(2 * jnp.pi)
    return value, error / total + model.rounding(mode.point, x) + 4 * EPS64 * jnp.abs(value)


def maximise_symmetric(
    model: LatentModel, x: Vector, mode: Mode, family: Family, reference: Float[Array, ""]
) -> Optimum:
    """Maximise the ELBO over the family from the Laplace approximation at `mode`, d > 3."""
    d = model.latent_dim
    blocks = blocks_of(family, d)
    parameters = parameters_of(blocks)
    rows, features, diagonal = parameters
    hessian = jnp.where(mode.converged, mode.hessian, jnp.eye(d))
    factor = block_factor(hessian, blocks)
    scale = jnp.sqrt(model.eps) * factor
    rule = rule_of_degree_5(d)
    weights = jnp.asarray(rule.weights)
    phi = jnp.asarray(np.insert(rule.nodes, 0, 1.0, axis=1))
    model_hessian = (factor.T @ hessian @ factor)[rows][:, rows] * (features[:, None] == features[None, :])

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
    levels: Levels = symmetric_levels(lambda xi: exponent(shift + root @ xi), d)
    mean, full = mode.point + scale @ shift, scale @ root
    entropy = jnp.sum(jnp.log(jnp.diagonal(full))) + 0.5 * d * (1 + np.log(2 * np.pi))
    value = levels.degree7 + entropy
    error = levels.error + slack + found.decrement**2 + 4 * EPS64 * (jnp.abs(value) + jnp.abs(entropy))
    return Optimum(mode.point, mean, full, value, error, found.converged & mode.converged)
