"""stochastic-cost: the cost of noise at a fixed code length is a monotone function of the contrast.

Random square J and orthogonal U (d = 2, 3). The cost sum_k sigma_k^2 |(JU)_k|^2 is minimised over sigma with a fixed
product by a search in y = log sigma^2, then over U = (I - S)^-1 (I + S), S skew, from a random start; no closed form
enters.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import minimize

from ...numerics.families.draws import orthogonal
from ...theory.claims.stochastic_cost import COST
from ..along import ladder
from ..cases import instances
from ..claim import Claim
from ..statements import Converges, Equal

SMALL = ladder("t", 3e-2, 3e-4)
FOUND = 1e-9
"""Relative: the search stops at gradients of 1e-9 and the cost is quadratic in what is left."""

TURNED = 1e-5
"""The search over U stops at gradients of 1e-8; the curvature is that of the closest singular values, above 1e-2."""


@cache
def _case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """J with singular values at least 20 % apart, and U."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    values = 0.6 * np.cumprod(rng.uniform(1.2, 1.8, d))
    return orthogonal(rng, d) @ np.diag(values) @ orthogonal(rng, d), orthogonal(rng, d)


@instances(5)
def jacobians(rng):
    """A Jacobian and a rotation by their seed, with the numbers that the formula of the cost has."""
    row = {"seed": int(rng.integers(2**31)), "kappa": float(np.exp(rng.uniform(-3, 0)))}
    J, U = _case(row["seed"])
    return row | {"d": len(J), "volume": float(np.linalg.det(J) ** 2), "c": contrast(J @ U)}


def contrast(J: np.ndarray) -> float:
    """c of the columns."""
    return float(np.sum(np.log(np.linalg.norm(J, axis=0))) - np.linalg.slogdet(J)[1])


def _least(J: np.ndarray, kappa: float) -> float:
    """The least cost over y = log sigma^2 with sum y = log kappa, by a search over y less its mean."""
    b = np.sum(J**2, axis=0)

    def cost(y: np.ndarray) -> tuple[float, np.ndarray]:
        terms = np.exp(y - np.mean(y) + np.log(kappa) / len(b)) * b
        return float(np.log(np.sum(terms))), terms / np.sum(terms) - 1 / len(b)

    found = minimize(cost, np.zeros(len(b)), jac=True, method="BFGS", options={"gtol": 1e-9})
    return float(np.exp(found.fun))


def least_cost(seed, kappa, **_):
    """min over sigma of sum_k sigma_k^2 |(JU)_k|^2."""
    J, U = _case(seed)
    value = _least(J @ U, kappa)
    return value, FOUND * value


def least_over_rotations(seed, kappa, **_):
    """min over sigma and U."""
    value = _least(_case(seed)[0] @ _best(seed), kappa)
    return value, FOUND * value


@cache
def _best(seed: int) -> np.ndarray:
    """The rotation of least cost, found by a search over skew matrices that starts at the random U."""
    J, U = _case(seed)
    upper = np.triu_indices(len(J), 1)

    def turned(values: np.ndarray) -> np.ndarray:
        S = np.zeros_like(J)
        S[upper] = values
        S = S - S.T
        return U @ np.linalg.solve(np.eye(len(J)) - S, np.eye(len(J)) + S)

    found = minimize(lambda values: contrast(J @ turned(values)), np.zeros(len(upper[0])), options={"gtol": 1e-8})
    return turned(found.x)


def distance_from_singular_vectors(seed, **_):
    """How far the best U is from the right singular vectors, up to signs and order."""
    return _mismatch(_best(seed), np.linalg.svd(_case(seed)[0])[2].T)


def _mismatch(U: np.ndarray, V: np.ndarray) -> float:
    cosines = np.abs(U.T @ V)
    return float(np.max(np.minimum(cosines, np.abs(1 - cosines))))


def cost_of_turned(t, seed, kappa, **_):
    """log of the least cost with the first two singular vectors turned by t, less that at t = 0."""
    J = _case(seed)[0]
    V = np.linalg.svd(J)[2].T
    turn = np.eye(len(J))
    turn[:2, :2] = [[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]
    # By Lagrange's condition, which the law above checks: differences of 1e-8 are below what a search resolves.
    lengths = np.sum((J @ V @ turn) ** 2, axis=0)
    return float(np.mean(np.log1p(lengths / np.sum((J @ V) ** 2, axis=0) - 1))), 1e-15


def _turned_constant(seed, d, factor=1.0, **_):
    """(a_0 - a_1)^2 / (d a_0 a_1), a_k the squared singular values."""
    a = np.linalg.svd(_case(seed)[0])[1] ** 2
    return float(factor * (a[0] - a[1]) ** 2 / (d * a[0] * a[1]))


CLAIM = Claim(
    id="stochastic-cost",
    order=32,
    title="the cost of noise at a fixed code length",
    statement="What noise in the latents costs in reconstruction, at a fixed product of its variances, is a "
    "monotone function of the contrast of the rotated Jacobian; it is least at the right singular vectors, "
    "where that is zero.",
    latex=r"\min_{\sum_k\log\sigma_k^2 = \log\kappa}\ \sum_k \sigma_k^2\,\|(JU)_k\|^2 = d\,(\kappa\det A)^{1/d}\,"
    r"e^{2c(JU)/d},\quad U^\top U = I",
    source="Rolinek et al. 2019 (arXiv:1812.06775), the minimisers; the cost in terms of the contrast: new here",
    assumptions=("the constraint is on the product of the variances", "distinct singular values"),
    derivation="stochastic-cost",
    over=jacobians,
    law=(
        Equal(distance_from_singular_vectors, 0.0, tolerance=TURNED, name="the best U"),
        Equal(
            least_over_rotations,
            lambda kappa, d, volume, **_: d * (kappa * volume) ** (1 / d),
            tolerance=1e-9,
            name="cost of the best U",
        ),
        Converges(cost_of_turned, along=SMALL, order=2, constant=_turned_constant, name="turned by t"),
        Equal(least_cost, COST, name="least cost"),
    ),
)
CLAIM.control(
    "the left singular vectors",
    of="the best U",
    left=lambda seed, **_: _mismatch(_best(seed), np.linalg.svd(_case(seed)[0])[0]),
)
CLAIM.control(
    "any U has the same cost",
    of="least cost",
    right=lambda seed, kappa, **_: _least(_case(seed)[0], kappa),
)
CLAIM.control(
    "the sum of the variances fixed, not their product",
    of="least cost",
    right=lambda seed, kappa, **_: float(kappa * np.min(np.sum((_case(seed)[0] @ _case(seed)[1]) ** 2, axis=0))),
)
CLAIM.control("the cost rises linearly", of="turned by t", order=1)
CLAIM.control("without the share 1/d", of="turned by t", constant=lambda seed, d, **_: _turned_constant(seed, d, d))
CLAIM.mutants(of="least cost", field="right")
