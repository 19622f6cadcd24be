r"""Claim encoder-variance: sigma_k^2 = eps s_k + eps^2 t_k + O(eps^3), s_k = 1/A_kk.

Beside it the identity that holds at every eps (Price's theorem) and the paper's formula, whose error is of the order of
its own prior term. Source: Reizinger et al. 2022 (arXiv 2206.02416), Proposition 1; t_k is new here.
"""

import numpy as np
import sympy as sp

from ..formulas.gaussian import paper_variance_terms
from ..proof.derivation import Derivation, Shown, Step
from ..steps import encoder, likelihood, substitution
from ..steps.covariance import covariance_steps

EPS = sp.Symbol("eps", positive=True)


def price_step() -> Step:
    """The exact identity for the variance: d/d(sigma^2) E[w] = 1/2 E[w''], polynomials w of degree <= 8."""
    mean, u = sp.symbols("mu u", real=True)
    v = sp.Symbol("sigma2", positive=True)

    def expected(power: int) -> sp.Expr:
        polynomial = sp.Poly(sp.expand((mean + u) ** power), u) if power else sp.Poly(1, u)
        return sum(c * v ** (n // 2) * sp.factorial2(n - 1) for (n,), c in polynomial.terms() if n % 2 == 0)

    orders = range(2, 9)
    return Step(
        Shown(
            [sp.Derivative(expected(n), v) for n in orders], r"\partial_{\sigma^2} E[z^n],\; z \sim N(\mu, \sigma^2)"
        ),
        Shown([sp.Rational(n * (n - 1), 2) * expected(n - 2) for n in orders], r"\tfrac12 E[n(n-1) z^{n-2}]"),
        "Price's theorem; stationarity of the ELBO in sigma_k^2 then reads 1/sigma_k^2 = E_q[d_kk(V/eps - ell)], at "
        "every eps",
    )


def paper_variance_step() -> Step:
    """The paper's formula to order eps^2: 1/(A_kk/eps - l''_kk) = eps s_k + eps^2 s_k^2 l''_kk + O(eps^3)."""
    a, l2 = sp.Symbol("A_00", positive=True), sp.Symbol("l2_00", real=True)
    formula = paper_variance_terms(np.array([[a]], dtype=object), np.array([[l2]], dtype=object), EPS)["formula"][0]
    remainder = EPS**3 * l2**2 / (a**2 * (a - EPS * l2))
    return Step(
        Shown(formula, r"1/(A_{kk}/\varepsilon - \ell''_{kk})"),
        Shown(
            EPS / a + EPS**2 * l2 / a**2 + remainder,
            r"\varepsilon s_k + \varepsilon^2 s_k^2 \ell''_{kk} + \varepsilon^3 s_k^2 (\ell''_{kk})^2/(A_{kk} - "
            r"\varepsilon\ell''_{kk})",
        ),
        "geometric series: the paper's formula differs from sigma_k^2 by eps^2 (t_k - s_k^2 l''_kk), the order of "
        "its own prior term",
    )


def encoder_variance() -> Derivation:
    """Claim encoder-variance: sigma_k^2 = eps s_k + eps^2 t_k."""
    steps = (
        *likelihood.expansion_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *covariance_steps(),
        *substitution.potential_steps(),
        *substitution.variance_substitution(),
        price_step(),
        paper_variance_step(),
    )
    return Derivation("encoder-variance", "sigma_k^2 = eps/|J_k|^2 + eps^2 t_k + O(eps^3)", steps)
