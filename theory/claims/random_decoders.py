r"""Claim random-decoders: the contrast of decoders drawn from a Gaussian process has the law of random directions.

Independent outputs, stationary kernel k: Cov(d_a f_i(z), d_b f_i(z)) = -d_a d_b k(0), the same at every z; rows of J
are independent N(0, Lambda). If Lambda is diagonal the columns are independent and isotropic up to length, and c(z) is
-1/2 sum of logarithms of Beta variables (claim random-directions). For d = 2, rho^2 ~ Beta(1/2, (D-1)/2) and

    E e^(2 s c) = Gamma(a - s) Gamma(a + 1/2) / (Gamma(a) Gamma(a - s + 1/2)), a = (D-1)/2:
    (2D - 3) c ~ chi^2_1 up to O(D^-2),     the quantiles are c_q = q/(2D) + 3q/(4D^2) + O(D^-3), q of chi^2_1.

Source: Ghosh et al. 2023 (arXiv 2312.13438) for independent random directions, Reizinger et al. 2023 (IMA in GPLVMs)
for Gaussian processes; the law and its exact tail are new here.
"""

from typing import Any

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued


def _kernel() -> tuple[Any, Any]:
    """d_a d'_b of k(z - z') at z = z', from a Taylor polynomial of a stationary kernel, d = 2; and -d_a d_b k(0)."""
    u, v = sp.symbols("u_:2", real=True), sp.symbols("v_:2", real=True)
    k0, (p, q, r) = sp.Symbol("k", real=True), sp.symbols("A_00 A_01 A_11", real=True)
    x, y = u[0] - v[0], u[1] - v[1]
    kernel = k0 + (p * x**2 + 2 * q * x * y + r * y**2) / 2
    left = [sp.diff(kernel, one, other) for one in u for other in v]
    return left, [-p, -q, -q, -r]


def _moments() -> tuple[Any, Any]:
    """B(a - s, 1/2)/B(a, 1/2) through gamma functions: E (1 - rho^2)^(-s)."""
    a, s = sp.symbols("alpha s", positive=True)
    half = sp.Rational(1, 2)
    left = (
        sp.gamma(a - s) * sp.gamma(half) / sp.gamma(a - s + half) / (sp.gamma(a) * sp.gamma(half) / sp.gamma(a + half))
    )
    return left, sp.gamma(a - s) * sp.gamma(a + half) / (sp.gamma(a) * sp.gamma(a - s + half))


def _stirling() -> tuple[Any, Any]:
    """log Gamma(a + 1/2) - log Gamma(a) - 1/2 log(a - 1/4) by Stirling's series: orders 0 and 1 in 1/a vanish."""
    t = sp.Symbol("tau", positive=True)
    # (x - 1/2) log x - x + 1/(12 x) at x = 1/t + 1/2 and 1/t, with log x = log(1/t) + log(1 + t/2).
    shifted = sp.log(1 + t / 2) / t - sp.Rational(1, 2) + t / (12 * (1 + t / 2))
    plain = t / 12
    difference = shifted - plain - sp.log(1 - t / 4) / 2
    expansion = sp.series(difference, t, 0, 2).removeO()
    return [expansion.coeff(t, 0), expansion.coeff(t, 1)], [0, 0]


def _chi_square() -> tuple[Any, Any]:
    """1/2 log(a - 1/4) - 1/2 log(a - s - 1/4) at a = (D-1)/2, s = (2D-3) y/2: the logarithm of (1 - 2y)^(-1/2)."""
    D, y = sp.Symbol("D", positive=True), sp.Symbol("y", real=True)
    a, s = (D - 1) / 2, (2 * D - 3) * y / 2
    quarter = sp.Rational(1, 4)
    return sp.simplify((a - quarter) / (a - s - quarter)), 1 / (1 - 2 * y)


def _quantile() -> tuple[Any, Any]:
    """[t^1], [t^2] of q/(2D - 3) at D = 1/t."""
    t, q = sp.Symbol("tau", positive=True), sp.Symbol("q", positive=True)
    value = q * t / (2 - 3 * t)
    return [sp.diff(value, t, n).subs(t, 0) / sp.factorial(n) for n in (1, 2)], [q / 2, 3 * q / 4]


def random_decoders() -> Derivation:
    """The derivation of claim random-decoders."""
    kernel, moments, stirling, chi, quantile = _kernel(), _moments(), _stirling(), _chi_square(), _quantile()
    steps = (
        Step(
            Shown(kernel[0], r"\partial_a\partial'_b\,k(z - z')|_{z = z'}"),
            Shown(kernel[1], r"-\partial_a\partial_b k(0)"),
            "a stationary kernel (to second order, d = 2): the covariance of the derivatives does not depend on z",
        ),
        argued(
            "columns of the Jacobian",
            "Rows of J are independent N(0, Lambda); with Lambda diagonal the entries are independent, column k has "
            "the law Lambda_kk^(1/2) N(0, I_D), which is isotropic: claim random-directions applies at every z.",
            "independent outputs; Lambda diagonal: product kernels and additive kernels, axes aligned",
        ),
        Step(
            Shown(moments[0], r"B(\alpha - s, \tfrac12)/B(\alpha, \tfrac12)"),
            Shown(moments[1], r"\frac{\Gamma(\alpha-s)\Gamma(\alpha+\frac12)}{\Gamma(\alpha)\Gamma(\alpha-s+\frac12)}"),
            "E e^(2sc) = E (1 - rho^2)^(-s), 1 - rho^2 ~ Beta(alpha, 1/2), alpha = (D-1)/2, d = 2",
        ),
        Step(
            Shown(
                stirling[0],
                r"[\alpha^0], [\alpha^{-1}]\ \text{of}\ \log\frac{\Gamma(\alpha+\frac12)}{\Gamma(\alpha)} - "
                r"\tfrac12\log(\alpha - \tfrac14)",
            ),
            Shown(stirling[1], "0,\\ 0"),
            "Stirling's series: the ratio of gamma functions is (alpha - 1/4)^(1/2) up to a relative O(alpha^-2)",
        ),
        Step(
            Shown(chi[0], r"\frac{\alpha-\frac14}{\alpha-s-\frac14},\; \alpha = \tfrac{D-1}2,\ s = \tfrac{2D-3}2y"),
            Shown(chi[1], r"(1-2y)^{-1}"),
            "the square of the generating function of chi^2_1: (2D - 3) c has its law up to O(D^-2)",
        ),
        Step(
            Shown(quantile[0], r"[D^{-1}], [D^{-2}]\ \text{of}\ q/(2D-3)"),
            Shown(quantile[1], r"\tfrac q2,\ \tfrac{3q}4"),
            "the quantiles of the contrast",
        ),
    )
    return Derivation("random-decoders", "the contrast of decoders drawn from a Gaussian process", steps)
