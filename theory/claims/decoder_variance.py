r"""Claim decoder-variance: what a learned noise variance converges to, and what its usual estimate does instead.

R(eps) = E_q|x - f(z)|^2 at the best encoder. d ELBO*/d eps = (R - D eps)/(2 eps^2), exactly. On the image, with m the
mean shift of encoder-mean:

    |x - f(mu*)|^2 = eps^2 |J m|^2 + O(eps^3),      R = d eps + O(eps^2),
    ELBO* = -(D-d)/2 log eps + O(1) for D > d: unbounded,
    data x = f(z) + N(0, eps0 I), D > d:  the best eps is eps0 - 2 E[a1]/(D-d) eps0^2 + O(eps0^3).

Source: Dai and Wipf 2019 (arXiv 1903.05789) and Rybkin et al. 2021 (arXiv 2006.13202) for learning it; the rates and
the constant are new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import independent
from ..proof.derivation import Derivation, Shown, Step, argued

EPS, EPS0, RES, DATA, LATENT = sp.symbols("eps tau res D d", positive=True)
SLOPE = sp.Symbol("a1", real=True)
EXCESS = -2 * SLOPE / (DATA - LATENT)
"""(best eps - eps0) / eps0^2."""


def _means() -> tuple[Any, Any]:
    """[eps^n] |f(g + eps m) - f(g)|^2, n = 0, 1, 2, for f = J u + H uu / 2, d = D = 2."""
    J, H, m = independent("J", (2, 2)), independent("H", (2, 2, 2)), independent("m", (2,))
    u = EPS * m
    shift = J @ u + np.einsum("iab,a,b->i", H, u, u) / 2
    square = sp.expand(shift @ shift)
    return [square.coeff(EPS, n) for n in range(3)], [0, 0, sp.expand((J @ m) @ (J @ m))]


def _noise() -> tuple[Any, Any]:
    """d/d eps of the average ELBO* at eps = eps0 + k eps0^2 to leading order, k = -2 a1/(D - d)."""
    objective = -(DATA - LATENT) / 2 * (sp.log(EPS) + EPS0 / EPS) - SLOPE * EPS
    slope = sp.diff(objective, EPS).subs(EPS, EPS0 + EXCESS * EPS0**2)
    return sp.together(slope).subs(EPS0, 0), sp.Integer(0)


def _expected_residual() -> tuple[Any, Any]:
    """sum_k A_kk s_k with s_k = 1/A_kk, d = 3."""
    lengths = sp.symbols("a_:3", positive=True)
    return sum(one * (1 / one) for one in lengths), sp.Integer(3)


def decoder_variance() -> Derivation:
    """The derivation of claim decoder-variance."""
    means, noise, expected = _means(), _noise(), _expected_residual()
    k, start, n = sp.symbols("kappa tau n", positive=True)
    steps = (
        Step(
            Shown(
                sp.Derivative(-DATA / 2 * sp.log(2 * sp.pi * EPS) - RES / (2 * EPS), EPS),
                r"\partial_\varepsilon\bigl[-\tfrac D2\log2\pi\varepsilon - \mathcal R/(2\varepsilon)\bigr]",
            ),
            Shown((RES - DATA * EPS) / (2 * EPS**2), r"(\mathcal R - D\varepsilon)/(2\varepsilon^2)"),
            "envelope theorem: at the best encoder the total derivative is the partial one; stationary iff eps = R/D, "
            "the error of samples, not of means",
        ),
        Step(
            Shown(means[0], r"[\varepsilon^n]\,|f(g + \varepsilon m) - f(g)|^2,\; n = 0, 1, 2"),
            Shown(means[1], r"0,\ 0,\ |J m|^2"),
            "error of the means (D = d = 2): of order eps^2, as the encoder's mean is off by eps m",
        ),
        Step(
            Shown(expected[0], r"\textstyle\sum_k A_{kk} s_k"),
            Shown(expected[1], "d"),
            "error of samples to leading order, over eps: d, whatever the decoder",
        ),
        Step(
            Shown(
                k * ((k * start) ** (2**n) / k) ** 2,
                r"\kappa\,\varepsilon_n^2,\; \varepsilon_n = (\kappa\varepsilon_0)^{2^n}/\kappa",
            ),
            Shown((k * start) ** (2 ** (n + 1)) / k, r"\varepsilon_{n+1}"),
            "the update eps <- |x - f(mu*)|^2 / D, kappa = |J m|^2/D, goes to zero quadratically from eps_0 < 1/kappa",
        ),
        argued(
            "D > d on the manifold",
            "By rectangular ELBO* = -(D-d)/2 log eps + O(1), which grows without bound as eps -> 0.",
            "x = f(g)",
        ),
        argued(
            "noise in the data",
            "E log p_eps is largest at eps0, where its curvature is -(D-d)/(2 eps0^2) (1 + O(eps0)): that of the "
            "D - d directions off the manifold; E gap has the slope E a1 there.",
            "D > d",
            "x = f(z) + N(0, eps0 I), z ~ p0",
        ),
        Step(
            Shown(
                noise[0],
                r"\partial_\varepsilon\bigl[-\tfrac{D-d}2(\log\varepsilon + \varepsilon_0/\varepsilon) - "
                r"a_1\varepsilon\bigr]"
                r"\ \text{at}\ \varepsilon_0 - \tfrac{2a_1}{D-d}\varepsilon_0^2,\ \varepsilon_0\to0",
            ),
            Shown(noise[1], "0"),
            "stationary to leading order: the learned noise is off by -2 E[a1]/(D-d) eps0^2",
        ),
    )
    return Derivation("decoder-variance", "what a learned noise variance converges to", steps)
