r"""Claim kinks: piecewise smooth decoders, such as leaky-ReLU networks.

The problem near a kink is scale invariant, which gives a profile and the rate sqrt(eps) of the expected gap.
Source: new here.
"""

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued


def kinks() -> Derivation:
    """The derivation of kinks."""
    u, x = sp.symbols("u x", real=True)
    h, r, rho = sp.symbols("h r rho", positive=True)
    slope = sp.Symbol("beta", real=True)
    gamma, c = sp.Function("G"), sp.Symbol("c", real=True)
    k = sp.symbols("k_:2", real=True)
    b = sp.symbols("B_00 B_11", positive=True)
    b01 = sp.Symbol("B_01", real=True)
    along = sp.Symbol("tau", real=True)
    variance = k[0] ** 2 * b[0] + 2 * k[0] * k[1] * b01 + k[1] ** 2 * b[1]
    steps = (
        Step(
            Shown(
                [(h * u - h * x) ** 2 / h**2, (slope * h * u - h * x) ** 2 / h**2],
                r"|f(hu) - h x|^2/h^2,\; f(z) = z\ \text{or}\ \beta z",
            ),
            Shown([(u - x) ** 2, (slope * u - x) ** 2], r"|f(u) - x|^2"),
            "a piecewise linear decoder is homogeneous: near the kink eps disappears after z = h u, x = h x, so the "
            "gap at distance "
            "rho sqrt(eps) tends to a profile Gamma(rho), which is not the contrast of either side",
        ),
        Step(
            Shown(sp.Derivative(along * sp.exp(-(along**2) / 2), along), r"\partial_\tau\, \tau e^{-\tau^2/2}"),
            Shown((1 - along**2) * sp.exp(-(along**2) / 2), r"(1 - \tau^2) e^{-\tau^2/2}"),
            "Gaussian tails: the profile reaches the contrast of the active side like a polynomial times "
            "exp(-rho^2/2v)",
        ),
        Step(
            Shown(sp.Derivative(variance, k[0]) / 2, r"\tfrac12 \partial_{k_0} (k^\top A^{-1} k)"),
            Shown(k[0] * b[0] + k[1] * b01, r"(A^{-1} k)_0"),
            "variance of k.z in units of eps: k'A^-1k for the posterior, k'diag(A)^-1k for the encoder, whichever "
            "is larger sets the tail",
        ),
        Step(
            Shown((gamma(r / h) - c) * sp.diff(h * rho, rho), r"(\Gamma(r/h) - c)\,dr/d\rho,\; r = h\rho"),
            Shown(h * (gamma(r / h) - c), r"h\,(\Gamma(\rho) - c)"),
            "expectation over the distance r to the kink: E[gap] - E[c] = sqrt(eps) p(0) int (Gamma - c) d rho + "
            "O(eps)",
        ),
        argued(
            "two regimes",
            "At a fixed distance r the linear formula of the active piece holds up to terms C (eps/r^2)^(1/2) "
            "exp(-r^2/(2 eps v)); points "
            "within O(sqrt(eps)) of a kink have probability O(sqrt(eps)) and an O(1) difference: the rate of the "
            "mean is 1/gamma.",
            "finitely many kinks, prior density continuous across them",
        ),
    )
    return Derivation("kinks", "decoders with kinks: pointwise and expected rates", steps)
