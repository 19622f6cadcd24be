r"""The paper's main theorem and its parts, composed: T2 (mean), T3 (variance), T4 (likelihood), T5 (ELBO) and T0.

Every derivation starts from the joint density and assumes nothing that it shows; shared steps are shared
functions. The order of T5: decomposition; joint density; rescaling and Taylor; Gaussian moments; log
p_eps(x); ELBO of a Gaussian encoder; optimal covariance and mean; E1; the constants, which leave the
contrast; substitution of J, H, T.
"""

from typing import Any

import numpy as np
import sympy as sp

from .algebra.tensors import determinant, independent, symmetric
from .claims.elbo_decomposition import decomposition_steps
from .formulas.gaussian import contrast_terms, likelihood_limit_terms, paper_variance_terms
from .formulas.general import contrast_terms as block_contrast_terms
from .proof.derivation import Derivation, Shown, Step
from .steps import encoder, likelihood, substitution
from .steps.covariance import covariance_steps
from .steps.heat_equation import heat_steps

EPS = sp.Symbol("eps", positive=True)


def _evidence_constant(d: int, data_dim: int, metric: np.ndarray) -> sp.Expr:
    """log C + d/2 log eps + log[(2 pi)^(d/2) det(M)^(-1/2)] + l0 with C = (2 pi eps)^(-D/2)."""
    half = sp.Rational(1, 2)
    constant = -half * data_dim * sp.log(2 * sp.pi * EPS) + half * d * sp.log(EPS)
    return constant + half * d * sp.log(2 * sp.pi) - half * sp.log(determinant(metric)) + sp.Symbol("l0", real=True)


def likelihood_constant_step() -> Step:
    """Order eps^0 of log p_eps(x) for Gaussian noise."""
    left, right = {}, {}
    for d, data_dim in substitution.SHAPES:
        metric = symmetric("A", d, 2)
        left[d, data_dim] = _evidence_constant(d, data_dim, metric)
        right[d, data_dim] = sum(likelihood_limit_terms(metric, data_dim, sp.Symbol("l0", real=True), EPS).values())
    return Step(
        Shown(left, r"\log C + \tfrac d2\log\varepsilon + \log\bigl[(2\pi)^{d/2}\det(A)^{-1/2}\bigr] + \ell"),
        Shown(right, r"\ell - \tfrac12\log\det A - \tfrac{D-d}{2}\log(2\pi\varepsilon)"),
        "collecting the constants: dz = h^d du, C = (2 pi eps)^(-D/2), M = A on the manifold",
    )


def contrast_step() -> Step:
    """The constants of log p and of ELBO* differ by the contrast, for every encoder family."""
    half = sp.Rational(1, 2)
    left, right = {}, {}
    for name, (d, blocks) in encoder.FAMILIES.items():
        metric = symmetric("M", d, 2)
        prefactor = half * d * sp.log(2 * sp.pi * EPS)
        evidence = prefactor - half * sp.log(determinant(metric))
        log_det_s = -sum(sp.log(determinant(metric[np.ix_(block, block)])) for block in blocks)
        elbo = prefactor + half * d + half * log_det_s - half * d  # entropy, and -1/2 tr(M S) = -d/2
        left[name], right[name] = evidence - elbo, sum(block_contrast_terms(metric, blocks).values())
    return Step(
        Shown(
            left,
            r"\bigl[\tfrac d2\log(2\pi\varepsilon) - \tfrac12\log\det M\bigr] - \bigl[\tfrac d2\log(2\pi "
            r"e\varepsilon) + \tfrac12\log\det S - \tfrac12\operatorname{tr} MS\bigr]",
        ),
        Shown(right, r"\tfrac12\bigl[\textstyle\sum_B \log\det M_{BB} - \log\det M\bigr]"),
        "the limit of the gap: log C and ell are common, tr(MS) = d, det S = prod 1/det M_BB",
    )


def trace_step() -> Step:
    """tr(M S) = d for every family."""

    def trace(name: str) -> Any:
        matrix, inverse, _ = encoder.family_matrices(name)
        return np.trace(matrix @ inverse)

    return Step(
        Shown(lambda: {name: trace(name) for name in encoder.FAMILIES}, r"\operatorname{tr}(M S)"),
        Shown({name: sp.Integer(d) for name, (d, _) in encoder.FAMILIES.items()}, "d"),
        "S is the inverse of M's blocks",
    )


