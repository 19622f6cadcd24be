r"""Steps about the constants: what is left of log p_eps(x) and ELBO* at order eps^0, and the contrast between them.

Notation: M = Hess V at g (A = J'J on the manifold), S = blockdiag(M_BB^-1), h = sqrt(eps), C = (2 pi eps)^(-D/2).
Source: Laplace's method; Reizinger et al. 2022 (arXiv 2206.02416), Theorem 1, for the contrast.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant, independent, symmetric
from ..formulas.gaussian import contrast_terms, likelihood_limit_terms
from ..formulas.general import contrast_terms as block_contrast_terms
from ..proof.derivation import Shown, Step
from ..steps import encoder, substitution

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
