r"""The ELBO of a decoder near its best, in any dimension: at the encoder that small noise asks for.

`convergence.best_elbo` maximises over the encoder and needs a tensor rule, d <= 4. Here the encoder at x has the mode
of p(y | x), by Newton's method from a start, and there, H the Hessian of -log p(x, y),

    variances 1 / H_kk (mean field), or covariance H^-1 (full).

Claims `encoder-mean` and `encoder-variance`: that is the best encoder up to errors that cost O(eps). It is an encoder
nonetheless, so that its ELBO is never above the best one: a bound from below, of the true decoder and of a run alike,
and a run whose bound is within a tolerance of the true decoder's is at the optimum up to O(eps).
The expectation is by a Gauss-Hermite rule up to d = 4, by the rule of degree five of McNamee and Stenger above.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.newton import minimise, second_derivatives
from ..numerics.precision import require_float64
from ..numerics.quadrature import Rule, gauss_hermite
from .convergence import BestElbo, elbo_of, in_float64
from .models import VAE

_NODES = {1: (9, 12), 2: (6, 9), 3: (4, 6), 4: (3, 4)}  # Gauss-Hermite nodes a coordinate: two rules
_TOLERANCE = 1e-5  # on Newton's decrement
_BATCH = 100


@lru_cache
def degree_five(d: int) -> Rule:
    """Nodes (2 d^2 + 1, d) and weights of a rule for N(0, I_d) that is exact for polynomials of degree five.

    J. McNamee and F. Stenger, Numerische Mathematik 10 (1967) 327-344.
    """
    far, near = np.sqrt(d + 2.0), np.sqrt((d + 2.0) / 2)
    axes = [sign * far * np.eye(d)[k] for k in range(d) for sign in (1, -1)]
    planes = [
        near * (a * np.eye(d)[i] + b * np.eye(d)[j])
        for i, j in combinations(range(d), 2)
        for a, b in product((1, -1), repeat=2)
    ]
    weights = [2 / (d + 2), *[(4 - d) / (2 * (d + 2) ** 2)] * len(axes), *[1 / (d + 2) ** 2] * len(planes)]
    return Rule(np.array([np.zeros(d), *axes, *planes]), np.array(weights))


def mode_elbo(
    vaes: VAE,
    points: Float[Array | np.ndarray, "M m D"],
    which: Sequence[int],
    log_noise_var: Float[Array | np.ndarray, "R"],
    start: Float[Array | np.ndarray, "R m d"],
    *,
    full: bool = False,
) -> list[BestElbo]:
    """The ELBO of each of R stacked runs at the mode of p(y | x); start: where the search for y begins.

    `found` says whether the mode was. The error is the difference of two rules, above d = 4 not known and 0. In
    float64, whatever the runs were trained in. Raises RuntimeError without float64.
    """
    require_float64("mode_elbo")
    found = _modes(
        in_float64(vaes),
        jnp.asarray(points, float),
        jnp.asarray(list(which), jnp.int32),
        jnp.asarray(log_noise_var, float),
        jnp.asarray(start, float),
        full,
    )
    return [BestElbo(*run) for run in zip(*map(np.asarray, found), strict=True)]


@eqx.filter_jit
def _modes(vaes: VAE, points: Array, which: Array, log_noise_var: Array, start: Array, full: bool) -> tuple[Array, ...]:
    """The fields of `BestElbo`, in order, with a leading axis R."""
    arrays, static = eqx.partition(vaes, eqx.is_array)
    d = start.shape[-1]
    rules = [gauss_hermite(d, count) for count in _NODES[d]] if d in _NODES else [degree_five(d)]

    def of_run(run: tuple[VAE, Array, Array, Array]) -> tuple[Array, ...]:
        leaves, row, log_eps, begin = run
        vae = eqx.combine(leaves, static)

        def at(pair: tuple[Array, Array]) -> tuple[Array, ...]:
            x, first = pair

            def negative(y: Array) -> Array:
                return 0.5 * jnp.sum((x - vae.decode(y)) ** 2) * jnp.exp(-log_eps) - vae.prior.log_prob(y)

            mode = minimise(second_derivatives(negative), first, tolerance=_TOLERANCE)
            values = [elbo_of(vae, x, mode.point, _spread(mode.hessian, full), log_eps, rule) for rule in rules]
            converged = mode.converged & jnp.isfinite(values[-1])
            return values[-1], jnp.abs(values[-1] - values[0]), vae.link(mode.point), converged

        return jax.lax.map(at, (points[row], begin), batch_size=min(_BATCH, len(begin)))

    return jax.lax.map(of_run, (arrays, which, log_noise_var, start))


def _spread(hessian: Array, full: bool) -> Array:
    """log sigma of the mean-field encoder, or the spread of the full covariance H^-1 (`loss`)."""
    if not full:
        return -0.5 * jnp.log(hessian.diagonal())
    lower = jnp.linalg.cholesky(jnp.linalg.inv(hessian))
    return jnp.tril(lower, -1) + jnp.diag(jnp.log(lower.diagonal()))
