r"""T13 and T20: decoders that break an assumption, folds and kinks.

Folds: x has preimages g_b; p_eps(x) is a sum over branches, one Gaussian covers one branch:
gap -> log sum_b e^(l_b) - max_b (l_b - c_b), slope sum_b w_b L1_b - E1_b*, w = softmax(l). At a critical value V is
quartic. Kinks: the problem near a kink is scale invariant, which gives a profile and the rate sqrt(eps) of the
expected gap. Source: T13 (folds), T20 (kinks).
"""

from typing import Any

import sympy as sp

from .formulas.closed_forms import fold_value_terms
from .proof.derivation import Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)


def _branches(count: int) -> tuple[list[sp.Symbol], list[sp.Symbol]]:
    return list(sp.symbols(f"l0_:{count}", real=True)), list(sp.symbols(f"L1_:{count}", real=True))


def _slope(count: int) -> tuple[Any, Any]:
    """d/d eps at 0 of log sum_b exp(l_b + eps L1_b), and the softmax average."""
    levels, slopes = _branches(count)
    total = sum(sp.exp(level + EPS * slope) for level, slope in zip(levels, slopes, strict=True))
    weights = [sp.exp(level) / sum(sp.exp(other) for other in levels) for level in levels]
    return sp.diff(sp.log(total), EPS).subs(EPS, 0), sum(w * slope for w, slope in zip(weights, slopes, strict=True))


def folds() -> Derivation:
    """T13 as a derivation."""
    u, z = sp.symbols("u z", real=True)
    v = sp.Symbol("v", positive=True)
    elbo = sp.log(2 * sp.pi * v) / 2 + sp.Rational(1, 2) - sp.Rational(3, 2) * v**2
    weight = sp.exp(-(z**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    best = 1 / sp.sqrt(6)
    evidence = sp.log(2 ** sp.Rational(1, 4) * sp.gamma(sp.Rational(1, 4)) / 2)
    steps = (
        argued(
            "one branch for one Gaussian",
            "Each preimage contributes e^(l_b + eps L1_b) to p_eps(x). A Gaussian that covers two branches pays "
            "Theta(1/eps) in the mean of V, so the "
            "best encoder sits on one branch and reaches l_b - c_b + eps E1_b there; the maximum over b follows.",
            "x is a regular value with finitely many preimages",
        ),
        Step(
            Shown(
                [_slope(n)[0] for n in (2, 3)],
                r"\partial_\varepsilon \log \sum_b e^{\ell_b + \varepsilon L_{1,b}}\big|_0",
            ),
            Shown([_slope(n)[1] for n in (2, 3)], r"\sum_b w_b L_{1,b},\; w = \operatorname{softmax}(\ell)"),
            "slope of the evidence, two and three branches; minus E1 of the branch with the largest l - c",
        ),
        Step(
            Shown(
                sp.expand((EPS ** sp.Rational(1, 4) * u) ** 4 / (2 * EPS)),
                r"V/\varepsilon,\; f = z^2,\ x = 0,\ z = \varepsilon^{1/4} u",
            ),
            Shown(u**4 / 2, r"u^4/2"),
            "at a critical value the scale of the posterior is eps^(1/4): the expected gap near a fold has this rate",
        ),
        Step(
            Shown(sp.log(2 * sp.Integral(sp.exp(-(v**4) / 2), (v, 0, sp.oo))), r"\log\int e^{-u^4/2}\,du"),
            Shown(evidence, r"\log(2^{1/4}\,\Gamma(1/4)/2)"),
            "evidence at the critical value",
        ),
        Step(
            Shown(sp.Integral(z**4 * weight / 2, (z, -sp.oo, sp.oo)), r"E_q u^4/2,\; q = N(0, v)"),
            Shown(sp.Rational(3, 2) * v**2, r"\tfrac32 v^2"),
            "its best zero-mean Gaussian: ELBO(v) = 1/2 log(2 pi e v) - 3/2 v^2",
        ),
        Step(
            Shown(sp.Derivative(elbo, v), r"\partial_v\,\mathrm{ELBO}"),
            Shown((1 - 6 * v**2) / (2 * v), r"(1 - 6 v^2)/(2v)"),
            "so v = 1/sqrt(6)",
        ),
        Step(
            Shown(evidence - elbo.subs(v, best), r"\text{gap at the critical value}"),
            Shown(
                sum(fold_value_terms().values()),
                r"\log\Gamma(\tfrac14) + \tfrac14\log 6 - \tfrac54\log 2 - \tfrac12\log\pi - \tfrac14 = 0.04716\ldots",
            ),
            "the gap there, a number and not the contrast",
        ),
    )
    return Derivation("folds", "decoders that are not injective", steps)


def kinks() -> Derivation:
    """T20 as a derivation."""
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
