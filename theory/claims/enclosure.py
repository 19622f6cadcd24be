r"""Claim enclosure: shear decoders reduce to one-dimensional integrals without a small parameter, as enclosures need.

f(z) = W (z_0 + p(z_1), z_1), prior N(0, I), G = W'W, y = W^-1 x, kappa = det G / G_00, rho = 1/(1 + eps/G_00) and
c(z_1) = y_0 - p(z_1) + (G_01/G_00)(y_1 - z_1). Then z_0 is integrated exactly,

    int N(x; f, eps I) N(z_0; 0, 1) dz_0  is proportional to  exp(-kappa (z_1 - y_1)^2/(2 eps) - rho c^2/2),

the ELBO is profiled over (mu_0, sigma_0) exactly, and d/d eps of the remaining integral has no negative powers of eps.
Source: new here.
"""

from typing import Any

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step

EPS = sp.Symbol("eps", positive=True)
G00 = sp.Symbol("G_00", positive=True)
RHO = 1 / (1 + EPS / G00)


def _quadratic() -> tuple[Any, Any]:
    """(v - y)'G(v - y) with v = (z_0 + p, z_1), and its completed square in z_0."""
    g01, g11 = sp.symbols("G_01 G_11", real=True)
    z0, z1, y0, y1, p = sp.symbols("z_0 z_1 y_0 y_1 p", real=True)
    a, b = z0 + p - y0, z1 - y1
    shift = y0 - p + g01 / G00 * (y1 - z1)
    kappa = (G00 * g11 - g01**2) / G00
    return G00 * a**2 + 2 * g01 * a * b + g11 * b**2, G00 * (z0 - shift) ** 2 + kappa * b**2


def _second_square() -> tuple[Any, Any]:
    z0, c = sp.symbols("z_0 c", real=True)
    total = 1 + G00 / EPS
    return G00 / EPS * (z0 - c) ** 2 + z0**2, total * (z0 - RHO * c) ** 2 + RHO * c**2


def _profile() -> tuple[Any, Any]:
    """The expected exponent over q(z_0) = N(mu, v): E(z_0 - c)^2 = v + (mu - E c)^2 + Var c; its square."""
    mu, v, mean, spread = sp.symbols("mu v c s", real=True)
    left = G00 / EPS * (v + (mu - mean) ** 2 + spread) + mu**2 + v
    right = (1 + G00 / EPS) * ((mu - RHO * mean) ** 2 + v) + RHO * mean**2 + G00 / EPS * spread
    return left, right


def _heat() -> tuple[Any, Any]:
    """d/d eps of E w(g + h u), u ~ N(0, 1/kappa), h^2 = eps, for w = z^n, n <= 6; and E of w''/(2 kappa)."""
    g, kappa = sp.Symbol("g", real=True), sp.Symbol("kappa", positive=True)

    def expected(power: int) -> sp.Expr:
        terms = range(0, power + 1, 2)
        return sum(
            sp.binomial(power, k) * g ** (power - k) * (EPS / kappa) ** (k // 2) * sp.factorial2(k - 1) for k in terms
        )

    orders = range(2, 7)
    left = [sp.diff(expected(n), EPS) for n in orders]
    return left, [sp.Integer(n * (n - 1)) * expected(n - 2) / (2 * kappa) for n in orders]


def enclosure() -> Derivation:
    """The derivation of claim enclosure."""
    kappa, y = sp.Symbol("kappa", positive=True), sp.Symbol("y", real=True)
    quadratic, second, profile, heat = _quadratic(), _second_square(), _profile(), _heat()
    steps = (
        Step(
            Shown(quadratic[0], r"(v-y)^\top G (v-y) = |f(z) - x|^2,\; v = (z_0 + p(z_1), z_1)"),
            Shown(quadratic[1], r"G_{00}(z_0 - c)^2 + \kappa (z_1 - y_1)^2"),
            "completing the square in z_0",
            ("f(z) = W (z_0 + p(z_1), z_1), W invertible",),
        ),
        Step(
            Shown(second[0], r"G_{00}(z_0 - c)^2/\varepsilon + z_0^2"),
            Shown(
                second[1], r"(1 + G_{00}/\varepsilon)(z_0 - \rho c)^2 + \rho c^2,\; \rho = 1/(1 + \varepsilon/G_{00})"
            ),
            "completing the square with the prior of z_0",
        ),
        Step(
            Shown(sp.Integral(sp.exp(-kappa * y**2 / 2), (y, -sp.oo, sp.oo)), r"\int e^{-\kappa y^2/2}\,dy"),
            Shown(sp.sqrt(2 * sp.pi / kappa), r"\sqrt{2\pi/\kappa}"),
            "z_0 is integrated: a factor and exp(-rho c^2/2) remain, one dimension is left",
        ),
        Step(
            Shown(
                profile[0],
                r"G_{00} E_q(z_0 - c)^2/\varepsilon + E_q z_0^2,\; E(z_0-c)^2 = v + (\mu - E c)^2 + "
                r"\operatorname{Var} c",
            ),
            Shown(
                profile[1],
                r"(1 + G_{00}/\varepsilon)[(\mu - \rho E c)^2 + v] + \rho (E c)^2 + G_{00} "
                r"\operatorname{Var}(c)/\varepsilon",
            ),
            "the ELBO is maximal over mu_0, sigma_0 at mu = rho E c, v = 1/(1 + G_00/eps), in closed form",
        ),
        Step(
            Shown(heat[0], r"\partial_\varepsilon E\, w(g + h u),\; u \sim N(0, 1/\kappa),\; w = z^n"),
            Shown(heat[1], r"E\, w''(g + h u)/(2\kappa)"),
            "integration by parts removes the negative powers of h: enclosures hold down to eps = 0 (n = 2..6; by "
            "linearity for polynomials)",
        ),
    )
    return Derivation("enclosure", "the reduction of shear decoders to one dimension", steps)
