r"""Steps from the joint density to log p_eps(x): rescaling, Taylor expansion, Gaussian moments, logarithm of a series.

z = g + h u with h = sqrt(eps):  -V/eps + ell = l0 - 1/2 u'Mu + h P_1(u) + h^2 P_2(u) + ..., P_n of degree n
+ 2 and parity n, so that

    log p_eps(x) = log C + (d/2) log(2 pi eps) + l0 - 1/2 log det M + eps L1 + O(eps^2),
    L1 = E[P_2] + 1/2 E[P_1^2] under u ~ N(0, M^-1).

Source: claims general-limit, likelihood-limit. Dimensions d = 1, 2, 3 are checked, each with independent
symbols.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import Isserlis, contract, in_ring, series_exp, series_log
from ..algebra.indices import formula
from ..algebra.tensors import independent, symmetric
from ..formulas.general import FORCE, LIKELIHOOD_SLOPE
from ..proof.derivation import Bound, Shown, Step
from .concentration import localisation_steps

DIMENSIONS = (1, 2, 3)
FIRST_ORDER = formula("P1", skewness="-1/6 V3_abc u_a u_b u_c", prior="l1_a u_a")
SECOND_ORDER = formula("P2", quartic="-1/24 V4_abcd u_a u_b u_c u_d", prior="1/2 l2_ab u_a u_b")


@cache
def potential_ring(d: int, order: int = 3) -> tuple[Any, dict[str, np.ndarray]]:
    """The ring of the expansion to h^order and its tensors: derivatives of V and ell, N = M^-1, u, h, l0, M."""
    arrays = {f"V{n + 2}": symmetric(f"V{n + 2}", d, n + 2) for n in range(1, order + 1)}
    arrays |= {f"l{n}": symmetric(f"l{n}", d, n) for n in range(1, order + 1)}
    arrays |= {"l0": independent("l0", ()), "h": independent("h", ()), "u": independent("u", (d,))}
    return in_ring(arrays | {"N": symmetric("N", d, 2), "M": symmetric("M", d, 2)})


def exponent_terms(d: int, order: int) -> list[Any]:
    """[0, P_1, ..., P_order]: P_n = -V^(n+2)(u, ..., u)/(n+2)! + ell^(n)(u, ..., u)/n!."""
    ring, known = potential_ring(d, max(order, 3))
    u = known["u"]
    terms = [ring.zero]
    for n in range(1, order + 1):
        potential = contract(known[f"V{n + 2}"], u) * sp.QQ(1, int(sp.factorial(n + 2)))
        terms.append(contract(known[f"l{n}"], u) * sp.QQ(1, int(sp.factorial(n))) - potential)
    return terms


@cache
def log_evidence_coefficients(d: int, order: int) -> list[Any]:
    """Coefficients of h^0 .. h^order of log E exp(sum h^n P_n), u ~ N(0, N)."""
    ring, known = potential_ring(d, max(order, 3))
    expectation = Isserlis(ring, known["u"], known["N"])
    return series_log([expectation(term) for term in series_exp(exponent_terms(d, order), ring.one)])


def slope_formula(d: int) -> Bound:
    """L1 as an index formula on the components of `potential_ring`."""
    _, known = potential_ring(d)
    force = FORCE.total(known | {"Q": known["N"]})
    return Bound(LIKELIHOOD_SLOPE, known | {"b": force})


def _taylor_left(d: int) -> Any:
    """h^2 times -V/h^2 + ell at g + h u, from the Taylor polynomials of V and ell."""
    _, known = potential_ring(d)
    w = known["u"] * known["h"][()]
    potential = sum(contract(known[k], w) * sp.QQ(1, int(sp.factorial(n))) for k, n in (("M", 2), ("V3", 3), ("V4", 4)))
    prior = known["l0"][()] + contract(known["l1"], w) + contract(known["l2"], w) * sp.QQ(1, 2)
    return prior * known["h"][()] ** 2 - potential


def _taylor_right(d: int) -> Any:
    _, known = potential_ring(d)
    h, quadratic = known["h"][()], contract(known["M"], known["u"]) * sp.QQ(1, 2)
    return h**2 * (known["l0"][()] - quadratic + h * FIRST_ORDER.total(known) + h**2 * SECOND_ORDER.total(known))


def _normal_density() -> tuple[Any, Any]:
    """The log-density of x given z, coordinate by coordinate, against log C - V/eps, for D = 1, 2, 3."""
    eps = sp.Symbol("eps", positive=True)
    left, right = {}, {}
    for data_dim in DIMENSIONS:
        x, f = independent("x", (data_dim,)), independent("f", (data_dim,))
        squares = [(a - b) ** 2 for a, b in zip(x, f, strict=True)]
        left[f"D={data_dim}"] = sum(-square / (2 * eps) - sp.log(2 * sp.pi * eps) / 2 for square in squares)
        right[f"D={data_dim}"] = -sp.Rational(data_dim, 2) * sp.log(2 * sp.pi * eps) - sum(squares) / 2 / eps
    return left, right


def _triangular(d: int) -> np.ndarray:
    """An upper triangular R with positive diagonal: every positive definite M is R'R."""
    upper = np.full((d, d), sp.Integer(0), dtype=object)
    for i in range(d):
        for j in range(i, d):
            upper[i, j] = sp.Symbol(f"R_{i}{j}", real=True, positive=(i == j) or None)
    return upper