def ima_step() -> Step:
    """For a mean-field encoder and Gaussian noise the contrast is the paper's c_IMA."""
    left, right = {}, {}
    for d, data_dim in substitution.SHAPES:
        jacobian = independent("J", (data_dim, d))
        metric = jacobian.T @ jacobian
        singles = tuple((k,) for k in range(d))
        left[d, data_dim] = sum(block_contrast_terms(metric, singles).values())
        norms = [sp.log(sum(entry**2 for entry in jacobian[:, k])) / 2 for k in range(d)]
        right[d, data_dim] = sum(norms) - sp.log(determinant(metric)) / 2
        assert contrast_terms(metric).keys() == {"columns", "volume"}
    return Step(
        Shown(left, r"\tfrac12\bigl[\textstyle\sum_k \log M_{kk} - \log\det M\bigr],\; M = J^\top J"),
        Shown(right, r"c = \sum_k \log|J_k| - \tfrac12\log\det J^\top J"),
        "mean field, Gaussian noise: M_kk is the squared norm of column k; c is the IMA contrast",
    )


def slope_step() -> Step:
    """a1 = L1 - E1, and gap = c + eps a1 + O(eps^2)."""
    l1, e1, c = sp.symbols("L1 E1 c", real=True)
    constant = sp.Symbol("C", real=True)
    evidence, elbo = constant + EPS * l1, constant - c + EPS * e1
    return Step(
        Shown(evidence - elbo, r"\bigl[C + \varepsilon L_1\bigr] - \bigl[C - c + \varepsilon E_1\bigr]"),
        Shown(c + EPS * (l1 - e1), r"c + \varepsilon a_1,\quad a_1 = L_1 - E_1"),
        "subtraction; both remainders are O(eps^2), odd orders of h vanish",
    )


def _expansion_steps() -> tuple[Step, ...]:
    return (*likelihood.joint_density_steps(), likelihood.taylor_step(), *likelihood.moment_steps())


def general_limit() -> Derivation:
    """T0: any smooth potential, block-diagonal Gaussian encoder."""
    steps = (
        *_expansion_steps(),
        *likelihood.likelihood_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps(),
        *encoder.envelope_steps(),
        *covariance_steps(),
        trace_step(),
        contrast_step(),
        slope_step(),
        substitution.inverse_step(),
    )
    return Derivation("general-limit", "log p, ELBO*, gap and encoder to order eps for any potential", steps)


def encoder_mean() -> Derivation:
    """T2: mu* = g + eps m."""
    steps = (
        *_expansion_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps()[:1],
        *substitution.potential_steps(),
        *substitution.mean_substitution(),
    )
    return Derivation("encoder-mean", "the encoder inverts the decoder: mu* = g + eps m + O(eps^2)", steps)


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
    """T3: sigma_k^2 = eps s_k + eps^2 t_k."""
    steps = (
        *_expansion_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *covariance_steps(),
        *substitution.potential_steps(),
        *substitution.variance_substitution(),
        price_step(),
        paper_variance_step(),
    )
    return Derivation("encoder-variance", "sigma_k^2 = eps/|J_k|^2 + eps^2 t_k + O(eps^3)", steps)


def likelihood_limit() -> Derivation:
    """T4: log p_eps(x) = ell - 1/2 log det A - (D-d)/2 log(2 pi eps) + eps L1, L1 by two routes."""
    steps = (
        *_expansion_steps(),
        *likelihood.likelihood_steps(),
        likelihood_constant_step(),
        *substitution.potential_steps(),
        *substitution.likelihood_substitution(),
        *heat_steps(),
    )
    return Derivation("likelihood-limit", "log p_eps(x) and its slope L1, by Laplace and by the heat equation", steps)


def elbo_limit() -> Derivation:
    """T5, the main theorem: ELBO* = log p_eps(x) - c - a1 eps + O(eps^2)."""
    steps = (
        *decomposition_steps()[:3],
        *_expansion_steps(),
        *likelihood.likelihood_steps(),
        likelihood_constant_step(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps(),
        *encoder.envelope_steps(),
        trace_step(),
        contrast_step(),
        ima_step(),
        *substitution.potential_steps(),
        *substitution.mean_substitution(),
        *substitution.likelihood_substitution(),
        *substitution.elbo_substitution(),
        slope_step(),
    )
    return Derivation("elbo-limit", "ELBO* = log p_eps(x) - c - a1 eps + O(eps^2)", steps)
