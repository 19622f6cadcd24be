"""The Darmois construction in the plane: from any density of x to independent normal latents, by conditional quantiles.

z_1 = Phi^-1(F(x_1)), z_2 = Phi^-1(F(x_2 | x_1)) are independent N(0, 1), so that the decoder z -> x has exactly the
density of x as its push-forward, whatever the truth was. Its inverse Jacobian is triangular, and its contrast is
    c = 1/2 log(1 + r^2),    r = d F(x_2 | x_1) / d x_1  /  p(x_2 | x_1):
nothing but the conditional distribution enters. Integrals over half-lines by the double-exponential rule.
Source: Hyvarinen and Pajunen 1999; Gresele et al. 2021; claim `spurious-solutions`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "n 2"]
DensityAndSlope = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_TAU = np.arange(-3.6, 2.2, 0.025)
_DISTANCES = np.exp(0.5 * np.pi * np.sinh(_TAU))
_WEIGHTS = 0.025 * _DISTANCES * 0.5 * np.pi * np.cosh(_TAU)


def darmois_contrast(density: DensityAndSlope, x: Points) -> Float[np.ndarray, " n"]:
    """The contrast of the Darmois decoder at x; `density(x1, x2)` gives p and its derivative in x1, any shape."""
    first, second = x[:, :1], x[:, 1:]
    below = [part @ _WEIGHTS for part in density(first, second - _DISTANCES)]
    above = [part @ _WEIGHTS for part in density(first, second + _DISTANCES)]
    marginal, marginal_slope = (low + high for low, high in zip(below, above, strict=True))
    here = density(first, second)[0][:, 0] / marginal
    slope = below[1] / marginal - below[0] * marginal_slope / marginal**2
    return 0.5 * np.log1p((slope / here) ** 2)


def gaussian_density(W: Float[np.ndarray, "n 2 2"]) -> DensityAndSlope:
    """The density of x = W s, s ~ N(0, I), one matrix a row of the points."""
    precision = np.linalg.inv(W @ np.swapaxes(W, 1, 2))[..., None, None]
    scale = 2 * np.pi * np.abs(np.linalg.det(W))[:, None]

    def density(x1: np.ndarray, x2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        P = precision[:, :, :, 0, 0]
        p11, p12, p22 = P[:, 0, 0, None], P[:, 0, 1, None], P[:, 1, 1, None]
        value = np.exp(-0.5 * (p11 * x1**2 + 2 * p12 * x1 * x2 + p22 * x2**2)) / scale
        return value, -(p11 * x1 + p12 * x2) * value

    return density


def rotated_density(angle: Float[np.ndarray, " n"], bend: Float[np.ndarray, "n 2"]) -> DensityAndSlope:
    """The density of x = Q (h_1(s_1), h_2(s_2)), Q a rotation and h_k(s) = sinh(b_k s) / b_k: a decoder with c = 0."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]

    def density(x1: np.ndarray, x2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rotated = (cosine * x1 + sine * x2, -sine * x1 + cosine * x2)
        value, slope = 1.0, 0.0
        for y, b, turn in zip(rotated, (bend[:, :1], bend[:, 1:]), (cosine, -sine), strict=True):
            root = np.sqrt(1 + (b * y) ** 2)
            s = np.arcsinh(b * y) / b
            value = value * np.exp(-0.5 * s**2) / (np.sqrt(2 * np.pi) * root)
            slope = slope + turn * (-s / root - b**2 * y / root**2)
        return np.asarray(value), np.asarray(slope * value)

    return density
