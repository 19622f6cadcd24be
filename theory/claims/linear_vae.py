r"""Claim linear-vae: the linear VAE x | z ~ N(W z, eps I), z ~ N(0, I): everything in closed form at every eps.

The posterior is N(n, Lambda^-1) with Lambda = I + A/eps, A = W'W; the best mean-field encoder is N(n,
diag(1/Lambda_kk)), and

    gap = 1/2 sum_k log(1 + A_kk/eps) - 1/2 log det(I + A/eps) = c + sum_n a_n eps^n,
    a_n = (-1)^(n+1)/(2n) [sum_k A_kk^-n - tr A^-n],  a_1 <= 0 with equality iff A is diagonal.

Checked for d = 1, 2, 3; W needs independent columns (else c is infinite). Source: Lucas et al. 2019 (arXiv
1911.02469) for the model; the gap in closed form is new here.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import in_ring, series_log
from ..algebra.tensors import adjugate, determinant, independent, symmetric
from ..formulas.contrast import contrast_of_metric, triangular
from ..formulas.gaussian import linear_gap_terms
from ..proof.derivation import Derivation, Shown, Step

DIMENSIONS = (1, 2, 3)
EPS = sp.Symbol("eps", positive=True)


def _identity(d: int) -> np.ndarray:
    return np.array(sp.eye(d).tolist(), dtype=object)


def _exponents(d: int, data_dim: int) -> tuple[Any, Any]:
    """The log-joint without constants, and its form by powers of z."""
    weights, x, z = independent("W", (data_dim, d)), independent("x", (data_dim,)), independent("z", (d,))
    residual = x - weights @ z
    precision = _identity(d) + weights.T @ weights / EPS
    left = -(residual @ residual) / (2 * EPS) - (z @ z) / 2
    return left, -(x @ x) / (2 * EPS) + (z @ weights.T @ x) / EPS - (z @ precision @ z) / 2


def _divergence(d: int) -> tuple[Any, Any]:
    """KL(N(mu, diag v) || N(n, Y^-1)) from the moments of q, and in closed form; Y is symmetric."""
    precision, v = symmetric("Y", d, 2), np.array(sp.symbols(f"v_:{d}", positive=True), dtype=object)
    mu, n, u = independent("mu", (d,)), independent("n", (d,)), independent("u", (d,))
    log_det = sp.Symbol("ld", real=True)
    shift = mu + u - n
    exponent = -sum(u**2 / v) / 2 + (shift @ precision @ shift) / 2
    moments = sp.Poly(sp.expand(exponent), *u)
    expected = sum(
        coefficient * sp.prod([v[k] if p == 2 else 1 for k, p in enumerate(powers)])
        for powers, coefficient in moments.terms()
        if all(p % 2 == 0 for p in powers)
    )
    normalisers = -sum(sp.log(entry) for entry in v) / 2 - log_det / 2
    gap = mu - n
    closed = (precision.diagonal() @ v - d) / 2 - sum(sp.log(e) for e in v) / 2 - log_det / 2
    return expected + normalisers, closed + (gap @ precision @ gap) / 2


def _gap(d: int) -> tuple[Any, Any]:
    """The gap in A and eps; and the contrast plus log(1 + eps/A_kk) and log det(I + eps A^-1) terms."""
    metric = triangular(d).T @ triangular(d)
    correction = sum(sp.log(1 + EPS / entry) for entry in np.diagonal(metric)) / 2
    correction -= sp.log(determinant(metric + EPS * _identity(d)) / determinant(metric)) / 2
    return sum(linear_gap_terms(metric, EPS).values()), contrast_of_metric(metric) + correction


def _log_determinant_series(d: int, order: int = 3) -> tuple[Any, Any]:
    """Coefficients of log det(I + eps B), and (-1)^(n+1) tr(B^n) / n."""
    ring, known = in_ring({"B": symmetric("B", d, 2), "eps": independent("eps", ())})
    eps, matrix = known["eps"][()], known["B"]
    unit = np.array([[ring(int(i == j)) for j in range(d)] for i in range(d)], dtype=object)
    volume = determinant(unit + matrix * eps)
    place = ring.gens.index(eps)
    terms = []
    for n in range(order + 1):
        chosen = {(*m[:place], 0, *m[place + 1 :]): c for m, c in volume.terms() if m[place] == n}
        terms.append(ring.from_dict(chosen))
    power, traces = unit, []
    for n in range(1, order + 1):
        power = power @ matrix
        traces.append(np.trace(power) * sp.QQ((-1) ** (n + 1), n))
    return series_log(terms)[1:], traces


def _slope_certificate(d: int, k: int) -> tuple[Any, Any, Any]:
    """A_kk adj(A)_kk >= det A: the difference is a' adj(R'R) a, R'R the rest and a its column."""
    column = independent("A", (d - 1,))
    corner = sp.Symbol("A_kk", positive=True)
    rest = triangular(d - 1).T @ triangular(d - 1)
    metric = np.full((d, d), corner, dtype=object)
    metric[1:, 1:], metric[0, 1:], metric[1:, 0] = rest, column, column
    order = [*range(1, k + 1), 0, *range(k + 1, d)]
    metric = metric[np.ix_(order, order)]
    left, right = metric[k, k] * adjugate(metric)[k, k], determinant(metric)
    scaled = adjugate(triangular(d - 1)).T @ column  # a' adj(R'R) a = |adj(R)' a|^2
    return left, right, tuple(entry**2 for entry in scaled)


