r"""T10, T11, T12: other likelihoods reduce to a potential V, an effective prior and a constant.

Off the manifold (x = f(g) + nu, J'nu = 0): M = J'J - nu.H, V3 and V4 lose nu.T and nu.U (U: fourth derivatives of f).
Anisotropic noise eps S: whitening f -> S^(-1/2) f; S(z) adds -1/2 log det S(z) to the log-prior.
Exponential families, eps = 1/n: V = -(t.f - sum Psi(f)), M = J' Psi'' J - (t - Psi').H.
Source: T10 (rectangular), T11 (anisotropic-noise), T12 (exponential-family).
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from .algebra.gaussian_moments import contract, in_ring
from .algebra.indices import formula
from .algebra.tensors import independent, symmetric
from .proof.derivation import Bound, Derivation, Shown, Step, argued

EPS = sp.Symbol("eps", positive=True)
RESIDUAL_SECOND = formula("M_ab", metric="J_ia J_ib", residual="-nu_i H_iab")
RESIDUAL_THIRD = formula("V3_abc", ab="J_ic H_iab", ac="J_ib H_iac", bc="J_ia H_ibc", residual="-nu_i T_iabc")
RESIDUAL_FOURTH = formula(
    "V4_abcd",
    ab_cd="H_iab H_icd",
    ac_bd="H_iac H_ibd",
    ad_bc="H_iad H_ibc",
    a="J_ia T_ibcd",
    b="J_ib T_iacd",
    c="J_ic T_iabd",
    d="J_id T_iabc",
    residual="-nu_i U_iabcd",
)
FAMILY_SECOND = formula("M_ab", fisher="psi2_i J_ia J_ib", residual="-nu_i H_iab")
FAMILY_THIRD = formula(
    "V3_abc",
    skewness="psi3_i J_ia J_ib J_ic",
    ab="psi2_i J_ic H_iab",
    ac="psi2_i J_ib H_iac",
    bc="psi2_i J_ia H_ibc",
    residual="-nu_i T_iabc",
)
FAMILY_FOURTH = formula(
    "V4_abcd",
    kurtosis="psi4_i J_ia J_ib J_ic J_id",
    ab="psi3_i H_iab J_ic J_id",
    ac="psi3_i H_iac J_ib J_id",
    ad="psi3_i H_iad J_ib J_ic",
    bc="psi3_i H_ibc J_ia J_id",
    bd="psi3_i H_ibd J_ia J_ic",
    cd="psi3_i H_icd J_ia J_ib",
    ab_cd="psi2_i H_iab H_icd",
    ac_bd="psi2_i H_iac H_ibd",
    ad_bc="psi2_i H_iad H_ibc",
    a="psi2_i J_ia T_ibcd",
    b="psi2_i J_ib T_iacd",
    c="psi2_i J_ic T_iabd",
    d="psi2_i J_id T_iabc",
    residual="-nu_i U_iabcd",
)
SHAPES = ((1, 1), (1, 2), (2, 2), (2, 3))


@cache
def _decoder(d: int, data_dim: int) -> tuple[Any, dict[str, np.ndarray]]:
    arrays = {"J": independent("J", (data_dim, d)), "H": symmetric("H", d, 2, data_dim)}
    arrays |= {"T": symmetric("T", d, 3, data_dim), "U": symmetric("U", d, 4, data_dim)}
    arrays |= {"nu": independent("nu", (data_dim,)), "w": independent("w", (d,))}
    arrays |= {f"psi{n}": independent(f"psi{n}", (data_dim,)) for n in (2, 3, 4)}
    return in_ring(arrays)


def _displacements(d: int, data_dim: int) -> list[Any]:
    """Orders 1..4 in w of f(g + w) - f(g)."""
    _, known = _decoder(d, data_dim)
    return [
        np.array([contract(known[key][i], known["w"]) * sp.QQ(1, k) for i in range(data_dim)], dtype=object)
        for key, k in (("J", 1), ("H", 2), ("T", 6), ("U", 24))
    ]


def _off_manifold(shape: tuple[int, int]) -> list[Any]:
    """Orders 1..4 in w of |f(g + w) - f(g) - nu|^2 / 2 without its constant; order 1 is -nu.Jw, which vanishes."""
    _, known = _decoder(*shape)
    first, second, third, fourth = _displacements(*shape)
    nu, half = known["nu"], sp.QQ(1, 2)
    return [
        first @ first * half - nu @ second,
        first @ second - nu @ third,
        second @ second * half + first @ third - nu @ fourth,
    ]


def _off_manifold_tensors(shape: tuple[int, int]) -> list[Any]:
    _, known = _decoder(*shape)
    pairs = ((RESIDUAL_SECOND, 2), (RESIDUAL_THIRD, 6), (RESIDUAL_FOURTH, 24))
    return [contract(rule.total(known), known["w"]) * sp.QQ(1, k) for rule, k in pairs]


def rectangular() -> Derivation:
    """T10 as a derivation."""
    shapes = [shape for shape in SHAPES if shape[1] > shape[0]]
    steps = (
        argued(
            "nearest point",
            "Off the manifold g is the nearest preimage: J'nu = 0 for nu = x - f(g), so the first order of V "
            "vanishes, V(g) = |nu|^2/2 joins "
            "the constant C, and M > 0 below the focal radius. The general theorem then applies with the tensors "
            "below.",
            "g is the unique nearest point and M is positive definite",
        ),
        Step(
            Shown(
                lambda: {shape: _off_manifold(shape) for shape in shapes},
                r"\tfrac12 |f(g+w) - f(g) - \nu|^2 - \tfrac12|\nu|^2,\ \text{orders } 2, 3, 4",
            ),
            Shown(
                lambda: {shape: _off_manifold_tensors(shape) for shape in shapes},
                r"\tfrac12 M(w,w),\ \tfrac16 V^{(3)}(w,w,w),\ \tfrac1{24} V^{(4)}(w,w,w,w)",
            ),
            f"Taylor expansion of f: {RESIDUAL_SECOND.text()}; {RESIDUAL_THIRD.text()}; {RESIDUAL_FOURTH.text()}",
            ("J'nu = 0",),
        ),
        *(
            Step(
                Shown(
                    lambda rule=rule: {
                        s: rule.total(_decoder(*s)[1] | {"nu": _decoder(*s)[1]["nu"] * 0}) for s in shapes
                    },
                    rf"{rule.left_latex()}\ \text{{at}}\ \nu = 0",
                ),
                {s: Bound(short, _decoder(*s)[1]) for s in shapes},
                f"on the manifold the residual vanishes: {rule.symbol} reduces to the square case",
            )
            for rule, short in (
                (RESIDUAL_SECOND, formula("M_ab", metric="J_ia J_ib")),
                (RESIDUAL_THIRD, formula("V3_abc", ab="J_ic H_iab", ac="J_ib H_iac", bc="J_ia H_ibc")),
            )
        ),
    )
    return Derivation("rectangular", "more observed than latent variables, on and off the manifold", steps)


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
    """T11 as a derivation."""
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


def _family(shape: tuple[int, int]) -> list[Any]:
    """Orders 2, 3 and 4 in w of sum Psi(f) - t.f with t = Psi' + nu, from the Taylor polynomials of f and Psi."""
    _, known = _decoder(*shape)
    first, second, third, fourth = _displacements(*shape)
    nu, half = known["nu"], sp.QQ(1, 2)
    quadratic = sum(known["psi2"] * first * first) * half - nu @ second
    cubic = sum(known["psi2"] * first * second) + sum(known["psi3"] * first**3) * sp.QQ(1, 6) - nu @ third
    quartic = sum(known["psi2"] * (second * second * half + first * third)) - nu @ fourth
    quartic += sum(known["psi3"] * first**2 * second) * half + sum(known["psi4"] * first**4) * sp.QQ(1, 24)
    return [quadratic, cubic, quartic]


