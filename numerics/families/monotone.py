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
    return invert_increasing(smooth_leaky_relu, y, minimal_slope=MINIMAL_SLOPE)


def invert_increasing(
    function: Callable[[Array], Array],
    y: Float[Array, "*n"],
    *,
    minimal_slope: float,
    iterations: int = 64,
) -> Float[Array, "*n"]:
    """The t with function(t) = y, elementwise, for a function whose derivative is at least `minimal_slope` >
    0.

    The root lies within |y - function(0)| / minimal_slope of 0. Newton steps that leave the current bracket
    are replaced by its midpoint, so 64 steps reach float64 resolution for any smooth function. The derivative
    of the result is that of one Newton step at the root, which is exact.
    """
    start = jnp.zeros_like(y)
    radius = jnp.abs(y - function(start)) / minimal_slope
    slope_of = jnp.ones_like(y)

    def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        t, low, high = state
        value, slope = jax.jvp(function, (t,), (slope_of,))
        low = jnp.where(value <= y, t, low)
        high = jnp.where(value >= y, t, high)
        newton = t - (value - y) / slope
        inside = (newton >= low) & (newton <= high)
        return jnp.where(inside, newton, 0.5 * (low + high)), low, high

    root, _, _ = jax.lax.fori_loop(0, iterations, step, (start, start - radius, start + radius))
    root = jax.lax.stop_gradient(root)
    value, slope = jax.jvp(function, (root,), (slope_of,))
    return root - (value - y) / jax.lax.stop_gradient(slope)
