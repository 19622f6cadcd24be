r"""Steps from the ELBO of a Gaussian encoder to its optimum: expectation, mean, limit of the covariance, slope E1.

The encoder is N(g + h^2 m, h^2 Q), h = sqrt(eps), with Q block-diagonal. With the Taylor expansion of the
joint density,

    ELBO = log C + (d/2) log(2 pi eps) + l0 + F_0(Q) + eps F_2(m, Q) + O(eps^2),
    F_0 = d/2 + 1/2 log det Q - 1/2 tr(M Q),   F_2 = -1/2 m'Mm + b(Q).m + e(Q).

F_0 is maximal at Q = S = blockdiag((M_BB)^-1), F_2 at m = M^-1 b(S); the correction of Q enters ELBO* only
at eps^2. Encoders: mean field, two blocks and full, d = 1, 2, 3. Source: claims general-limit, encoder-mean,
encoder-variance, elbo-limit.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import Isserlis, in_ring
from ..algebra.indices import formula
from ..algebra.tensors import block_inverse, determinant, independent, same_block, symmetric
from ..formulas.general import ELBO_SLOPE, FORCE
from ..proof.derivation import Bound, Shown, Step
from .concentration import optimum_steps
from .likelihood import DIMENSIONS

ENERGY = formula("F0", quadratic="-1/2 M_ab Q_ab")
FIRST_VARIATION = formula(
    "F2",
    spring="-1/2 M_ab m_a m_b",
    force="m_a b_a",
    prior_curvature="1/2 l2_ab Q_ab",
    quartic="-1/8 V4_abcd Q_ab Q_cd",
)
FAMILIES: dict[str, tuple[int, tuple[tuple[int, ...], ...]]] = {
    "d=1": (1, ((0,),)),
    "d=2, mean field": (2, ((0,), (1,))),
    "d=2, full": (2, ((0, 1),)),
    "d=3, mean field": (3, ((0,), (1,), (2,))),
    "d=3, blocks 01|2": (3, ((0, 1), (2,))),
    "d=3, full": (3, ((0, 1, 2),)),
}


@cache
def encoder_ring(d: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Ring and tensors for a general covariance Q (symmetric), mean shift m and optimum n = M^-1 b."""
    arrays = {f"V{k}": symmetric(f"V{k}", d, k) for k in (3, 4, 5, 6, 7)}
    arrays |= {f"l{k}": symmetric(f"l{k}", d, k) for k in (1, 2, 3, 4, 5)}
    arrays |= {"M": symmetric("M", d, 2), "Q": symmetric("Q", d, 2), "h": independent("h", ())}
    arrays |= {"m": independent("m", (d,)), "n": independent("n", (d,)), "u": independent("u", (d,))}
    return in_ring(arrays)


@cache
def elbo_coefficients(d: int, order: int = 3) -> tuple[Any, ...]:
    """Coefficients of h^0..h^order of E[-1/2 w'Mw + sum_n h^n P_n(w)] at w = h m + u, u ~ N(0, Q)."""
    ring, known = encoder_ring(d)
    h = known["h"][()]
    place = ring.gens.index(h)
    w = known["u"] + known["m"] * h

    def truncated(element: Any) -> Any:
        return ring.from_dict({k: c for k, c in element.terms() if k[place] <= order})

    def power(tensor: np.ndarray, lowest: int) -> Any:
        """h^lowest times the tensor applied to copies of w, truncated."""
        out: Any = tensor * h**lowest
        for _ in range(tensor.ndim):
            out = np.asarray(out @ w, dtype=object)
            for index in np.ndindex(*out.shape):
                out[index] = truncated(out[index])
        return out[()]

    exponent = power(known["M"], 0) * sp.QQ(-1, 2)
    for n in range(1, order + 1):
        prior = power(known[f"l{n}"], n) * sp.QQ(1, int(sp.factorial(n)))
        exponent += prior - power(known[f"V{n + 2}"], n) * sp.QQ(1, int(sp.factorial(n + 2)))
    expected = Isserlis(ring, known["u"], known["Q"])(exponent)
    return tuple(_coefficient(expected, ring, h, n) for n in range(order + 1))


def _coefficient(element: Any, ring: Any, variable: Any, power: int) -> Any:
    place = ring.gens.index(variable)
    chosen = {(*k[:place], 0, *k[place + 1 :]): c for k, c in element.terms() if k[place] == power}
    return ring.from_dict(chosen)


def with_force(known: dict[str, Any]) -> dict[str, Any]:
    """Add the force b(Q)."""
    return known | {"b": FORCE.total(known)}