def _independent_moments(d: int, degree: int) -> tuple[Any, Any]:
    """Moments of u = L y computed from independent standard normal y, and by pairings with Q = L L'."""
    ring, known = in_ring({"L": _triangular(d).T, "y": independent("y", (d,)), "u": independent("u", (d,))})
    u = known["L"] @ known["y"]
    standard = Isserlis(ring, known["y"], np.array([[ring(int(i == j)) for j in range(d)] for i in range(d)]))
    paired = Isserlis(ring, known["u"], known["L"] @ known["L"].T)
    left, right = {}, {}
    for index in np.ndindex(*(d,) * degree):
        if list(index) == sorted(index):
            product, monomial = ring.one, ring.one
            for k in index:
                product, monomial = product * u[k], monomial * known["u"][k]
            left[index], right[index] = standard(product), paired(monomial)
    return left, right


def _one_dimensional_moments() -> tuple[Any, Any]:
    y = sp.Symbol("y", real=True)
    weight = sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi)
    orders = range(0, 8)
    left = [sp.Integral(y**n * weight, (y, -sp.oo, sp.oo)) for n in orders]
    return left, [sp.factorial2(n - 1) if n % 2 == 0 else sp.Integer(0) for n in orders]


def joint_density_steps() -> tuple[Step, ...]:
    """The model written as C exp(-V/eps + ell), and what lets the integral be expanded at g."""
    left, right = _normal_density()
    return (
        Step(
            Shown(left, r"\log N(x;\, f(z), \varepsilon I)"),
            Shown(
                right, r"\log C - V(z)/\varepsilon, \quad V(z) = \tfrac12 |f(z)-x|^2,\; C = (2\pi\varepsilon)^{-D/2}"
            ),
            "definition of the model: the noise is a product of D normal densities",
        ),
        *localisation_steps(),
    )


def taylor_step() -> Step:
    """-V/eps + ell at z = g + h u, order by order."""
    return Step(
        Shown(lambda: {f"d={d}": _taylor_left(d) for d in DIMENSIONS}, r"-V(g + h u)/h^2 + \ell(g + h u)"),
        Shown(
            lambda: {f"d={d}": _taylor_right(d) for d in DIMENSIONS},
            rf"\ell - \tfrac12 u^\top M u + h P_1 + h^2 P_2 + O(h^3),\quad {FIRST_ORDER.latex()},\; "
            rf"{SECOND_ORDER.latex()}",
        ),
        "rescaling z = g + h u with h = sqrt(eps), Taylor expansion; V(g) = 0 and V'(g) = 0",
        ("x = f(g), or V(g) is moved into C off the manifold",),
    )


