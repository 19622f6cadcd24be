r"""Claim folds: x has several preimages g_b, or lies at a fold of the decoder.

p_eps(x) is a sum over branches, one Gaussian covers one branch: gap -> log sum_b e^(l_b) - max_b (l_b - c_b), slope
sum_b w_b L1_b - E1_b*, w = softmax(l). At a critical value V is quartic. Source: new here.
"""

from typing import Any

import sympy as sp

from ..formulas.closed_forms import fold_slope_terms, fold_value_terms
from ..proof.derivation import Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)


def _branches(count: int) -> tuple[list[sp.Symbol], list[sp.Symbol]]:
    return list(sp.symbols(f"l0_:{count}", real=True)), list(sp.symbols(f"L1_:{count}", real=True))


def _slope(count: int) -> tuple[Any, Any]:
    """d/d eps at 0 of log sum_b exp(l_b + eps L1_b), and the softmax average."""
    levels, slopes = _branches(count)
    total = sum(sp.exp(level + EPS * slope) for level, slope in zip(levels, slopes, strict=True))
    weights = [sp.exp(level) / sum(sp.exp(other) for other in levels) for level in levels]
    return sp.diff(sp.log(total), EPS).subs(EPS, 0), sum(w * slope for w, slope in zip(weights, slopes, strict=True))


def _slope_at_the_value() -> tuple[Step, Step]:
    """f = a z^2 + b z^4 and the prior N(0, 1) move the exponent -u^4/2 by -(u^2/(2a) + b u^6/a^2) sqrt(eps)."""
    u = sp.Symbol("u", positive=True)
    a, b = sp.symbols("a b", positive=True)
    quarter, half_line = sp.Rational(1, 4), (u, 0, sp.oo)
    density = sp.exp(-(u**4) / 2)
    moments = {n: 2 ** (n * quarter) * sp.gamma((n + 1) * quarter) / sp.gamma(quarter) for n in (2, 6)}
    encoder = {2: 1 / sp.sqrt(6), 6: 15 / sp.sqrt(6) ** 3}
    change = [moments[n] - encoder[n] for n in (2, 6)]
    return (
        Step(
            Shown(
                [sp.Integral(u**n * density, half_line) / sp.Integral(density, half_line) for n in (2, 6)],
                r"E u^2, E u^6,\; p(u) \propto e^{-u^4/2}",
            ),
            Shown([moments[n] for n in (2, 6)], r"2^{n/4}\,\Gamma(\tfrac{n+1}{4})/\Gamma(\tfrac14),\; n = 2, 6"),
            "moments of the posterior at the critical value",
        ),
        Step(
            Shown(
                -change[0] / (2 * a) - b * change[1] / a**2,
                r"-(E_p - E_q)\big[\tfrac{u^2}{2a} + \tfrac{b}{a^2} u^6\big],\; q = N(0, 1/\sqrt6)",
            ),
            Shown(sum(fold_slope_terms(a, b).values()), r"\text{coefficient of } \sqrt\varepsilon"),
            "the prior and the decoder's next term are perturbations: the evidence moves by their mean under the "
            "posterior, the ELBO by that under its best encoder",
        ),
    )


def folds() -> Derivation:
    """The derivation of folds."""
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
        *_slope_at_the_value(),
    )
    return Derivation("folds", "decoders that are not injective", steps)
