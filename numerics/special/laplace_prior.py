"""A Laplace prior at its kink: the gap of a linear decoder with two latents, at any noise, in error functions.

A Laplace prior of scale b in z_1 and a standard normal one in z_2, at x = W g with g_1 = 0. With h = sqrt(eps) and
z = g + h v everything about v_2 is Gaussian: what is left is exp(-P v^2/2 + R v - h abs(v)/b), A = W'W,
P = A_11 - A_12^2/(A_22 + eps), R = A_12 h g_2/(A_22 + eps). Its integral is a sum of two scaled error functions, and
its ELBO needs E abs(m + s xi), an error function too. No expansion is used.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import erf, erfcx

MEAN_MODULUS = np.sqrt(2 / np.pi)
"""E abs(xi) for a standard normal xi."""

NEWTON_STEPS = 30
Array = Float[np.ndarray, "n e"]
Column = Float[np.ndarray, "n 1"]


def gap_at_kink(
    A: Float[np.ndarray, "n 2 2"], scale: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], eps: np.ndarray
) -> Array:
    """log p - ELBO* at g = (0, other), for A = W'W and the Laplace scale b."""
    h = np.sqrt(eps)
    first, mixed, second = (A[:, i, j, None] for i, j in ((0, 0), (0, 1), (1, 1)))
    precision = first - mixed**2 / (second + eps)
    force = mixed * h * other[:, None] / (second + eps)
    cost = h / scale[:, None]
    root = np.sqrt(2 * precision)
    halves = erfcx((cost - force) / root) + erfcx((cost + force) / root)
    evidence = np.log(halves) + 0.5 * np.log(np.pi / (2 * precision)) + 0.5 * np.log(2 * np.pi)
    return evidence - _best_encoder(precision, force, cost, first) - 0.5 - 0.5 * np.log(2 * np.pi)


def _best_encoder(precision: Array, force: Array, cost: Array, first: Column) -> Array:
    """max over m, s of -P m^2/2 + R m - A_11 s^2/2 - cost E abs(m + s xi) + log s + 1/2 log 2 pi: concave in (m, s)."""
    m, s = np.zeros_like(precision), 1 / np.sqrt(first) * np.ones_like(precision)
    for _ in range(NEWTON_STEPS):
        density = MEAN_MODULUS * np.exp(-0.5 * (m / s) ** 2)
        inside = erf(m / (s * np.sqrt(2)))
        # E abs(m + s xi) has gradient (erf, density) and Hessian density/s (1, -m/s)(1, -m/s)'.
        slope_m, slope_s = -precision * m + force - cost * inside, -first * s - cost * density + 1 / s
        bend = cost * density / s
        mm, ms, ss = precision + bend, -bend * m / s, first + bend * (m / s) ** 2 + 1 / s**2
        determinant = mm * ss - ms**2
        m = m + (ss * slope_m - ms * slope_s) / determinant
        s = np.maximum(s + (mm * slope_s - ms * slope_m) / determinant, 0.5 * s)
    modulus = s * MEAN_MODULUS * np.exp(-0.5 * (m / s) ** 2) + m * erf(m / (s * np.sqrt(2)))
    value = -0.5 * precision * m**2 + force * m - 0.5 * first * s**2 - cost * modulus + np.log(s)
    return value + 0.5 * np.log(2 * np.pi)