@cache
def linear_vae() -> Derivation:
    """The derivation of claim linear-vae."""
    v, entry = sp.symbols("v Y_kk", positive=True)
    shapes = ((1, 1), (2, 2), (2, 3), (3, 3))
    signs = tuple(
        Step(
            Shown(left, r"A_{kk}\, \operatorname{adj}(A)_{kk}"),
            Shown(right, r"\det A"),
            f"sum of squares (Schur complement), d = {d}, k = {k}: (A^-1)_kk >= 1/A_kk, hence a_1 <= 0, equality "
            f"iff A is diagonal",
            relation=">=",
            certificate=certificate,
        )
        for d in (2, 3)
        for k in range(d)
        for left, right, certificate in [_slope_certificate(d, k)]
    )
    steps = (
        Step(
            Shown(
                lambda: {s: _exponents(*s)[0] for s in shapes}, r"-\tfrac{1}{2\varepsilon}|x - Wz|^2 - \tfrac12|z|^2"
            ),
            Shown(
                lambda: {s: _exponents(*s)[1] for s in shapes},
                r"-\tfrac{1}{2\varepsilon}|x|^2 + \tfrac1\varepsilon z^\top W^\top x - \tfrac12 z^\top \Lambda z,\; "
                r"\Lambda = I + W^\top W/\varepsilon",
            ),
            "the log-joint is quadratic in z: the posterior is Gaussian with precision Lambda, mean n = Lambda^-1 "
            "W'x/eps",
        ),
        Step(
            Shown(lambda: {d: _divergence(d)[0] for d in DIMENSIONS}, r"E_q[\log q - \log N(z; n, \Lambda^{-1})]"),
            Shown(
                lambda: {d: _divergence(d)[1] for d in DIMENSIONS},
                r"\tfrac12\bigl[\textstyle\sum_k (\Lambda_{kk} v_k - 1 - \log v_k) - \log\det\Lambda + (\mu-n)^\top "
                r"\Lambda (\mu-n)\bigr]",
            ),
            "moments of q = N(mu, diag v): E u_k u_l = v_k if k = l, else 0 (exact at every eps; "
            "gap = KL by elbo-decomposition)",
        ),
        Step(
            Shown(sp.Derivative((entry * v - 1 - sp.log(v)) / 2, v), r"\partial_{v_k} KL"),
            Shown((entry * v - 1) / (2 * v), r"(\Lambda_{kk} v_k - 1)/(2 v_k)"),
            "gradient: the unique minimiser is mu = n, v_k = 1/Lambda_kk (the derivative changes sign there only)",
        ),
        Step(
            Shown(
                lambda: {d: _divergence_at_optimum(d) for d in DIMENSIONS},
                r"KL\ \text{at}\ \mu = n,\ v_k = 1/\Lambda_{kk},\ \Lambda = I + A/\varepsilon",
            ),
            Shown(
                lambda: {d: sum(linear_gap_terms(symmetric("A", d, 2), EPS).values()) for d in DIMENSIONS},
                r"\tfrac12\sum_k \log(1 + A_{kk}/\varepsilon) - \tfrac12\log\det(I + A/\varepsilon)",
            ),
            "value at the optimum: the gap, for every x and every eps",
        ),
        Step(
            Shown(lambda: {d: _gap(d)[0] for d in DIMENSIONS}, r"\text{gap}"),
            Shown(
                lambda: {d: _gap(d)[1] for d in DIMENSIONS},
                r"c + \tfrac12\sum_k\log(1 + \varepsilon/A_{kk}) - \tfrac12\log\det(I + \varepsilon A^{-1})",
            ),
            "the powers of eps cancel: gap -> c as eps -> 0",
            ("W has independent columns, A = R'R",),
        ),
        Step(
            Shown(
                lambda: {d: _log_determinant_series(d)[0] for d in DIMENSIONS},
                r"[\varepsilon^n] \log\det(I + \varepsilon A^{-1}),\; n = 1, 2, 3",
            ),
            Shown(
                lambda: {d: _log_determinant_series(d)[1] for d in DIMENSIONS},
                r"\tfrac{(-1)^{n+1}}{n} \operatorname{tr} A^{-n}",
            ),
            "Newton's identities: hence a_n = (-1)^(n+1)/(2n) [sum_k A_kk^-n - tr A^-n]",
        ),
        *signs,
    )
    return Derivation("linear-vae", "the linear VAE at every eps", steps)


def _divergence_at_optimum(d: int) -> sp.Expr:
    """The closed KL at mu = n, v_k = 1/Lambda_kk with Lambda = I + A/eps."""
    precision = symmetric("A", d, 2) / EPS + _identity(d)
    v = 1 / np.diagonal(precision)
    trace = sum(precision[k, k] * v[k] for k in range(d))
    return (trace - d - sum(sp.log(entry) for entry in v) - sp.log(determinant(precision))) / 2
