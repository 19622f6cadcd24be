r"""Claim elbo-decomposition: ELBO(q) = log p_eps(x) - KL(q || p_eps(z|x)), exactly and for every encoder.

Pointwise log p(x, z) - log q = log p(x) - (log q - log p(z|x)); the expectation under q and Gibbs'
inequality do the rest. Checked beside it with every integral evaluated, in the conjugate Gaussian model (d
= D = 1). Source: Kingma and Welling 2014 (arXiv 1312.6114).
"""

from typing import Any

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued


def _normal(z: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    return sp.exp(-((z - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _expected_quadratic(z: sp.Symbol, log_density: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E of a quadratic polynomial in z under N(mean, variance), from E z and E z^2."""
    coefficients = sp.Poly(sp.expand(log_density), z).all_coeffs()[::-1]
    moments = [1, mean, mean**2 + variance]
    return sum(c * moment for c, moment in zip(coefficients, moments, strict=False))


def _conjugate() -> dict[str, Any]:
    """x given z is N(W z, eps), z is N(0, 1), q is N(mu, v): evidence, posterior, ELBO and KL."""
    x, z, mu, w = sp.symbols("x z mu W", real=True)
    eps, v = sp.symbols("eps sigma2", positive=True)
    total = eps + w**2
    log_prior = -(z**2) / 2 - sp.log(2 * sp.pi) / 2
    log_noise = -((x - w * z) ** 2) / (2 * eps) - sp.log(2 * sp.pi * eps) / 2
    log_posterior = -((z - w * x / total) ** 2) * total / (2 * eps) - sp.log(2 * sp.pi * eps / total) / 2
    log_q = -((z - mu) ** 2) / (2 * v) - sp.log(2 * sp.pi * v) / 2
    evidence = -(x**2) / (2 * total) - sp.log(2 * sp.pi * total) / 2
    return {
        "joint": log_prior + log_noise,
        "product": evidence + log_posterior,
        "elbo": _expected_quadratic(z, log_prior + log_noise - log_q, mu, v),
        "decomposed": evidence - _expected_quadratic(z, log_q - log_posterior, mu, v),
    }


def decomposition_steps() -> tuple[Step, ...]:
    """The decomposition, Gibbs' inequality, and the conjugate example."""
    log_px, log_pzx, log_q = sp.symbols("lx lz lq", real=True)
    y = sp.Symbol("y", positive=True)
    z, mu = sp.symbols("z mu", real=True)
    v = sp.Symbol("sigma2", positive=True)
    moments = [sp.Integral(z**n * _normal(z, mu, v), (z, -sp.oo, sp.oo)) for n in (0, 1, 2)]
    example = _conjugate()
    return (
        Step(
            Shown(
                log_px + log_pzx - log_q,
                r"\log p(x,z) - \log q(z),\quad p(x,z) = p_\varepsilon(x)\, p_\varepsilon(z|x)",
            ),
            Shown(
                log_px - (log_q - log_pzx), r"\log p_\varepsilon(x) - \bigl[\log q(z) - \log p_\varepsilon(z|x)\bigr]"
            ),
            "Bayes' rule, pointwise in z; its expectation under q, which integrates to one, is the decomposition",
        ),
        Step(
            Shown(sp.Derivative(y - 1 - sp.log(y), y), r"\tfrac{d}{dy}(y - 1 - \log y)"),
            Shown((y - 1) / y, r"(y-1)/y"),
            "log y <= y - 1 with equality only at y = 1 (falls before, rises after)",
        ),
        argued(
            "Gibbs' inequality",
            "With y = p(z|x)/q(z): KL = -E_q log y >= -E_q(y - 1) >= 0, equality iff q is the posterior. Hence gap "
            ">= 0.",
            "q is absolutely continuous with respect to the posterior",
        ),
        Step(
            Shown(moments, r"\int z^n N(z; \mu, \sigma^2)\,dz,\; n = 0, 1, 2"),
            Shown([sp.Integer(1), mu, mu**2 + v], r"1,\ \mu,\ \mu^2 + \sigma^2"),
            "moments of the encoder, used in the example below",
        ),
        Step(
            Shown(example["joint"], r"\log N(x; W z, \varepsilon) + \log N(z; 0, 1)"),
            Shown(
                example["product"],
                r"\log N(x; 0, W^2 + \varepsilon) + \log N(z;\, W x/(W^2+\varepsilon),\, "
                r"\varepsilon/(W^2+\varepsilon))",
            ),
            "example with every term explicit, d = D = 1: completing the square in z gives evidence and posterior",
        ),
        Step(
            Shown(example["elbo"], r"E_q[\log p(x,z) - \log q]"),
            Shown(example["decomposed"], r"\log p_\varepsilon(x) - KL(q \,\|\, p_\varepsilon(z|x))"),
            "example: expectations of quadratic polynomials under q = N(mu, sigma^2)",
        ),
    )


def elbo_decomposition() -> Derivation:
    """The derivation of claim elbo-decomposition."""
    return Derivation("elbo-decomposition", "ELBO(q) = log p(x) - KL(q || posterior)", decomposition_steps())