def _family_tensors(shape: tuple[int, int]) -> list[Any]:
    _, known = _decoder(*shape)
    return [
        contract(rule.total(known), known["w"]) * sp.QQ(1, k)
        for rule, k in ((FAMILY_SECOND, 2), (FAMILY_THIRD, 6), (FAMILY_FOURTH, 24))
    ]


def exponential_family() -> Derivation:
    """T12 as a derivation."""
    f, _t = sp.symbols("f t", real=True)
    bernoulli, poisson = sp.log(1 + sp.exp(f)), sp.exp(f)
    chance = sp.exp(f) / (1 + sp.exp(f))
    n, mean_count = sp.Symbol("n", integer=True, nonnegative=True), sp.Symbol("mu", positive=True)

    def expected(statistic: sp.Expr) -> sp.Expr:
        return sp.summation(statistic * mean_count**n / sp.factorial(n), (n, 0, sp.oo)) * sp.exp(-mean_count)

    jacobian, fisher = independent("J", (2, 2)), np.array(sp.symbols("psi2_:2", positive=True), dtype=object)
    mean = np.diag(fisher) @ jacobian
    steps = (
        Step(
            Shown(
                lambda: {shape: _family(shape) for shape in SHAPES},
                r"\textstyle\sum\Psi(f(g+w)) - t\cdot f(g+w),\ \text{orders } 2, 3, 4,\; t = \Psi' + \nu",
            ),
            Shown(
                lambda: {shape: _family_tensors(shape) for shape in SHAPES},
                r"\tfrac12 M(w,w),\ \tfrac16 V^{(3)}(w,w,w),\ \tfrac1{24} V^{(4)}(w,w,w,w)",
            ),
            f"Taylor expansion of f and Psi: {FAMILY_SECOND.text()}; {FAMILY_THIRD.text()}; V4 likewise",
            ("g is stationary: J'nu = 0",),
        ),
        Step(
            Shown(
                [sp.diff(bernoulli, f), sp.diff(bernoulli, f, 2)], r"\Psi', \Psi''\ \text{for}\ \Psi = \log(1 + e^f)"
            ),
            Shown([chance, chance * (1 - chance)], r"p,\ p(1-p),\; p = 1/(1+e^{-f})"),
            "Bernoulli and binomial: mean and variance of t",
        ),
        Step(
            Shown(
                [expected(n), expected(n**2) - mean_count**2],
                r"E t,\ \operatorname{Var} t\ \text{for Poisson},\; \Psi = e^f",
            ),
            Shown([sp.diff(poisson, f, k).subs(f, sp.log(mean_count)) for k in (1, 2)], r"\Psi',\ \Psi''"),
            "the derivative of the log-partition function is the mean, the second the variance, so F = Psi'' is the "
            "Fisher information of t "
            "in f",
        ),
        Step(
            Shown(mean.T @ np.diag(1 / fisher) @ mean, r"K^\top F^{-1} K,\; K = F J"),
            Shown(jacobian.T @ np.diag(fisher) @ jacobian, r"J^\top F J"),
            "mean parametrisation: K is the Jacobian of the mean, and the metric is the Fisher metric in either form",
        ),
        argued(
            "general theorem",
            "With eps = 1/n the density is C exp(-V/eps + ell); the base measure joins C. The general theorem gives "
            "the contrast of M = J'FJ "
            "(attained mean) and the rate 1/n.",
            "t is the mean at g, or g is the unique minimiser of V with M positive definite",
        ),
    )
    return Derivation("exponential-family", "binomial, Poisson and other exponential families", steps)