def _entropy() -> tuple[Any, Any]:
    """-E log q for q = N(0, eps Q), Q = L L': from E y_k^2 = 1, against the textbook form."""
    eps = sp.Symbol("eps", positive=True)
    left, right = {}, {}
    for d in DIMENSIONS:
        scales = [sp.Symbol(f"R_{k}{k}", positive=True) for k in range(d)]
        log_density_at_mean = -sp.Rational(d, 2) * sp.log(2 * sp.pi * eps) - sum(sp.log(scale) for scale in scales)
        left[f"d={d}"] = -(log_density_at_mean - sp.Rational(d, 2))
        det = sp.prod(scales) ** 2
        right[f"d={d}"] = sp.Rational(d, 2) * sp.log(2 * sp.pi * eps) + sp.Rational(d, 2) + sp.log(det) / 2
    return left, right


def _energy_certificate(d: int) -> tuple[Any, Any, Any]:
    """tr Y - d - sum log L_kk^2 = sum_k (L_kk^2 - 1 - log L_kk^2) + sum of squares, with Y = L L' = R Q R'."""
    lower = [[sp.Symbol(f"L_{i}{j}", real=True) for j in range(i)] for i in range(d)]
    gains = [sp.Symbol(f"y_{k}", nonnegative=True) for k in range(d)]  # y_k = L_kk^2 - 1 - log L_kk^2 >= 0
    logs = [sp.Symbol(f"k_{k}", real=True) for k in range(d)]  # log L_kk^2
    squares = [gain + 1 + log for gain, log in zip(gains, logs, strict=True)]  # L_kk^2
    trace = sum(squares) + sum(entry**2 for row in lower for entry in row)
    return trace - d, sum(logs), (*gains, *[entry**2 for row in lower for entry in row])