def moment_steps() -> tuple[Step, ...]:
    """The Gaussian integral, its moments in one dimension and Isserlis' theorem in d dimensions."""
    y = sp.Symbol("y", real=True)

    def quadratic(d: int) -> tuple[Any, Any]:
        upper, u = _triangular(d), independent("u", (d,))
        return u @ (upper.T @ upper) @ u, sum(entry**2 for entry in upper @ u)

    def volume(d: int) -> tuple[Any, Any]:
        upper = _triangular(d)
        product = sp.prod([upper[k, k] for k in range(d)])
        return sp.Matrix(upper.T @ upper).det(method="berkowitz"), product**2

    one_left, one_right = _one_dimensional_moments()
    pairs = {(d, n): (d, n) for d in DIMENSIONS for n in (2, 4, 6)}
    return (
        Step(
            Shown(lambda: [quadratic(d)[0] for d in DIMENSIONS], r"u^\top M u"),
            Shown(lambda: [quadratic(d)[1] for d in DIMENSIONS], r"|R u|^2, \quad M = R^\top R"),
            "triangularisation: y = R u turns the Gaussian into a product of standard normals",
            ("M positive definite, R upper triangular with positive diagonal",),
        ),
        Step(
            Shown(lambda: [volume(d)[0] for d in DIMENSIONS], r"\det M"),
            Shown(lambda: [volume(d)[1] for d in DIMENSIONS], r"\prod_k R_{kk}^2"),
            "Jacobian of the change of variables: dy = det R du = sqrt(det M) du",
        ),
        Step(
            Shown(sp.Integral(sp.exp(-(y**2) / 2), (y, -sp.oo, sp.oo)), r"\int e^{-y^2/2}\,dy"),
            Shown(sp.sqrt(2 * sp.pi), r"\sqrt{2\pi}"),
            r"Gaussian integral, hence int exp(-u'Mu/2) du = (2 pi)^(d/2) det(M)^(-1/2)",
        ),
        Step(
            Shown(one_left, r"E[y^n],\; y \sim N(0,1)"),
            Shown(one_right, r"(n-1)!!\ \text{for even } n,\ 0 \text{ for odd } n"),
            "moments of the standard normal, n = 0..7",
        ),
        Step(
            Shown(
                lambda: {k: _independent_moments(*v)[0] for k, v in pairs.items()},
                r"E[u_a u_b \cdots],\; u = L y,\; Q = L L^\top",
            ),
            Shown(
                lambda: {k: _independent_moments(*v)[1] for k, v in pairs.items()},
                r"\sum_{\text{pairings}} Q_{ab} Q_{cd} \cdots",
            ),
            "Isserlis moments of degree 2, 4, 6 in terms of the covariance",
        ),
    )


def likelihood_steps() -> tuple[Step, ...]:
    """Logarithm of the expanded integral: odd orders vanish, order eps is L1."""
    return (
        Step(
            Shown(
                lambda: {(d, n): log_evidence_coefficients(d, 3)[n] for d in DIMENSIONS for n in (1, 3)},
                r"[h^1],\,[h^3] \log E\, e^{h P_1 + h^2 P_2 + h^3 P_3},\; u \sim N(0, M^{-1})",
            ),
            Shown(lambda: {(d, n): potential_ring(d)[0].zero for d in DIMENSIONS for n in (1, 3)}, "0"),
            "parity: P_n has the parity of n, so odd orders of h vanish and the expansion is one in eps",
        ),
        Step(
            Shown(
                lambda: {f"d={d}": log_evidence_coefficients(d, 2)[2] for d in DIMENSIONS},
                r"[h^2] \log E\, e^{h P_1 + h^2 P_2} = E[P_2] + \tfrac12 E[P_1^2]",
            ),
            {f"d={d}": slope_formula(d) for d in DIMENSIONS},
            "Isserlis moments under N(0, M^-1), logarithm of a power series; b is the force at Q = M^-1",
        ),
    )


def expansion_steps() -> tuple[Step, ...]:
    """From the joint density to the expansion that evidence and ELBO share: rescaling, Taylor, Gaussian moments."""
    return (*joint_density_steps(), taylor_step(), *moment_steps())
