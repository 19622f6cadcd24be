r"""Predictions that are closed formulas of a few scalars, with the claim each belongs to, as terms by name.

random_mean, random_variance: E c and Var c of d isotropic columns in R^D (random-directions).
beta_constant: what L_beta* differs by from beta ELBO* (beta-vae).
linear_first, linear_second, linear_third: a_1, a_2, a_3 of the linear VAE (linear-vae).
kink_coefficient: the coefficient of sqrt(eps) in the gap at the kink of a Laplace prior of scale beta, s = 1/A_kk,
B = (A^-1)_kk (priors).
kink_tail: the gap at the distance r from a kink of one latent, over sqrt(eps) exp(-A^2 r^2 / (2 eps)): slopes A of the
point's own piece and B of the other, ratio = p0(kink) / p0(g) (kinks).
fold_value: the gap of f = z^2 at x = 0 (folds).
fold_slope: the coefficient of sqrt(eps) in the gap of f = a z^2 + b z^4 at x = 0, prior N(0, 1) (folds).
importance_chi2: Var w at correlation rho of two columns, |rho| < 1/2 (importance-weighted).
Each is derived under its claim's id.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.tensors import inverse

Terms = dict[str, Any]
Recipe = tuple[str, tuple[str, ...], Callable[[dict[str, np.ndarray], int], Terms]]
HALF = sp.Rational(1, 2)


def mean_contrast(data_dim: Any, d: int) -> sp.Expr:
    """E c for d isotropic columns in R^D."""
    return (
        sum(
            sp.digamma(data_dim / sp.Integer(2)) - sp.digamma((data_dim - k + 1) / sp.Integer(2))
            for k in range(1, d + 1)
        )
        / 2
    )


def variance_contrast(data_dim: Any, d: int) -> sp.Expr:
    """Var c for d isotropic columns in R^D."""
    half = sp.Integer(2)
    return (
        sum(sp.polygamma(1, (data_dim - k + 1) / half) - sp.polygamma(1, data_dim / half) for k in range(1, d + 1)) / 4
    )


def _random_mean(a: dict[str, np.ndarray], d: int) -> Terms:
    return {"digamma": mean_contrast(a["D"][()], d)}


def _random_variance(a: dict[str, np.ndarray], d: int) -> Terms:
    return {"trigamma": variance_contrast(a["D"][()], d)}


def beta_constant_terms(data_dim: sp.Expr, beta: sp.Expr, eps: sp.Expr) -> Terms:
    """(D/2)[beta log(2 pi beta eps) - log(2 pi eps)]."""
    return {
        "rescaled": HALF * data_dim * beta * sp.log(2 * sp.pi * beta * eps),
        "original": -HALF * data_dim * sp.log(2 * sp.pi * eps),
    }


def _beta_constant(a: dict[str, np.ndarray], d: int) -> Terms:
    return beta_constant_terms(a["D"][()], a["beta"][()], a["eps"][()])


def linear_coefficient_terms(weights: np.ndarray, order: int) -> Terms:
    """a_n = (-1)^(n+1)/(2n) [sum_k A_kk^-n - tr A^-n] with A = W'W."""
    metric = weights.T @ weights
    sign = sp.Rational((-1) ** (order + 1), 2 * order)
    power = reciprocal = inverse(metric)
    for _ in range(order - 1):
        power = power @ reciprocal
    encoder = sum(entry**-order for entry in np.diagonal(metric))
    return {"encoder": sign * encoder, "posterior": -sign * np.trace(power)}


def kink_coefficient_terms(scale: sp.Expr, encoder: sp.Expr, posterior: sp.Expr) -> Terms:
    """sqrt(2/pi)/scale (sqrt(s) - sqrt(B)), scale that of the Laplace prior."""
    factor = sp.sqrt(2 / sp.pi) / scale
    return {"encoder": factor * sp.sqrt(encoder), "posterior": -factor * sp.sqrt(posterior)}


def _kink_coefficient(a: dict[str, np.ndarray], d: int) -> Terms:
    return kink_coefficient_terms(a["beta"][()], a["s"][()], a["B"][()])


def kink_tail_terms(own: sp.Expr, other: sp.Expr, distance: sp.Expr, ratio: sp.Expr) -> Terms:
    """(A - B)^2 / (A^2 B r sqrt(2 pi)) p0(kink) / p0(g)."""
    return {"tail": (own - other) ** 2 / (own**2 * other * distance * sp.sqrt(2 * sp.pi)) * ratio}


def _kink_tail(a: dict[str, np.ndarray], d: int) -> Terms:
    return kink_tail_terms(*(a[name][()] for name in ("A", "B", "r", "ratio")))


def fold_value_terms() -> Terms:
    """log int exp(-u^4/2) du and minus the best Gaussian's ELBO there, v = 1/sqrt(6)."""
    quarter = sp.Rational(1, 4)
    return {
        "evidence": sp.log(2**quarter * sp.gamma(quarter) / 2),
        "encoder": -(HALF * sp.log(2 * sp.pi / sp.sqrt(6)) + quarter),
    }


def _fold_value(a: dict[str, np.ndarray], d: int) -> Terms:
    return fold_value_terms()


def fold_slope_terms(a: sp.Expr, b: sp.Expr) -> Terms:
    """Minus E u^2 / (2a) and minus b E u^6 / a^2, each as the posterior's moment less the encoder's, N(0, 1/sqrt(6)).

    The posterior's density is proportional to exp(-u^4/2): E u^n = 2^(n/4) Gamma((n+1)/4) / Gamma(1/4).
    """
    quarter, variance = sp.Rational(1, 4), 1 / sp.sqrt(6)
    second = sp.sqrt(2) * sp.gamma(3 * quarter) / sp.gamma(quarter) - variance
    sixth = 2 ** sp.Rational(3, 2) * sp.gamma(7 * quarter) / sp.gamma(quarter) - 15 * variance**3
    return {"prior": -HALF * second / a, "fourth_order": -sixth * b / a**2}


def _fold_slope(a: dict[str, np.ndarray], d: int) -> Terms:
    return fold_slope_terms(a["a"][()], a["b"][()])


def importance_chi2_terms(rho: sp.Expr) -> Terms:
    """E w^2 - 1 = (1 - rho^2)/sqrt(1 - 4 rho^2) - 1."""
    return {"second_moment": (1 - rho**2) / sp.sqrt(1 - 4 * rho**2), "squared_mean": sp.Integer(-1)}


def _importance_chi2(a: dict[str, np.ndarray], d: int) -> Terms:
    return importance_chi2_terms(a["rho"][()])


CLOSED_FORMS: dict[str, Recipe] = {
    "random_mean": ("random-directions", ("D",), _random_mean),
    "random_variance": ("random-directions", ("D",), _random_variance),
    "beta_constant": ("beta-vae", ("D", "beta", "eps"), _beta_constant),
    "linear_first": ("linear-vae", ("W",), lambda a, d: linear_coefficient_terms(a["W"], 1)),
    "linear_second": ("linear-vae", ("W",), lambda a, d: linear_coefficient_terms(a["W"], 2)),
    "linear_third": ("linear-vae", ("W",), lambda a, d: linear_coefficient_terms(a["W"], 3)),
    "kink_coefficient": ("priors", ("beta", "s", "B"), _kink_coefficient),
    "kink_tail": ("kinks", ("A", "B", "r", "ratio"), _kink_tail),
    "fold_value": ("folds", (), _fold_value),
    "fold_slope": ("folds", ("a", "b"), _fold_slope),
    "importance_chi2": ("importance-weighted", ("rho",), _importance_chi2),
}
