r"""Claim encoder-density: the density that a mean-field encoder shows of the data is biased by exactly the contrast.

r(x) = log p0(mu*) + sum_k log sigma_k - d/2 log eps, read off the encoder alone (mu* = g + eps m, sigma_k^2 = eps s_k
+ eps^2 t_k, s_k = 1/A_kk). With claims encoder-mean, encoder-variance and likelihood-limit:

    log p_eps(x) - r(x) + (D-d)/2 log(2 pi eps) = c + eps [L1 - l'.m - 1/2 sum_k t_k/s_k] + O(eps^2),
    -sum_k log sigma_k^2 = sum_k log(1 + A_kk/eps) - eps sum_k (t_k/s_k + s_k) + O(eps^2)   (mean field),
    -log det Sigma = log det(I + A/eps) - eps tr(A T + A^-1) + O(eps^2)                     (full covariance).

With beta the noise is beta eps. Source: Nakagawa et al. 2021 (arXiv 2007.15190) for reading densities off encoders,
Kumar and Poole 2020 (arXiv 2002.00041) for the deterministic surrogates (at second hand); bias and slopes
are new here.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant, independent, symmetric
from ..formulas.contrast import contrast_of_metric, triangular
from ..proof.derivation import Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)


def _read_off() -> tuple[Any, Any]:
    """[eps^0], [eps^1] of l(g + eps m) + 1/2 sum_k log(s_k + eps t_k), d = 2, l to first order."""
    s, t = sp.symbols("s_:2", positive=True), sp.symbols("t_:2", real=True)
    l0, l1, m = sp.Symbol("l0", real=True), independent("l1", (2,)), independent("m", (2,))
    value = l0 + EPS * (l1 @ m) + sum(sp.log(a + EPS * b) for a, b in zip(s, t, strict=True)) / 2
    left = [value.subs(EPS, 0), sp.diff(value, EPS).subs(EPS, 0)]
    slope = l1 @ m + sum(b / a for a, b in zip(s, t, strict=True)) / 2
    return left, [l0 + sum(map(sp.log, s)) / 2, slope]


def _bias(d: int) -> tuple[Any, Any]:
    """-1/2 log det A - 1/2 sum_k log s_k, s_k = 1/A_kk, and the contrast."""
    metric = triangular(d).T @ triangular(d)
    left = -sp.log(determinant(metric)) / 2 - sum(sp.log(1 / one) for one in np.diagonal(metric)) / 2
    return left, contrast_of_metric(metric)


def _surrogate() -> tuple[Any, Any]:
    """[eps^0], [eps^1] of -log(s + eps t) - log(A + eps) at s = 1/A: one latent, log eps cancels."""
    a, t = sp.Symbol("a", positive=True), sp.Symbol("t", real=True)
    value = -sp.log(1 / a + EPS * t) - sp.log(a + EPS)
    return [value.subs(EPS, 0), sp.diff(value, EPS).subs(EPS, 0)], [0, -(t * a + 1 / a)]


def _full() -> tuple[Any, Any]:
    """d/d eps at 0 of -log det(N + eps T) - log det(A + eps I), N = A^-1, d = 2."""
    A, T = symmetric("A", 2, 2), symmetric("t", 2, 2)
    volume = determinant(A)
    N = np.array([[A[1, 1], -A[0, 1]], [-A[0, 1], A[0, 0]]], dtype=object) / volume
    unit = np.array(sp.eye(2).tolist(), dtype=object)
    value = -sp.log(determinant(N + EPS * T)) - sp.log(determinant(A + EPS * unit))
    left = sp.diff(value, EPS).subs(EPS, 0)
    return left, -np.trace(A @ T) - np.trace(N)


def _frobenius() -> tuple[Any, Any]:
    """The slope of log(1 + a/eps) in a, and that of the Frobenius penalty a/eps, over each other."""
    a = sp.Symbol("a", positive=True)
    return sp.Derivative(sp.log(1 + a / EPS), a), (1 / EPS) * (EPS / (EPS + a))


def encoder_density() -> Derivation:
    """The derivation of claim encoder-density."""
    read, surrogate, full, frobenius = _read_off(), _surrogate(), _full(), _frobenius()
    steps = (
        Step(
            Shown(
                read[0],
                r"[\varepsilon^0], [\varepsilon^1]\ \text{of}\ \ell(g+\varepsilon m) + "
                r"\tfrac12\sum_k\log(s_k + \varepsilon t_k)",
            ),
            Shown(read[1], r"\ell + \tfrac12\sum_k\log s_k,\ \ell'\cdot m + \tfrac12\sum_k t_k/s_k"),
            "what is read off the encoder, by encoder-mean and encoder-variance (d = 2)",
        ),
        Step(
            Shown(lambda: {d: _bias(d)[0] for d in (1, 2, 3)}, r"-\tfrac12\log\det A - \tfrac12\sum_k\log s_k"),
            Shown(lambda: {d: _bias(d)[1] for d in (1, 2, 3)}, "c(A)"),
            "by likelihood-limit the density lacks the contrast; the slope is L1 less that of the line above",
        ),
        Step(
            Shown(
                surrogate[0],
                r"[\varepsilon^0], [\varepsilon^1]\ \text{of}\ -\log(s_k + \varepsilon t_k) - "
                r"\log(A_{kk} + \varepsilon)",
            ),
            Shown(surrogate[1], r"0,\ -(t_k/s_k + s_k)"),
            "mean field: the entropy term of the KL is sum_k log(1 + |J_k|^2/eps) to order eps",
        ),
        Step(
            Shown(
                full[0],
                r"\partial_\varepsilon\bigl[-\log\det(A^{-1} + \varepsilon T) - \log\det(A + \varepsilon I)\bigr]_0",
            ),
            Shown(full[1], r"-\operatorname{tr}(A T) - \operatorname{tr} A^{-1}"),
            "full covariance: log det(I + A/eps) to order eps (d = 2)",
        ),
        Step(
            Shown(frobenius[0], r"\partial_a \log(1 + a/\varepsilon)"),
            Shown(frobenius[1], r"\tfrac1\varepsilon\cdot\tfrac{\varepsilon}{\varepsilon+a}"),
            "a Frobenius penalty a/eps has the right slope for columns much shorter than sqrt(eps) only",
        ),
        argued(
            "beta",
            "A beta-VAE has the maximisers of a VAE with noise beta eps (claim beta-vae): beta eps for eps throughout.",
        ),
    )
    return Derivation("encoder-density", "densities read off an encoder are biased by the contrast", steps)
