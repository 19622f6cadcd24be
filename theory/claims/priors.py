r"""Claim priors: what a reparametrisation keeps; a uniform prior with a logit-normal encoder; a kinked prior.

z_k = h_k(y_k) turns prior p0 and decoder f into p0(h) h' and f o h: log p_eps, L1 and the contrast stay, E1 and a1
change. A uniform prior through the sigmoid is exactly a logistic prior. At a kink of the log-prior the slope term is
of order sqrt(eps). Source: new here.
"""

from typing import Any

import sympy as sp

from ..formulas.closed_forms import kink_coefficient_terms
from ..proof.derivation import Derivation, Shown, Step, argued


def _density_change() -> tuple[Any, Any]:
    """log p(x) at x = f(h(y)) from (f o h, p0(h) h') and from (f, p0); s = h'(y), J_00 = f'(h(y)), p = p0(h(y))."""
    slope, jacobian, prior = sp.symbols("s J_00 p", positive=True)
    return sp.log(prior * slope) - sp.log(jacobian * slope), sp.log(prior) - sp.log(jacobian)


def _full_slope() -> tuple[Any, Any]:
    """a1 = 3/4 H^2/J^4 (d = 1) for f o h with h' = s, h'' = v, and its value for f."""
    jacobian, slope = sp.symbols("J_00 s", positive=True)
    second, bend = sp.symbols("H_000 v", real=True)
    new_first, new_second = jacobian * slope, second * slope**2 + jacobian * bend
    changed = sp.Rational(3, 4) * new_second**2 / new_first**4
    original = sp.Rational(3, 4) * second**2 / jacobian**4
    return changed - original, sp.Rational(3, 4) * (
        2 * second * slope**2 * bend * jacobian + jacobian**2 * bend**2
    ) / new_first**4


def priors() -> Derivation:
    """The derivation of claim priors."""
    y, u = sp.symbols("y u", real=True)
    q = sp.Symbol("Q", positive=True)
    sigmoid = 1 / (1 + sp.exp(-y))
    logistic = sp.exp(-y) / (1 + sp.exp(-y)) ** 2
    change, slope = _density_change(), _full_slope()
    weight = sp.exp(-(u**2) / (2 * q)) / sp.sqrt(2 * sp.pi * q)
    s, b, beta = sp.symbols("s B beta", positive=True)
    third = sp.sqrt(2 / sp.pi) / beta
    eps = sp.Symbol("eps", positive=True)
    width = sp.sqrt(eps)
    steps = (
        Step(
            Shown(change[0], r"\log[p_0(h) h'] - \log[f'(h) h']"),
            Shown(change[1], r"\log p_0(h) - \log f'(h)"),
            "element-wise reparametrisation: the push-forward density, hence log p_eps and L1, stays; so does c "
            "(contrast)",
        ),
        Step(
            Shown(sp.Derivative(sigmoid, y), r"\sigma'(y),\; \sigma(y) = 1/(1+e^{-y})"),
            Shown(logistic, r"e^{-y}/(1+e^{-y})^2"),
            "a uniform prior on (0, 1) seen through the sigmoid is the logistic density: the logit-normal encoder "
            "is a Gaussian encoder there",
        ),
        argued(
            "invariance of the KL divergence",
            "KL(q || p0) and the likelihood do not change under an invertible map of z, so the VAE with uniform "
            "prior and logit-normal encoder is "
            "exactly the VAE with logistic prior, decoder f(sigmoid) and Gaussian encoder. With a Gaussian encoder "
            "on the box KL is infinite.",
            "z = sigmoid(y), invertible",
        ),
        Step(
            Shown(slope[0], r"a_1(f \circ h) - a_1(f),\; d = 1"),
            Shown(slope[1], r"\tfrac34 (2 H J (h')^2 h'' + J^2 (h'')^2)/(J h')^4"),
            "but the family of Gaussian encoders changes with the coordinate: a1 = 3/4 H^2/J^4 is not invariant",
        ),
        Step(
            Shown(sp.Integral(2 * u * weight, (u, 0, sp.oo)), r"E|u|,\; u \sim N(0, Q)"),
            Shown(sp.sqrt(2 * q / sp.pi), r"\sqrt{2Q/\pi}"),
            "a kink ell = -|z - g|/beta at g has expectation of order sqrt(eps), not eps",
        ),
        Step(
            Shown(
                -third * width * sp.sqrt(b) - (-third * width * sp.sqrt(s)),
                r"-\tfrac1\beta E|z-g|\ \text{under } N(0, \varepsilon A^{-1}) \text{ minus under } N(0, "
                r"\varepsilon s)",
            ),
            Shown(
                width * sum(kink_coefficient_terms(beta, s, b).values()),
                r"\sqrt{\varepsilon}\,\sqrt{2/\pi}\,\beta^{-1}\bigl(\sqrt{s_k} - \sqrt{(A^{-1})_{kk}}\bigr)",
            ),
            "gap at the kink of a Laplace prior with scale beta: log p minus ELBO at order sqrt(eps), Q = eps A^-1 "
            "for log p, eps s for the encoder",
        ),
        argued(
            "first order in the kink",
            "The kink perturbs both Gaussian integrals by h P with P = -|u_k|/beta; at first order log E e^(hP) and "
            "E P agree with the "
            "expectations above, the optimal mean and covariance change the ELBO at order eps only.",
            "g_k at the kink of the k-th prior, smooth elsewhere",
        ),
    )
    return Derivation("priors", "reparametrisation, uniform and Laplace priors", steps)
