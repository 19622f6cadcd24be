"""The expansion in eps of log p_eps, ELBO* and the gap, for any smooth decoder, prior, noise and observation.

Notation: joint = C exp(-V/eps + ell), g the minimiser of V, M = Hess V(g), S = blockdiag((M_BB)^-1) for the
encoder's blocks. With the second-order operator  Lap_Q F = sum_ab Q_ab d_a d_b F,  the formulas of the claim
`general-limit` become

    b(Q) = grad(ell - 1/2 Lap_Q V)           m  = M^-1 b(S)
    e(Q) = 1/2 Lap_Q ell - 1/8 Lap_Q Lap_Q V   T_B = -S_B [Hess(m.grad V + 1/2 Lap_S V - ell)]_BB S_B
    E1 = e(S) + 1/2 b(S)' M^-1 b(S)          L1 = e(M^-1) + 1/2 b(M^-1)' M^-1 b(M^-1) + 1/12 |V3|^2

and a1 = L1 - E1 is the slope of the gap, with |V3|^2 the sum
of squares of the third derivatives of V in coordinates that whiten M. Each Lap_Q is a
sum of second directional derivatives along the columns of a root of Q (nested forward mode): derivative
tensors are never formed, and the cost is d^2 directional derivatives of order four and d^2 / 2 gradients of
order two, for any d.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from .blocks import Blocks, Family, block_factor, blocks_of
from .model import LatentModel
from .modes import whitening
from .newton import minimise, second_derivatives
from .precision import EPS64, require_float64
from .reduction import Constant
from .requests import instance
from .traced import Vector, reused

Scalar = Callable[[Array], Array]

# Directions that are differentiated at once: enough to fill a core, few enough for images and d = 64.
_CHUNK = 16


class Expansion(NamedTuple):
    """The coefficients of the expansion at g = point; scalars, (d,) vectors and (d, d) matrices.

    log p_eps(x) = (limit) + eps log_likelihood_slope + O(eps^2); ELBO* likewise with elbo_slope;
    gap = contrast + eps gap_slope + O(eps^2); mean = point + eps mean_shift + O(eps^2);
    covariance of the encoder = eps covariance + eps^2 covariance_correction + O(eps^3), and its diagonal
    likewise with variance and variance_correction. smallest_curvature is the smallest eigenvalue of M: where eps times
    the prior's curvature is not small against it, the posterior is not narrow along that direction (which need be no
    axis), and the terms above are of no use.
    """

    point: Float[Array, " d"]
    contrast: Float[Array, ""]
    gap_slope: Float[Array, ""]
    mean_shift: Float[Array, " d"]
    variance: Float[Array, " d"]
    variance_correction: Float[Array, " d"]
    covariance: Float[Array, "d d"]
    covariance_correction: Float[Array, "d d"]
    log_likelihood_slope: Float[Array, ""]
    elbo_slope: Float[Array, ""]
    smallest_curvature: Float[Array, ""]


def along(function: Callable, direction: Array) -> Callable:
    """Return z -> directional derivative of `function` at z."""
    return lambda z: jax.jvp(function, (z,), (direction,))[1]


def mapped(function: Callable, *directions: Array) -> Array:
    """Map over the leading axis, all at once when that is one chunk: a loop and its remainder compile twice."""
    if len(directions[0]) <= _CHUNK:
        return jax.vmap(function)(*directions)
    return jax.lax.map(lambda arguments: function(*arguments), directions, batch_size=_CHUNK)


def laplacian(function: Callable, root: Float[Array, "d r"]) -> Callable:
    """Return z -> sum_ab Q_ab d_a d_b function(z) with Q = root root'; works for vector functions too."""

    def evaluate(z: Array) -> Array:
        return jnp.sum(mapped(lambda v: along(along(function, v), v)(z), root.T), axis=0)

    return evaluate


def third_derivative_norm(potential: Scalar, point: Array, root: Float[Array, "d d"]) -> Float[Array, ""]:
    """Return sum_abc V3[w_a, w_b, w_c]^2 over the columns w of `root`, from the pairs a <= b."""
    first, second = np.triu_indices(root.shape[1])
    # Off the diagonal each pair stands for (a, b) and (b, a).
    counts = jnp.asarray(np.where(first == second, 1.0, 2.0))

    def squared(a: Array, b: Array) -> Array:
        row = along(along(jax.grad(potential), a), b)(point) @ root
        return jnp.sum(row * row)

    return counts @ mapped(squared, root.T[first], root.T[second])


