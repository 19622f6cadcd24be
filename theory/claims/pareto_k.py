r"""Claim pareto-k: how heavy the tail of the importance weights is whose proposal is the best mean-field Gaussian.

With R the correlation matrix of J's columns, v ~ N(0, I), the limiting weight is w = sqrt(det R) exp(-1/2 v'(R - I)v)
(claim importance-weighted). E w^r = det R^(r/2) det(I + r(R - I))^(-1/2), finite iff r k < 1 with

    k = 1 - lambda_min(R),   P(log w > s) ~ C s^(-1/2) e^(-s/k),   local index k - k^2/(2s) + O(s^-2),

if lambda_min is simple. A linear decoder at noise eps has R of A + eps I: k - eps k sum_j u_j^2/A_jj, u the
eigenvector. Source: Yao et al. 2018 (arXiv 1802.02538) for the diagnostic; k in closed form is new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant, symmetric
from ..proof.derivation import Derivation, Shown, Step, argued

K, S, R = sp.symbols("kappa s r", positive=True)
RHO = sp.Symbol("rho", real=True)
LOCAL = -(K**2) / 2
"""The coefficient of 1/s in the local index of the tail."""


def _one_direction() -> tuple[Any, Any]:
    """E exp(r k y^2 / 2), y ~ N(0, 1), with 1 - r k = c > 0."""
    c, y = sp.Symbol("c", positive=True), sp.Symbol("y", real=True)
    return sp.Integral(sp.exp(-c * y**2 / 2) / sp.sqrt(2 * sp.pi), (y, -sp.oo, sp.oo)), 1 / sp.sqrt(c)


def _moment() -> tuple[Any, Any]:
    """det(I + r(R - I)) for d = 2, and its factors 1 - r k_j, k_j = 1 - lambda_j = +-rho."""
    matrix = np.array([[1, R * RHO], [R * RHO, 1]], dtype=object)
    return determinant(matrix), (1 - R * RHO) * (1 + R * RHO)


def _tail() -> tuple[Any, Any]:
    """-d/ds of k s^(-1/2) e^(-s/k) (1 - k/(2s)), over s^(-1/2) e^(-s/k): two terms of the tail of k y^2 / 2."""
    tail = K * sp.exp(-S / K) / sp.sqrt(S) * (1 - K / (2 * S))
    return -sp.diff(tail, S) * sp.sqrt(S) * sp.exp(S / K), 1 - 3 * K**2 / (4 * S**2)


def _index() -> tuple[Any, Any]:
    """The local index -P/P' of that tail, as a polynomial in t = 1/s up to t^1."""
    t = sp.Symbol("t", positive=True)
    local = K * (1 - K * t / 2) / (1 - 3 * K**2 * t**2 / 4)
    return [sp.diff(local, t, n).subs(t, 0) for n in (0, 1)], [K, LOCAL]


def _noise() -> tuple[Any, Any]:
    """d/d eps at 0 of u'R(eps)u, R(eps) = D^(-1/2) (A + eps I) D^(-1/2), D = diag(A) + eps; Ru = lambda u, d = 2."""
    eps, lam = sp.Symbol("eps", positive=True), sp.Symbol("lam", real=True)
    A = symmetric("A", 2, 2)
    u = np.array(sp.symbols("u_:2", real=True), dtype=object)
    scale = [sp.Symbol(f"a_{k}", positive=True) for k in range(2)]
    quadratic = sp.Integer(0)
    for i in range(2):
        for j in range(2):
            entry = A[i, j] if i != j else scale[i]
            entry = entry + (eps if i == j else 0)
            quadratic += u[i] * u[j] * entry / sp.sqrt((scale[i] + eps) * (scale[j] + eps))
    slope = sp.diff(quadratic, eps).subs(eps, 0)
    # (Ru)_i = lambda u_i, solved for the off-diagonal entry in each of its two places.
    off = A[0, 1] / sp.sqrt(scale[0] * scale[1])
    claimed = sum(u[k] ** 2 / scale[k] for k in range(2)) * (1 - lam)
    residual = [u[0] + off * u[1] - lam * u[0], off * u[0] + u[1] - lam * u[1]]
    return slope, claimed - sum(u[k] / scale[k] * residual[k] for k in range(2)) + 0 * lam


def pareto_k() -> Derivation:
    """The derivation of claim pareto-k."""
    moment, factors, tail, index, noise = _one_direction(), _moment(), _tail(), _index(), _noise()
    steps = (
        Step(
            Shown(moment[0], r"\int e^{-\frac12 c y^2}\,dy/\sqrt{2\pi},\; c = 1 - r\kappa_j"),
            Shown(moment[1], r"c^{-1/2}"),
            "in the eigenvectors of R the weight is a product of exp(kappa_j y_j^2 / 2), kappa_j = 1 - lambda_j; its "
            "moment of order r is finite iff r kappa_j < 1 for each j",
        ),
        Step(
            Shown(factors[0], r"\det(I + r(R - I)),\; d = 2"),
            Shown(factors[1], r"(1 - r\rho)(1 + r\rho)"),
            "the moments are finite up to r = 1/kappa with kappa = 1 - lambda_min(R): the Pareto index",
        ),
        Step(
            Shown(
                tail[0],
                r"-s^{1/2}e^{s/\kappa}\,\partial_s\bigl[\kappa s^{-1/2}e^{-s/\kappa}(1-\tfrac{\kappa}{2s})\bigr]",
            ),
            Shown(tail[1], r"1 - \tfrac34\kappa^2 s^{-2}"),
            "the density of kappa y^2/2 is proportional to s^(-1/2) e^(-s/kappa): two terms of its tail",
        ),
        argued(
            "the other directions",
            "They multiply the density of log w by a factor that tends to a constant and changes it by O(1/s) "
            "relative, which moves the local index at order s^-2 only.",
            "lambda_min(R) is simple",
        ),
        Step(
            Shown(index[0], r"[s^0], [s^{-1}]\ \text{of}\ -P/P'"),
            Shown(index[1], r"\kappa,\ -\tfrac12\kappa^2"),
            "local index of the tail: any finite sample sees less than kappa",
        ),
        Step(
            Shown(noise[0], r"\partial_\varepsilon\, u^\top R(A + \varepsilon I) u"),
            Shown(noise[1], r"(1-\lambda)\textstyle\sum_k u_k^2/A_{kk}\ \text{if}\ Ru = \lambda u"),
            "a linear decoder at finite noise (d = 2; residuals of Ru = lambda u are written out): kappa falls by eps "
            "kappa sum u_k^2/A_kk",
        ),
    )
    return Derivation("pareto-k", "the Pareto index of the mean-field guide", steps)
