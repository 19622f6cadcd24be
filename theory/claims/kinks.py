r"""Claim kinks: piecewise smooth decoders, such as leaky-ReLU networks.

The problem near a kink is scale invariant, which gives a profile and the rate sqrt(eps) of the expected gap.
Source: new here.
"""

import sympy as sp

from ..formulas.closed_forms import kink_tail_terms
from ..proof.derivation import Derivation, Shown, Step, argued


def _tail() -> tuple[Step, Step]:
    """The gap at a fixed distance r from the kink, one latent: slopes A on the side of g, B beyond the kink."""
    own, other, r, y, eps = sp.symbols("A B r y eps", positive=True)
    ratio = sp.Symbol("R", positive=True)
    decay = sp.exp(-(own**2) * r * y)
    divergence = sp.exp(-own * other * r * y) - decay - (own - other) * own * r * y * decay
    total = (own - other) ** 2 / (own**3 * other * r)
    return (
        Step(
            Shown(
                sp.Integral(divergence, (y, 0, sp.oo)),
                r"\int_0^\infty (e^{\Delta} - 1 - \Delta)\, e^{-A^2 r y}\,dy,\; \Delta = (A - B) A r y",
            ),
            Shown(total, r"\frac{(A-B)^2}{A^3 B r}"),
            "one latent: the gap is KL(q || posterior) = E_q[e^Delta - 1 - Delta] up to squares, Delta the change of "
            "the exponent beyond the kink; there, at z = -eps y, q is q(0) exp(-A^2 r y) to leading order",
        ),
        Step(
            Shown(
                eps * own * ratio / sp.sqrt(2 * sp.pi * eps) * total,
                r"\varepsilon\, q(0)\, e^{A^2 r^2/2\varepsilon}\, \frac{(A-B)^2}{A^3 B r}",
            ),
            Shown(
                sp.sqrt(eps) * sum(kink_tail_terms(own, other, r, ratio).values()),
                r"\sqrt\varepsilon\, \frac{(A-B)^2}{A^2 B r \sqrt{2\pi}} \frac{p_0(0)}{p_0(g)}",
            ),
            "q(0) = A p0(0)/p0(g) exp(-A^2 r^2/2 eps)/sqrt(2 pi eps): the constant C of the two regimes below",
        ),
    )


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
        *_tail(),
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
