"""Increasing scalar functions: the smooth leaky ReLU, and the inverse of any of them by safeguarded Newton.

smooth leaky ReLU: s(t) = (2 / (1 + a)) (a t + (1 - a) log(1 + exp(b t)) / b), with derivative between
2 a / (1 + a) and 2 / (1 + a), around 1, and largest curvature b (1 - a) / (2 (1 + a)), at t = 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SLOPE = 0.5  # a: the ratio of the two slopes
SHARPNESS = 3.0  # b: large values approach the kink of the leaky ReLU
MINIMAL_SLOPE = 2 * SLOPE / (1 + SLOPE)


def smooth_leaky_relu(t: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """s(t), elementwise; smooth, increasing, with derivative in (2/3, 4/3)."""
    softplus = jnp.logaddexp(SHARPNESS * t, 0.0) / SHARPNESS
    return (2.0 / (1.0 + SLOPE)) * (SLOPE * t + (1.0 - SLOPE) * softplus)


def invert_smooth_leaky_relu(y: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The t with s(t) = y, elementwise."""
    radius = jnp.abs(y - smooth_leaky_relu(jnp.zeros_like(y))) / MINIMAL_SLOPE
    return invert_increasing(smooth_leaky_relu, y, radius)


def invert_increasing(
    function: Callable[[Array], Array],
    y: Float[Array, "*n"],
    radius: Float[Array, "*n"],
    *,
    iterations: int = 64,
) -> Float[Array, "*n"]:
    """The t in [-radius, radius] with function(t) = y, elementwise; `function` increasing, with positive derivative.

    Newton steps that leave the current bracket are replaced by its midpoint, so that 64 steps reach the
    resolution of float64. Derivatives of every order, in y and in what `function` closes over, are those of
    the implicit function.
    """
    ones = jnp.ones_like(y)

    def residual(t: Array) -> Array:
        return function(t) - y

    def solve(residual: Callable[[Array], Array], start: Array) -> Array:
        def step(_: int | Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            t, low, high = state
            value, slope = jax.jvp(residual, (t,), (ones,))
            low = jnp.where(value <= 0.0, t, low)
            high = jnp.where(value >= 0.0, t, high)
            newton = t - value / slope
            inside = (newton >= low) & (newton <= high)
            return jnp.where(inside, newton, 0.5 * (low + high)), low, high

        bracket = jax.lax.stop_gradient(radius)
        return jax.lax.fori_loop(0, iterations, step, (start, start - bracket, start + bracket))[0]

    def tangent_solve(linear: Callable[[Array], Array], right: Array) -> Array:
        return right / linear(ones)

    return jax.lax.custom_root(residual, jnp.zeros_like(y), solve, tangent_solve)
