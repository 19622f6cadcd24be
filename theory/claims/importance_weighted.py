r"""Claim importance-weighted: the bounds with the ELBO-optimal mean-field encoder, in the limit eps -> 0.

With R the correlation matrix of the columns of J and v ~ N(0, I), the importance weight is w = sqrt(det R) exp(-1/2
v'(R - I)v), and gap_K -> -E log (1/K sum_i w_i). For d = 2, R = [[1, rho], [rho, 1]]: w = sqrt(1 - rho^2) exp(-rho
v_1 v_2). Source: Burda et al. 2016 (arXiv 1509.00519) for the bound; the limit is new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant, symmetric
from ..formulas.closed_forms import importance_chi2_terms
from ..formulas.contrast import contrast_of_metric
from ..proof.derivation import Derivation, Shown, Step, argued
from ..steps.concentration import CONDITIONS


def _log_weight(d: int) -> tuple[Any, Any]:
    """log of N(u; 0, A^-1)/N(u; 0, diag(A)^-1) at u_k = v_k / |J_k|, and the form in R; s_k = |J_k|."""
    lengths = np.array(sp.symbols(f"s_:{d}", positive=True), dtype=object)
    rho = symmetric("rho", d, 2)
    for k in range(d):
        rho[k, k] = sp.Integer(1)
    metric = rho * np.outer(lengths, lengths)
    v = np.array(sp.symbols(f"v_:{d}", real=True), dtype=object)
    u = v / lengths
    left = sp.log(determinant(metric)) / 2 - (u @ metric @ u) / 2
    left -= sum(sp.log(length) for length in lengths) - (v @ v) / 2
    identity = np.array(sp.eye(d).tolist(), dtype=object)
    return left, sp.log(determinant(rho)) / 2 - (v @ (rho - identity) @ v) / 2


def importance_weighted() -> Derivation:
    """The derivation of claim importance-weighted."""
    kappa = sp.Symbol("kappa", positive=True)
    rho = sp.Symbol("rho", real=True)
    example = np.array([[1, rho], [rho, 1]], dtype=object)
    t, length = sp.Symbol("tau", positive=True), sp.Symbol("s", positive=True)
    v, y = sp.symbols("v y", real=True)
    steps = (
        Step(
            Shown(
                {d: _log_weight(d)[0] for d in (2, 3)},
                r"\log\bigl[N(u; 0, A^{-1}) / N(u; 0, \operatorname{diag}(A)^{-1})\bigr],\; u_k = v_k/|J_k|",
            ),
            Shown(
                {d: _log_weight(d)[1] for d in (2, 3)},
                r"\tfrac12\log\det R - \tfrac12 v^\top (R - I) v,\; R_{kl} = J_k\cdot J_l/(|J_k||J_l|)",
            ),
            "limit of posterior over encoder in the rescaled variable: only the correlations of the columns remain",
        ),
        Step(
            Shown(contrast_of_metric(example), "c(R)"),
            Shown(-sp.log(1 - rho**2) / 2, r"-\tfrac12\log(1-\rho^2) = -E\log w"),
            "K = 1, d = 2: E v_1 v_2 = 0, so -E log w is the contrast",
        ),
        Step(
            Shown(
                sp.Integral(sp.exp(-rho * y * v - v**2 / 2) / sp.sqrt(2 * sp.pi), (v, -sp.oo, sp.oo)),
                r"E e^{-\rho y v},\; v \sim N(0,1)",
            ),
            Shown(sp.exp(rho**2 * y**2 / 2), r"e^{\rho^2 y^2/2}"),
            "moment generating function: one of the two variables is integrated",
        ),
        Step(
            Shown(
                sp.Integral(sp.exp(-kappa * y**2 / 2) / sp.sqrt(2 * sp.pi), (y, -sp.oo, sp.oo)),
                r"\int e^{-\kappa y^2/2}\,dy/\sqrt{2\pi}",
            ),
            Shown(1 / sp.sqrt(kappa), r"\kappa^{-1/2}"),
            "the other one: kappa = 1 - rho^2 gives E w = 1; kappa = 1 - 4 rho^2 gives E w^2 = (1-rho^2)/sqrt(1-4 "
            "rho^2), "
            "finite iff |rho| < 1/2, that is lambda_min(R) > 1/2",
        ),
        Step(
            Shown(
                determinant(example) / sp.sqrt(determinant(2 * example - np.array(sp.eye(2).tolist(), dtype=object)))
                - 1,
                r"\det R/\sqrt{\det(2R - I)} - 1",
            ),
            Shown(sum(importance_chi2_terms(rho).values()), r"(1-\rho^2)/\sqrt{1 - 4\rho^2} - 1 = \chi^2"),
            "the variance of w in terms of R: gap_K ~ chi^2/(2K) for large K where it is finite",
        ),
        Step(
            Shown(sp.Integral(sp.exp(-t * length), (length, 0, sp.oo)), r"\int_0^\infty e^{-\tau s}\,ds"),
            Shown(1 / t, r"1/\tau"),
            "Frullani: log a = int (e^-t - e^-at) dt/t, because both sides have derivative 1/a and vanish at a = 1",
        ),
        argued(
            "Scheffe's lemma: exchange of limits",
            "In u, z = g + h u, the weights w have mean one for every eps, as has their limit, and converge pointwise "
            "by the expansion: so in L^1 (Scheffe 1947), and so does the mean of K of them. Its logarithm lies between "
            "the mean of log w, whose expectation converges (K = 1, elbo-limit), and the mean of w less one: it "
            "converges in L^1, too (Pratt 1960). Odd powers of h have mean 0: at fixed K the rate is eps. By Jensen "
            "gap_K decreases in K, and it stays positive as eps -> 0 unless R = I.",
            *(condition.text for condition in CONDITIONS),
        ),
    )
    return Derivation("importance-weighted", "importance-weighted bounds in the near-deterministic limit", steps)
