r"""Claim anisotropic-noise: noise eps S and eps S(z).

Whitening f -> S^(-1/2) f gives the isotropic case; S(z) adds -1/2 log det S(z) to the log-prior. Source: new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import independent
from ..proof.derivation import Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)


def _whitened(data_dim: int) -> tuple[Any, Any, Any, Any]:
    """The quadratic form and log-density for S = R R', and the same for the whitened variable R^-1 (x - f)."""
    lower = np.array(
        [
            [sp.Symbol(f"R_{i}{j}", positive=i == j or None, real=True) if i >= j else 0 for j in range(data_dim)]
            for i in range(data_dim)
        ]
    )
    residual = independent("x", (data_dim,)) - independent("f", (data_dim,))
    covariance = sp.Matrix(lower @ lower.T)
    form = (residual @ np.array(covariance.adjugate().tolist(), dtype=object) @ residual) / covariance.det(
        method="berkowitz"
    )
    white = np.array(sp.Matrix(lower).inv().tolist(), dtype=object) @ residual
    half = sp.Rational(1, 2)
    scales = [lower[k, k] for k in range(data_dim)]
    density = (
        -half * data_dim * sp.log(2 * sp.pi * EPS)
        - half * sp.log(covariance.det(method="berkowitz"))
        - sp.Symbol("V") / EPS
    )
    split = -half * data_dim * sp.log(2 * sp.pi * EPS) - sum(sp.log(s) for s in scales) - sp.Symbol("V") / EPS
    return form, sum(entry**2 for entry in white), density, split


def anisotropic_noise() -> Derivation:
    """The derivation of anisotropic-noise."""
    both = {n: _whitened(n) for n in (1, 2, 3)}
    jacobian = independent("J", (2, 2))
    lower = np.array(
        [[sp.Symbol("R_00", positive=True), 0], [sp.Symbol("R_10", real=True), sp.Symbol("R_11", positive=True)]]
    )
    inverse = np.array(sp.Matrix(lower).inv().tolist(), dtype=object)
    precision = np.array(sp.Matrix(lower @ lower.T).inv().tolist(), dtype=object)
    steps = (
        Step(
            Shown({n: value[0] for n, value in both.items()}, r"(x-f)^\top S^{-1} (x-f),\; S = R R^\top"),
            Shown({n: value[1] for n, value in both.items()}, r"|R^{-1}(x - f)|^2"),
            "whitening: noise eps S on f is noise eps I on R^-1 f",
            ("S positive definite",),
        ),
        Step(
            Shown((inverse @ jacobian).T @ (inverse @ jacobian), r"(R^{-1}J)^\top (R^{-1}J)"),
            Shown(jacobian.T @ precision @ jacobian, r"J^\top S^{-1} J"),
            "the metric of the whitened decoder; every formula of the main theorem carries over with it",
        ),
        Step(
            Shown({n: value[2] for n, value in both.items()}, r"\log N(x; f, \varepsilon S(z))"),
            Shown(
                {n: value[3] for n, value in both.items()},
                r"-\tfrac D2 \log(2\pi\varepsilon) - \tfrac12\log\det S(z) - V(z)/\varepsilon,\; \tfrac12\log\det S "
                r"= \textstyle\sum_k \log R_{kk}",
            ),
            "for S(z) the determinant depends on z but not on eps: it joins the log-prior, ell_eff = ell - 1/2 log "
            "det S(z)",
        ),
        argued(
            "general theorem",
            "V(z) = 1/2 (f(z)-x)' S(z)^-1 (f(z)-x) and ell_eff satisfy the general theorem. On the manifold the "
            "derivatives of S do not enter "
            "M = J' S(g)^-1 J, so the limit uses S(g); they enter V3, V4 and ell_eff, hence the slope.",
            "x = f(g)",
        ),
    )
    return Derivation("anisotropic-noise", "noise eps S and eps S(z)", steps)
