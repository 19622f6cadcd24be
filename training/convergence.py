"""Whether a run has converged: the best held-out ELBO of its decoder beside that of the true one.

A run that misses a property of the optimum speaks against a theorem only if it is at the optimum. For a decoder f let

    best(f)(x) = max over (mean, log_std) of ELBO(f; x),    shortfall = mean over held-out x of best(true) - best(f).

The best ELBO leaves the encoder's own error out: Newton's method (`numerics.newton`) starts from what the encoder
gives at x. The expectation is a Gauss-Hermite sum; what a finer rule finds at the same encoder is its error. Both
decoders are measured at the same points, so that the shortfall's standard error is that of a paired difference. E log p
is largest for the truth, so no decoder beats the true one by more than the latter's gap: no shortfall, an optimum.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from ..numerics.newton import minimise, second_derivatives
from ..numerics.precision import require_float64
from ..numerics.quadrature import Rule, gauss_hermite
from .loss import elbo_terms
from .models import VAE

_RULES = {1: (12, 20), 2: (5, 9), 3: (4, 6), 4: (3, 5)}  # nodes a coordinate: for the search, and for the value
_TOLERANCE = 1e-4  # on Newton's decrement, which leaves half its square in the ELBO
_BATCH = 100
MARGIN = 3.0  # standard errors of the mean over held-out points: one run in 700 is taken for better than it is


class BestElbo(NamedTuple):
    """At m points: the best ELBO, its error, the latents link(mean) of that encoder, and whether it was found.

    Where the search did not converge the ELBO is one that an encoder reaches, below the best.
    """

    elbo: Float[np.ndarray, "m"]
    error: Float[np.ndarray, "m"]
    latent: Float[np.ndarray, "m d"]
    found: Bool[np.ndarray, "m"]


class Shortfall(NamedTuple):
    """How far the mean best ELBO of a run lies below the true decoder's, in nats, with its error (see `shortfall`)."""

    value: float
    error: float

    def within(self, tolerance: float) -> bool:
        """Whether the run has converged: the shortfall is at most `tolerance`, its error included."""
        return self.value + self.error <= tolerance


def shortfall(true: BestElbo, run: BestElbo) -> Shortfall:
    """The mean of best(true) - best(run); error: `MARGIN` standard errors, and the mean errors of both rules.

    Infinite where a search for the true decoder's best encoder failed: a reference that may be too low shows nothing.
    Points at which an ELBO is not finite are left out of the value, and the error is infinite then as well; without a
    finite one both are.
    """
    difference = true.elbo - run.elbo
    finite = np.isfinite(difference)
    if not finite.all():
        return Shortfall(float(difference[finite].mean()) if finite.any() else np.inf, np.inf)
    sampling = MARGIN * difference.std(ddof=1) / np.sqrt(len(difference))
    error = sampling + true.error.mean() + run.error.mean() if true.found.all() else np.inf
    return Shortfall(float(difference.mean()), float(error))


def best_elbo(
    vaes: VAE,
    points: Float[Array | np.ndarray, "m D"],
    log_noise_var: Float[ArrayLike, "R"],
    start: Float[ArrayLike, "R m k"],
) -> list[BestElbo]:
    """The best ELBO of each of R stacked runs; start (R, m, 2 d): encoders (mean, log_std) to begin with, d <= 4.

    In float64, whatever the runs were trained in. Raises RuntimeError without float64.
    """
    require_float64("best_elbo")
    found = _best(
        in_float64(vaes),
        jnp.asarray(points, float),
        jnp.asarray(log_noise_var, float),
        jnp.asarray(start, float),
    )
    return [BestElbo(*run) for run in zip(*map(np.asarray, found), strict=True)]


def in_float64(tree: Any) -> Any:
    """The tree with every array of floats in float64."""
    return jax.tree.map(lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf, tree)


@eqx.filter_jit
def _best(vaes: VAE, points: Array, log_noise_var: Array, start: Array) -> tuple[Array, ...]:
    """The fields of `BestElbo`, in order, with a leading axis R."""
    arrays, static = eqx.partition(vaes, eqx.is_array)
    d = start.shape[-1] // 2
    search, value = (gauss_hermite(d, count) for count in _RULES[d])

    def of_run(run: tuple[VAE, Array, Array]) -> tuple[Array, ...]:
        leaves, log_eps, begin = run
        vae = eqx.combine(leaves, static)

        def at(pair: tuple[Array, Array]) -> tuple[Array, ...]:
            x, first = pair
            found = minimise(
                second_derivatives(lambda u: -_elbo(vae, x, u, log_eps, search)), first, tolerance=_TOLERANCE
            )
            elbo = _elbo(vae, x, found.point, log_eps, value)
            error = jnp.abs(elbo + found.value) + 0.5 * found.decrement**2
            return elbo, error, vae.link(found.point[:d]), found.converged

        return jax.lax.map(at, (points, begin), batch_size=min(_BATCH, len(points)))

    return jax.lax.map(of_run, (arrays, log_noise_var, start))


def _elbo(vae: VAE, x: Array, u: Array, log_eps: Array, rule: Rule) -> Array:
    """The ELBO at x of the encoder u = (mean, log_std)."""
    mean, log_std = jnp.split(u, 2)
    return elbo_of(vae, x, mean, log_std, log_eps, rule)


def elbo_of(vae: VAE, x: Array, mean: Array, spread: Array, log_eps: Array, rule: Rule) -> Array:
    """The ELBO at x of one encoder, whose spread is as in `loss`, by a rule for N(0, I)."""
    encoder: Callable = lambda _x, _log_eps: (mean, spread)  # noqa: E731
    fixed = VAE(encoder, vae.decoder, vae.prior, vae.log_noise_var, vae.link)
    return elbo_terms(fixed, x, log_eps, jnp.asarray(rule.nodes), jnp.asarray(rule.weights)).elbo
