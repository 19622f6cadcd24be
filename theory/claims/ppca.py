r"""Claim ppca: the ELBO of the linear VAE with its best encoder attains pPCA's likelihood, at orthogonal columns only.

With C = W W' + eps I and sample covariance Sigma, log p depends on W through W W' only; at W = P (Lambda - eps)^(1/2)
(P eigenvectors, Lambda the largest eigenvalues of Sigma) the gradient vanishes; eps is the mean of the discarded
eigenvalues. W and WU have the same likelihood, but the gap of WU is zero iff its columns are orthogonal.
Source: Tipping and Bishop 1999; Lucas et al. 2019 (arXiv 1911.02469).
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import independent
from ..formulas.gaussian import linear_gap_terms
from ..proof.derivation import Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)


def _rotation() -> np.ndarray:
    """A rational rotation: cos = (1 - r^2)/(1 + r^2), sin = 2r/(1 + r^2)."""
    r = sp.Symbol("r", real=True)
    c, s = (1 - r**2) / (1 + r**2), 2 * r / (1 + r**2)
    return np.array([[c, -s], [s, c]], dtype=object)


def _eigenvalues(count: int) -> list[sp.Symbol]:
    return list(sp.symbols(f"lam_:{count}", positive=True))


def _gradient() -> tuple[Any, Any]:
    """Sigma C^-1 W and W at the optimum, in the eigenbasis: D = 4, d = 2, W = diag(w), w_k^2 = lam_k - eps."""
    kept, discarded = _eigenvalues(4)[:2], _eigenvalues(4)[2:]
    w = sp.symbols("w_:2", positive=True)
    values = [w[0] ** 2 + EPS, w[1] ** 2 + EPS, *discarded]
    columns = np.array([[w[0], 0], [0, w[1]], [0, 0], [0, 0]], dtype=object)
    model = np.diag([w[0] ** 2 + EPS, w[1] ** 2 + EPS, EPS, EPS])
    assert len(kept) == 2
    return np.diag(values) @ np.diag([1 / entry for entry in np.diagonal(model)]) @ columns, columns


def _noise_derivative() -> tuple[Any, Any]:
    """d/d eps of the mean log-likelihood of the discarded directions, times -2: sum (1/eps - lam/eps^2)."""
    discarded = _eigenvalues(4)[2:]
    value = sum(sp.log(EPS) + lam / EPS for lam in discarded)
    mean = sum(discarded) / 2
    return sp.Derivative(value, EPS), 2 * (EPS - mean) / EPS**2


def _rotated_gap() -> tuple[Any, Any]:
    """The linear gap of W U for orthogonal columns W = diag(w) and a rotation U, and its closed form."""
    w, turn = sp.symbols("w_:2", positive=True), _rotation()
    weights = np.diag(w) @ turn
    metric = weights.T @ weights
    gap = sum(linear_gap_terms(metric, EPS).values())
    off = metric[0, 1] ** 2 / (EPS + w[0] ** 2) / (EPS + w[1] ** 2)
    return gap, sp.log(1 + off) / 2


def ppca() -> Derivation:
    """The derivation of claim ppca."""
    weights = independent("W", (3, 2))
    turn = _rotation()
    gradient, noise, gap = _gradient(), _noise_derivative(), _rotated_gap()
    steps = (
        Step(
            Shown((weights @ turn) @ (weights @ turn).T, r"(W U)(W U)^\top"),
            Shown(weights @ weights.T, r"W W^\top"),
            "p(x) = N(0, W W' + eps I): the likelihood does not see a rotation U of the latents (d = 2)",
        ),
        Step(
            Shown(gradient[0], r"\Sigma C^{-1} W"),
            Shown(gradient[1], "W"),
            "stationarity C^-1 Sigma C^-1 W = C^-1 W holds at W = P(Lambda - eps)^(1/2), written in the eigenbasis "
            "(D = 4, d = 2)",
        ),
        Step(
            Shown(noise[0], r"-2\,\partial_\varepsilon\ \text{log-likelihood of the discarded directions}"),
            Shown(noise[1], r"2(\varepsilon - \bar\lambda)/\varepsilon^2"),
            "eps is the mean of the discarded eigenvalues: the derivative changes sign there only (D = 4, d = 2)",
        ),
        argued(
            "global optimum",
            "Among the stationary points the one with the largest eigenvalues has the largest likelihood (Tipping "
            "and Bishop 1999, appendix A).",
            "Sigma positive definite, distinct eigenvalues",
        ),
        Step(
            Shown(gap[0], r"\text{gap of } W U,\; W^\top W = \operatorname{diag}(w^2)"),
            Shown(
                gap[1],
                r"\tfrac12\log\Bigl(1 + \frac{A_{01}^2}{(w_0^2+\varepsilon)(w_1^2+\varepsilon)}\Bigr),\; A = U^\top "
                r"W^\top W U",
            ),
            "the gap is zero iff the columns of W U are orthogonal: the ELBO, unlike the likelihood, selects the "
            "principal axes",
        ),
    )
    return Derivation("ppca", "probabilistic PCA: the ELBO attains the likelihood at orthogonal columns only", steps)
