r"""Claim mean-slope: the expectation of L1 over the data, and the two slopes of the mean gap.

D = d: L1 = 1/2 Laplacian(p)/p, so E_p[L1] = 1/2 int Laplacian(p) = 0 when the flux of grad p vanishes at infinity or
at the boundary. Then E_p[a1] = -E_p[E1], KL(p || p_eps) = eps^2/2 E[L1^2] + O(eps^3), and under x ~ p_eps the slope
gains 1/2 E_p[Laplacian c]. Source: new here.
"""

from typing import Any

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued

X = sp.Symbol("x", real=True)


def _green() -> tuple[Any, Any]:
    """c Delta p - p Delta c = div(c grad p - p grad c) in two dimensions."""
    x = sp.symbols("x_:2", real=True)
    p, c = sp.Function("p")(*x), sp.Function("c")(*x)
    left = sum(c * sp.diff(p, v, 2) - p * sp.diff(c, v, 2) for v in x)
    return left, sum(sp.diff(c * sp.diff(p, v) - p * sp.diff(c, v), v) for v in x)


def _divergence_series() -> tuple[Any, Any]:
    """Order eps^2 of -E log(1 + eps L1 + eps^2 B) with E L1 = E B = 0; E L1^2 is the symbol v."""
    eps, l1, second = sp.symbols("eps L1 C", real=True)
    expansion = -sp.log(1 + eps * l1 + eps**2 * second)
    return sp.diff(expansion, eps, 2).subs(eps, 0) / 2, l1**2 / 2 - second


def mean_slope() -> Derivation:
    """The derivation of claim mean-slope."""
    normal = sp.exp(-(X**2) / 2) / sp.sqrt(2 * sp.pi)
    infinity = (X, -sp.oo, sp.oo)
    green, series = _green(), _divergence_series()
    kappa, s, x = sp.symbols("kappa s x", positive=True)
    contrast = X**2 + X**4 / 7
    steps = (
        Step(
            Shown(sp.Integral(sp.diff(normal, X, 2), infinity), r"\int p''\,dx,\; p = N(0, 1)"),
            Shown(sp.Integer(0), "0"),
            "example in one dimension: the integral of p'' is the flux p' at infinity",
        ),
        argued(
            "divergence theorem",
            "E_p[L1] = 1/2 int Laplacian(p) dx is the limit of the flux of grad p through large spheres (or the "
            "boundary), which vanishes. "
            "Hence E_p[L1] = 0 and E_p[a1] = -E_p[E1].",
            "p in C^2, Laplacian p integrable, vanishing flux",
        ),
        Step(
            Shown(series[0], r"[\varepsilon^2] \bigl(-\log(1 + \varepsilon L_1 + \varepsilon^2 C)\bigr)"),
            Shown(series[1], r"\tfrac12 L_1^2 - C"),
            "KL(p || p_eps) = -E_p log(p_eps/p); E_p C = 0 because p_eps integrates to one: eps^2/2 E_p[L1^2] remains",
        ),
        Step(
            Shown(green[0], r"c\,\Delta p - p\,\Delta c"),
            Shown(green[1], r"\nabla\cdot(c \nabla p - p \nabla c)"),
            "Green's identity: int c Laplacian(p) = int p Laplacian(c)",
        ),
        Step(
            Shown(
                sp.Integral(sp.expand(contrast * sp.diff(normal, X, 2)) / 2, infinity),
                r"\tfrac12\int c\,p''\,dx,\; c = x^2 + x^4/7",
            ),
            Shown(sp.Integral(sp.expand(sp.diff(contrast, X, 2) * normal) / 2, infinity), r"\tfrac12 E_p[c'']"),
            "example: under x ~ p_eps the slope of the mean gap is E_p[a1] + 1/2 E_p[Laplacian c], by the heat "
            "equation for p_eps",
        ),
        Step(
            Shown(sp.Derivative(x**kappa, x), r"p',\; p = x^\kappa\ \text{near the boundary } x = 0"),
            Shown(kappa * x ** (kappa - 1), r"\kappa x^{\kappa-1}"),
            "where the flux does not vanish: f = Phi(s z) has p ~ x^kappa (up to logarithms), so kappa > 1 is needed",
        ),
        Step(
            Shown((1 - s**2) / s**2 - 1, r"\kappa - 1,\; \kappa = (1 - s^2)/s^2"),
            Shown((1 - 2 * s**2) / s**2, r"(1 - 2 s^2)/s^2"),
            "kappa > 1 iff s < 1/sqrt(2)",
        ),
    )
    return Derivation("mean-slope", "E[L1] = 0, and the slopes of the mean gap", steps)