def expansion(
    model: LatentModel, z: ArrayLike, *, x: ArrayLike | None = None, family: Family = "mean-field"
) -> Expansion:
    """Return the coefficients of the expansion for the encoder family ("mean-field", "full" or blocks).

    z (d,): the preimage g of x = f(z) (of the model's mean for observations) when x is None; else where the
    search for the minimiser g of V(., x) starts, x (D,) on or off the manifold. Assumes a unique
    minimiser, M > 0, V smooth (claim `general-limit`). Does not depend on the noise scale. Raises `RequestError` for
    wrong shapes, and an error (also inside jit) when no minimiser is reached whose M is positive definite beyond
    round-off.

    For a linear decoder with a standard normal prior a1 = 1/2 (sum_k 1/A_kk - tr A^-1), here 1/2 (1.8 - 2.25):

        >>> found = expansion(LatentModel(lambda z: jnp.array([z[0] + 0.5 * z[1], z[1]]), 2), jnp.zeros(2))
        >>> print(f"{found.contrast:.6f} {found.gap_slope:.6f}")
        0.111572 -0.225000
    """
    require_float64("expansion")
    instance("model", model, LatentModel)
    start = model.check_latent(z)
    data = model.mean(start) if x is None else model.check_data(x)
    found, minimum, definite = _expanded(model, data, start, blocks_of(family, model.latent_dim), x is not None)
    message = "expansion: expected V to have a minimum with positive definite Hessian near z, found none"
    found = eqx.error_if(found, ~minimum, message)
    message = "expansion: expected Hess V to be positive definite at z, it is not"
    return eqx.error_if(found, ~definite, message)


@reused
def _expanded(
    model: LatentModel, data: Vector, left_out: Constant, starts: Float[Array, "1 d"], blocks: Blocks, searched: bool
) -> tuple[Expansion, Bool[Array, ""], Bool[Array, ""]]:
    """The expansion; whether there is a minimum, searched for from the start if asked for; whether M is definite."""

    def potential(point: Array) -> Array:
        return model.potential(point, data)

    g, minimum = starts[0], jnp.array(True)
    if searched:
        end = minimise(second_derivatives(potential), g, tolerance=1e-13)
        g, minimum = end.point, end.converged
    found, definite = _coefficients(potential, model.log_prior, g, blocks)
    return found, minimum, definite


def _coefficients(potential: Scalar, ell: Scalar, g: Array, blocks: Blocks) -> tuple[Expansion, Bool[Array, ""]]:
    """The expansion at the minimiser g of V, by the formulas of the module's docstring, and whether M is definite."""
    hessian = second_derivatives(potential)(g)[2]
    white, _ = whitening(hessian)
    curvatures = jnp.linalg.eigvalsh(hessian)
    # A smaller eigenvalue is round-off of the largest.
    definite = (curvatures[0] > 4 * len(g) * EPS64 * curvatures[-1]) & jnp.all(jnp.isfinite(white))
    factor = block_factor(hessian, blocks)

    def terms(root: Array) -> tuple[Array, Array]:
        """Return b(Q) and e(Q) for Q = root root'."""
        smoothed = laplacian(potential, root)
        b = jax.grad(lambda point: ell(point) - 0.5 * smoothed(point))(g)
        e = laplacian(lambda point: 0.5 * ell(point) - 0.125 * smoothed(point), root)(g)
        return b, e

    # One map over both roots: the fourth-order program is compiled once.
    (b_encoder, b_posterior), (e_encoder, e_posterior) = jax.lax.map(terms, jnp.stack([factor, white]))
    shift = white @ (white.T @ b_encoder)
    elbo_slope = e_encoder + 0.5 * b_encoder @ shift
    likelihood_slope = e_posterior + 0.5 * jnp.sum((white.T @ b_posterior) ** 2)
    likelihood_slope = likelihood_slope + third_derivative_norm(potential, g, white) / 12
    covariance = factor @ factor.T

    def tilted(point: Array) -> Array:
        return along(potential, shift)(point) + 0.5 * laplacian(potential, factor)(point) - ell(point)

    columns = mapped(lambda v: along(jax.grad(tilted), v)(g), jnp.eye(g.size, dtype=g.dtype))
    correction = -covariance @ jnp.where(_same_block(blocks), columns, 0.0) @ covariance
    found = Expansion(
        point=g,
        contrast=-0.5 * jnp.linalg.slogdet(factor.T @ hessian @ factor)[1],
        gap_slope=likelihood_slope - elbo_slope,
        mean_shift=shift,
        variance=jnp.diagonal(covariance),
        variance_correction=jnp.diagonal(correction),
        covariance=covariance,
        covariance_correction=correction,
        log_likelihood_slope=likelihood_slope,
        elbo_slope=elbo_slope,
        smallest_curvature=curvatures[0],
    )
    return found, definite


def _same_block(blocks: Blocks) -> np.ndarray:
    """Return the (d, d) mask of pairs in one block."""
    label = np.zeros(sum(len(block) for block in blocks), dtype=int)
    for number, block in enumerate(blocks):
        label[list(block)] = number
    return label[:, None] == label[None, :]