def expectation_steps() -> tuple[Step, ...]:
    """Entropy and expected log-joint of the rescaled Gaussian encoder."""
    left, right = _entropy()
    u, v = sp.Symbol("u", real=True), sp.Symbol("v", positive=True)
    log_density = -(u**2) / (2 * v) - sp.log(2 * sp.pi * v) / 2
    density = sp.exp(-(u**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    return (
        Step(
            Shown(
                sp.Integral(sp.expand(-log_density * density), (u, -sp.oo, sp.oo)), r"-\int q \log q\,du,\; q = N(0, v)"
            ),
            Shown(sp.log(2 * sp.pi * v) / 2 + sp.Rational(1, 2), r"\tfrac12 \log(2\pi v) + \tfrac12"),
            "entropy of a Gaussian in one dimension",
        ),
        Step(
            Shown(left, r"-E_q \log q,\; q = N(\mu, \varepsilon Q)"),
            Shown(right, r"\tfrac d2 \log(2\pi\varepsilon) + \tfrac d2 + \tfrac12 \log\det Q"),
            "entropy in d dimensions: in triangular coordinates a sum of d such terms, det Q = prod R_kk^2",
        ),
        Step(
            Shown(
                lambda: {(d, n): elbo_coefficients(d)[n] for d in DIMENSIONS for n in (1, 3)},
                r"[h^1],\,[h^3]\, E\bigl[-\tfrac12 w^\top M w + \textstyle\sum_n h^n P_n(w)\bigr],\; w = h m + u,\; "
                r"u \sim N(0,Q)",
            ),
            Shown(lambda: {(d, n): encoder_ring(d)[0].zero for d in DIMENSIONS for n in (1, 3)}, "0"),
            "parity: odd orders vanish for every m and Q",
        ),
        Step(
            Shown(
                lambda: {f"d={d}": elbo_coefficients(d)[0] for d in DIMENSIONS},
                r"[h^0]\, E\bigl[-\tfrac12 w^\top M w + \textstyle\sum_n h^n P_n(w)\bigr]",
            ),
            {f"d={d}": Bound(ENERGY, encoder_ring(d)[1]) for d in DIMENSIONS},
            "Isserlis moments of degree 2",
        ),
        Step(
            Shown(
                lambda: {f"d={d}": elbo_coefficients(d)[2] for d in DIMENSIONS},
                r"[h^2]\, E\bigl[-\tfrac12 w^\top M w + \textstyle\sum_n h^n P_n(w)\bigr]",
            ),
            {f"d={d}": Bound(FIRST_VARIATION, with_force(encoder_ring(d)[1])) for d in DIMENSIONS},
            rf"Isserlis moments of degree 2 and 4, with the force {FORCE.text()}",
        ),
    )


def covariance_limit_steps() -> tuple[Step, ...]:
    """F_0 is maximal exactly at Q = S."""
    y = sp.Symbol("y", positive=True)

    def rotated(d: int) -> tuple[Any, Any]:
        """Trace and determinant of M Q for M = R'R, Q = R^-1 Y R^-T, R triangular; and of Y."""
        upper = np.array([[sp.Symbol(f"R_{i}{j}", positive=True) if i <= j else 0 for j in range(d)] for i in range(d)])
        inverse = np.array(sp.Matrix(upper).inv().tolist(), dtype=object)
        middle = symmetric("Y", d, 2)
        metric, covariance = upper.T @ upper, inverse @ middle @ inverse.T
        left = [np.trace(metric @ covariance), determinant(metric) * determinant(covariance)]
        return left, [np.trace(middle), determinant(middle)]

    certificates = {d: _energy_certificate(d) for d in DIMENSIONS}
    return (
        Step(
            Shown(sp.Derivative(y - 1 - sp.log(y), y), r"\tfrac{d}{dy}(y - 1 - \log y)"),
            Shown((y - 1) / y, r"(y-1)/y"),
            "log y <= y - 1, equality only at y = 1: the difference vanishes there, falls before and rises after",
        ),
        Step(
            Shown(lambda: [rotated(d)[0] for d in DIMENSIONS], r"\operatorname{tr}(M_{BB} Q_B),\ \det M_{BB} \det Q_B"),
            Shown(
                lambda: [rotated(d)[1] for d in DIMENSIONS],
                r"\operatorname{tr} Y,\ \det Y,\quad Y = R Q_B R^\top,\; M_{BB} = R^\top R",
            ),
            "block by block, in the coordinates in which M_BB is the identity; Q_B = (M_BB)^-1 means Y = I",
        ),
        *(
            Step(
                Shown(left, r"\operatorname{tr} Y - n,\; Y = L L^\top"),
                Shown(right, r"\log\det Y"),
                f"block of size {d}: y_k = L_kk^2 - 1 - log L_kk^2 >= 0 and squares; equality only at L = I, so Q_B "
                f"= S_B",
                relation=">=",
                certificate=certificate,
            )
            for d, (left, right, certificate) in certificates.items()
        ),
    )


def mean_steps() -> tuple[Step, ...]:
    """F_2 is maximal in m exactly at m = M^-1 b(S)."""

    def completed(d: int) -> tuple[Any, Any, Any]:
        _, known = encoder_ring(d)
        m, n, matrix, half = known["m"], known["n"], known["M"], sp.QQ(1, 2)
        left = (m @ (matrix @ n)) - (m @ (matrix @ m)) * half
        right = (n @ (matrix @ n)) * half - ((m - n) @ (matrix @ (m - n))) * half
        at_optimum = FIRST_VARIATION.total(known | {"m": n, "b": matrix @ n})
        return left, right, at_optimum

    def slope(d: int) -> Bound:
        _, known = encoder_ring(d)
        return Bound(ELBO_SLOPE, known | {"S": known["Q"], "m": known["n"], "b": known["M"] @ known["n"]})

    return (
        Step(
            Shown(lambda: [completed(d)[0] for d in DIMENSIONS], r"b^\top m - \tfrac12 m^\top M m,\; b = M n"),
            Shown(
                lambda: [completed(d)[1] for d in DIMENSIONS],
                r"\tfrac12 n^\top M n - \tfrac12 (m-n)^\top M (m-n)",
            ),
            "completing the square: the maximiser is m = n = M^-1 b(S)",
            ("M positive definite",),
        ),
        Step(
            Shown(lambda: {f"d={d}": completed(d)[2] for d in DIMENSIONS}, r"F_2(m, S)\ \text{at}\ M m = b(S)"),
            {f"d={d}": slope(d) for d in DIMENSIONS},
            "value at the optimum: -1/2 m'Mm + b.m = 1/2 b.m",
        ),
    )


def family_matrices(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """M (symmetric symbols), S = blockdiag of the blocks' inverses, P, for one encoder family."""
    d, blocks = FAMILIES[name]
    matrix = symmetric("M", d, 2)
    return matrix, block_inverse(matrix, blocks), same_block(d, blocks)


def envelope_steps() -> tuple[Step, ...]:
    """Variations of Q at order eps do not change F_0 at that order."""

    def variation(name: str) -> Any:
        """d/dt at 0 of -1/2 tr(M (S + tR)) + 1/2 log det(S + tR), by Jacobi's formula; R in the blocks."""
        matrix, _, mask = family_matrices(name)
        direction = symmetric("R", len(matrix), 2) * mask
        return -np.trace(matrix @ direction) / 2 + np.trace((matrix * mask) @ direction) / 2

    def blockwise(name: str) -> tuple[Any, Any]:
        matrix, inverse, mask = family_matrices(name)
        return (matrix * mask) @ inverse, np.array(sp.eye(len(matrix)).tolist(), dtype=object)

    return (
        Step(
            Shown(lambda: {name: blockwise(name)[0] for name in FAMILIES}, r"\operatorname{blockdiag}(M_{BB})\, S"),
            Shown(lambda: {name: blockwise(name)[1] for name in FAMILIES}, "I"),
            "S^-1 is the block diagonal of M",
        ),
        Step(
            Shown(
                lambda: {name: variation(name) for name in FAMILIES},
                r"\tfrac{d}{dt}\bigl[-\tfrac12 \operatorname{tr} M(S+tR) + \tfrac12 \log\det(S+tR)\bigr]_{t=0}",
            ),
            Shown({name: sp.Integer(0) for name in FAMILIES}, "0"),
            "Jacobi's formula d log det = tr(S^-1 dS); the variation R lies in the encoder's blocks",
        ),
        *optimum_steps(),
    )
