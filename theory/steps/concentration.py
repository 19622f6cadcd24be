r"""What lets the expansions be local: the inequalities behind Laplace's method, concentration and the envelope theorem.

Notation: V the potential with minimiser g, eps = h^2, z = g + h u, M = Hess V(g), kappa and rho the constants of
`SEPARATION`. Each inequality is either decided here or one of three with a name, which a step in words uses: Lebesgue's
dominated convergence (Wong 2001, Asymptotic Approximations of Integrals, chapter IX), Gibbs' KL >= 0 (Cover and Thomas
2006, theorem 2.6.3), Scheffe's lemma (Scheffe 1947). Their hypotheses are the conditions below; `check_conditions`
of `numerics.conditions` checks them for a decoder at a point.
"""

from __future__ import annotations

from typing import NamedTuple

import sympy as sp

from ..proof.derivation import Shown, Step, argued


class Condition(NamedTuple):
    """A hypothesis that a machine can check: its name there, and what it says."""

    id: str
    text: str


SEPARATION = Condition("separation", "separation: V(z) - V(g) >= kappa/2 min(|z-g|^2, rho^2) for all z, kappa, rho > 0")
CURVATURE = Condition("curvature", "curvature: M = Hess V(g) is positive definite")
SMOOTHNESS = Condition("smoothness", "smoothness: V is six and ell four times continuously differentiable near g")
DENSITY = Condition("density", "density: exp(ell) is a (sub)probability density")
INTEGRABILITY = Condition("integrability", "integrability: V and ell are integrable against some Gaussian centred at g")
CONDITIONS = (SEPARATION, CURVATURE, SMOOTHNESS, DENSITY, INTEGRABILITY)


def localisation_steps() -> tuple[Step, ...]:
    """The integral of exp(-V/eps + ell) may be expanded at g term by term."""
    u, kappa, rho, h = sp.symbols("u kappa rho h", positive=True)
    weight = sp.exp(-kappa * u**2 / 2)
    orders = range(0, 9, 2)
    return (
        Step(
            Shown(
                (kappa * u**2 / 2 - kappa * rho**2 / (4 * h**2) - kappa * u**2 / 4).subs(u, rho / h + u),
                r"\tfrac\kappa2 v^2 - \tfrac{\kappa\rho^2}{4\varepsilon} - \tfrac\kappa4 v^2,\; v = \rho/h + u",
            ),
            Shown(kappa * u * rho / (2 * h) + kappa * u**2 / 4, r"\tfrac{\kappa\rho}{2h} u + \tfrac\kappa4 u^2"),
            "tail of the majorant, >= 0 for u >= 0: exp(-kappa v^2/2) <= exp(-kappa rho^2/(4 eps)) exp(-kappa v^2/4)",
        ),
        Step(
            Shown(
                [sp.Integral(u**n * weight, (u, 0, sp.oo)) for n in orders],
                r"\int_0^\infty u^n e^{-\kappa u^2/2}\,du,\; n = 0, 2, \dots, 8",
            ),
            Shown(
                [
                    2 ** (sp.Rational(n - 1, 2)) * sp.gamma(sp.Rational(n + 1, 2)) / kappa ** sp.Rational(n + 1, 2)
                    for n in orders
                ],
                r"2^{(n-1)/2}\,\Gamma(\tfrac{n+1}2)\,\kappa^{-(n+1)/2}",
            ),
            "the majorant integrates every power of u that the expansion has",
        ),
        argued(
            "dominated convergence (Lebesgue): expansion under the integral",
            "Where |z-g| >= rho the integrand is at most exp(-kappa rho^2/(2 eps)) exp(ell), of mass at most one: "
            "exponentially small; rho may be taken so small that V and ell are smooth in the ball. There exp(-V/eps) "
            "<= exp(-kappa |u|^2/2) for every eps: a majorant of the integrand and, times powers of u, of its Taylor "
            "remainder. So the expansion is integrated term by term, and moments are taken over R^d. The five "
            "hypotheses are checked for a decoder at a point by elbogap.numerics.conditions.check_conditions.",
            *(condition.text for condition in CONDITIONS),
        ),
    )


def optimum_steps() -> tuple[Step, ...]:
    """The best encoder concentrates at g, and the value at S is the optimum up to eps^2."""
    x, t, mu, lipschitz, eps = sp.symbols("x t mu L eps", positive=True)
    growth = x - 1 - sp.log(x) - (x - 1) ** 2 / 4
    y = sp.Symbol("y", positive=True)
    return (
        Step(
            Shown(-mu * x / 2 + sp.log(x) / 2, r"-\tfrac\kappa2 x + \tfrac12\log x"),
            Shown(
                -(1 + sp.log(mu)) / 2 - (y - 1 - sp.log(y)).subs(y, mu * x) / 2,
                r"-\tfrac12(1 + \log\kappa) - \tfrac12(y - 1 - \log y),\; y = \kappa x",
            ),
            "a variance eps x costs kappa x/2 and gains log(x)/2: near-optimal ones have x between two constants",
        ),
        Step(
            Shown(sp.Derivative(growth, x), r"\tfrac{d}{dx}\bigl[x - 1 - \log x - \tfrac14(x-1)^2\bigr]"),
            Shown((x - 1) * (2 - x) / (2 * x), r"\frac{(x-1)(2-x)}{2x}"),
            "quadratic growth: x - 1 - log x >= (x-1)^2/4 on (0, 2], for x the eigenvalues of S^-1/2 Q S^-1/2",
        ),
        Step(
            Shown(mu * t**2 / 2 + eps**2 * lipschitz**2 / (2 * mu), r"\tfrac\mu2 t^2 + \frac{\varepsilon^2L^2}{2\mu}"),
            Shown(eps * lipschitz * t, r"\varepsilon L t"),
            "Young's inequality: with growth mu t^2/2 and F_2 Lipschitz, L, a shift t gains at most eps^2 L^2/(2 mu)",
            relation=">=",
            certificate=(mu / 2 * (t - eps * lipschitz / mu) ** 2,),
        ),
        argued(
            "Gibbs' inequality: near-optimal encoders concentrate",
            "ELBO(q) = const - E_q V/eps - KL(q || prior). Let q be as good as the encoder found here: KL >= 0 leaves "
            "E_q V - V(g) <= eps (d/2 log 1/eps + O(1)), by separation E_q min(|z-g|^2, rho^2) = O(eps log 1/eps). In "
            "the ball V >= kappa/2 |z-g|^2, so means are g + O(h), variances eps times constants; there the expansion "
            "holds uniformly, and the envelope theorem is the two inequalities above: the optimum exceeds the value "
            "at S by O(eps^2).",
            *(condition.text for condition in CONDITIONS),
        ),
    )
