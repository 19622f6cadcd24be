"""Globalised Newton minimiser for small problems, in one `lax.while_loop`.

Step: -(|H| + damping I)^-1 g, with |H| the Hessian with its eigenvalues replaced by their moduli, so that
every step descends (Nocedal and Wright, Numerical Optimization, section 3.4), and Levenberg's damping that
grows when a step is rejected and vanishes when steps succeed, so that the end is quadratic. A trial point
is rejected when anything there is not finite or the value does not decrease.

Progress is measured by the Newton decrement sqrt(g' |H|^-1 g): it does not depend on the scale of the
variables, and for a negative log-density it is the distance to the minimum in posterior standard
deviations.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .precision import EPS64

# Growth and decay of the damping, its first non-zero value, the value below which it is dropped and the one
# at which the search is given up, all relative to the mean modulus of the eigenvalues.
_GROW, _SHRINK, _FIRST, _DROP, _LAST = 4.0, 0.25, 1e-3, 1e-6, 1e9


class Minimum(NamedTuple):
    """The point reached, the value and derivatives there, the Newton decrement, and whether it is a minimum."""

    point: Float[Array, " P"]
    value: Float[Array, ""]
    gradient: Float[Array, " P"]
    hessian: Float[Array, "P P"]
    decrement: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


class _State(NamedTuple):
    minimum: Minimum
    move: Float[Array, " P"]
    damping: Float[Array, ""]
    running: Bool[Array, ""]


def minimise(
    derivatives: Callable[[Array], tuple[Array, Array, Array]],
    start: Float[Array, " P"],
    *,
    tolerance: Float[Array, ""] | float = 1e-10,
    accepted: Float[Array, ""] | float = 1e-6,
    slack: Float[Array, ""] | float = 0.0,
    max_steps: int = 200,
) -> Minimum:
    """Minimise from `start`; `derivatives(y)` returns (value, gradient, Hessian).

    Stops when the decrement is within `tolerance`, when no damped step descends any more, or after
    `max_steps` evaluations; `converged` says that the Hessian is positive definite and the decrement at most
    `accepted` (1e-6 leaves an error of 5e-13 in the value) or the tolerance, whichever is larger. `slack`
    is the round-off in the value: a step that changes the value by less is accepted if it lowers the
    gradient. Where the start itself is not finite, converged is False.
    """
    size, dtype = start.shape[0], start.dtype

    def step(state: _State) -> _State:
        old = state.minimum
        trial = old.point + state.move
        value, gradient, hessian = derivatives(trial)
        finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient)) & jnp.all(jnp.isfinite(hessian))
        lower = jnp.sum(gradient**2) < jnp.sum(old.gradient**2)
        better = finite & ((value < old.value - slack) | ((value <= old.value + slack) & lower))
        new = old._replace(point=trial, value=value, gradient=gradient, hessian=hessian)
        chosen = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)
        grown = jnp.maximum(_GROW * state.damping, _FIRST)
        damping = jnp.where(better, _SHRINK * state.damping, grown)
        damping = jnp.where(damping < _DROP, 0.0, damping)

        eigenvalues, vectors = jnp.linalg.eigh(chosen.hessian)
        curvature = jnp.abs(eigenvalues)
        curvature = jnp.maximum(curvature, EPS64 * jnp.max(curvature))
        slope = vectors.T @ chosen.gradient
        move = -vectors @ (slope / (curvature + damping * jnp.mean(curvature)))
        decrement = jnp.sqrt(jnp.sum(slope**2 / curvature))
        steps = old.steps + 1
        # The first pass evaluates the start; where that is not finite there is nothing to descend from.
        found = jnp.isfinite(chosen.value)
        converged = found & (eigenvalues[0] > 0) & (decrement <= jnp.maximum(tolerance, accepted))
        running = found & (decrement > tolerance) & (damping < _LAST) & (steps < max_steps)
        minimum = chosen._replace(decrement=decrement, steps=steps, converged=converged)
        return _State(minimum, move, damping, running)

    nowhere = Minimum(
        start,
        jnp.asarray(jnp.inf, dtype),
        jnp.full((size,), jnp.inf, dtype),
        jnp.eye(size, dtype=dtype),
        jnp.asarray(jnp.inf, dtype),
        jnp.asarray(0),
        jnp.asarray(False),
    )
    first = _State(nowhere, jnp.zeros_like(start), jnp.zeros((), dtype), jnp.asarray(True))
    return jax.lax.while_loop(lambda state: state.running, step, first).minimum


def second_derivatives(function: Callable[[Array], Array]) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Return y -> (value, gradient, Hessian) of a scalar function: forward over reverse, in one pass."""

    def gradient(y: Array) -> tuple[Array, tuple[Array, Array]]:
        value, slope = jax.value_and_grad(function)(y)
        return slope, (value, slope)

    def evaluate(y: Array) -> tuple[Array, Array, Array]:
        hessian, (value, slope) = jax.jacfwd(gradient, has_aux=True)(y)
        return value, slope, 0.5 * (hessian + hessian.T)

    return evaluate
