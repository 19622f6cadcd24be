"""The second route: what `numerics` measures in float64, again with mpmath at 50 digits, sharing nothing with it.

A `Joint` is log p(x, z) as a function of a list of mpf. `evidence` is the trapezoid rule on a lattice of step 0.5
posterior standard deviations, exact to exp(-(2 pi / 0.5)^2 / 2) ~ 1e-34 on a normal density and geometrically accurate
on analytic ones. `best_encoder` solves for the mean-field optimum by Newton's method, its derivatives by Stein's
identity from values of log p alone,

    d/d mu_k E e = E[e xi_k] / sigma_k,    d/d tau_k E e = E[e (xi_k^2 - 1)],    tau_k = log sigma_k,

on a tensor Gauss-Hermite rule. Float64 results enter as the place to start from and as the scale of the lattice only.
Source: the definitions of the ELBO and the evidence; Stein 1981.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import mpmath as mp
import numpy as np

DIGITS = 50
NEWTON_STEPS = 3
_STEP, _RADIUS = mp.mpf("0.5"), 12.0

Vector = list[mp.mpf]
Joint = Callable[[Vector], mp.mpf]


class Encoder(NamedTuple):
    """The best mean-field encoder: its ELBO, mean and variances, and what is left of the gradient."""

    elbo: mp.mpf
    mean: Vector
    variance: Vector
    residual: mp.mpf


def vector(values: Sequence[float] | np.ndarray) -> Vector:
    """The floats as they are, exactly."""
    return [mp.mpf(float(value)) for value in np.asarray(values).ravel()]


def matrix(values: np.ndarray) -> list[Vector]:
    """The floats of a matrix, by rows."""
    return [vector(row) for row in np.asarray(values)]


def times(rows: list[Vector], z: Vector) -> Vector:
    """Matrix times vector."""
    return [mp.fdot(row, z) for row in rows]


def evidence(joint: Joint, centres: Sequence[np.ndarray], factor: np.ndarray, step: mp.mpf = _STEP) -> mp.mpf:
    """log p(x), a lattice around each centre, z = centre + factor u; the centres must lie far apart.

    factor (d, d): about a square root of the posterior's covariance.
    """
    with mp.workdps(DIGITS):
        d, half = len(factor), int(_RADIUS / step)
        rows, cell = matrix(factor), abs(mp.det(mp.matrix(factor.tolist()))) * step**d
        top = max(joint(vector(centre)) for centre in centres)
        total = mp.mpf(0)
        for centre in map(vector, centres):
            for index in product(range(-half, half + 1), repeat=d):
                if sum(i * i for i in index) > (_RADIUS / step) ** 2:
                    continue
                offset = times(rows, [step * i for i in index])
                total += mp.exp(joint([c + o for c, o in zip(centre, offset, strict=True)]) - top)
        return top + mp.log(total * cell)


@lru_cache(maxsize=4)
def gauss_hermite(n: int) -> tuple[Vector, Vector]:
    """Nodes and weights for N(0, 1): roots of He_n by Newton from float64, weights n! / (n He_(n-1))^2."""
    with mp.workdps(DIGITS + 10):
        nodes, weights = [], []
        for start in np.polynomial.hermite_e.hermegauss(n)[0]:
            x = mp.mpf(float(start))
            for _ in range(6):
                value, before = _hermite(n, x)
                x -= value / (n * before)
            nodes.append(x)
            weights.append(mp.factorial(n) / (n * _hermite(n, x)[1]) ** 2)
        return nodes, weights


def _hermite(n: int, x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """He_n(x) and He_(n-1)(x)."""
    before, value = mp.mpf(1), x
    for k in range(1, n):
        before, value = value, x * value - k * before
    return value, before


def expected(joint: Joint, mean: Vector, factor: list[Vector], nodes: int) -> list[tuple[Vector, mp.mpf]]:
    """(xi, weight times log p at mean + factor xi) for every node of the tensor rule."""
    x, w = gauss_hermite(nodes)
    terms = []
    for index in product(range(nodes), repeat=len(mean)):
        xi = [x[i] for i in index]
        z = [m + o for m, o in zip(mean, times(factor, xi), strict=True)]
        terms.append((xi, mp.fprod(w[i] for i in index) * joint(z)))
    return terms


def elbo(joint: Joint, mean: Vector, factor: list[Vector], nodes: int) -> mp.mpf:
    """The ELBO of N(mean, factor factor')."""
    with mp.workdps(DIGITS):
        value = mp.fsum(term for _, term in expected(joint, mean, factor, nodes))
        entropy = mp.log(abs(mp.det(mp.matrix(factor)))) + len(mean) * (1 + mp.log(2 * mp.pi)) / 2
        return value + entropy


def best_encoder(joint: Joint, mean: np.ndarray, std: np.ndarray, nodes: int) -> Encoder:
    """The stationary point of the ELBO next to the encoder N(mean, diag(std^2))."""
    with mp.workdps(DIGITS):
        mu, tau = vector(mean), [mp.log(value) for value in vector(std)]
        for _ in range(NEWTON_STEPS):
            _, gradient, hessian = _stein(joint, mu, tau, nodes)
            move = mp.lu_solve(hessian, -gradient)
            mu = [m + move[k] for k, m in enumerate(mu)]
            tau = [t + move[len(mu) + k] for k, t in enumerate(tau)]
        value, gradient, _ = _stein(joint, mu, tau, nodes)
        entropy = mp.fsum(tau) + len(mu) * (1 + mp.log(2 * mp.pi)) / 2
        return Encoder(value + entropy, mu, [mp.exp(2 * t) for t in tau], mp.norm(gradient, mp.inf))


def _stein(joint: Joint, mu: Vector, tau: Vector, nodes: int) -> tuple[mp.mpf, mp.matrix, mp.matrix]:
    """E e, and gradient and Hessian of E e + sum tau in (mu, tau)."""
    d = len(mu)
    sigma = [mp.exp(t) for t in tau]
    factor = [[sigma[i] if i == k else mp.mpf(0) for i in range(d)] for k in range(d)]
    nodes_and_terms = expected(joint, mu, factor, nodes)
    terms = [term for _, term in nodes_and_terms]
    # First and second Hermite polynomials of each coordinate of xi, by node.
    first = [[xi[k] for xi, _ in nodes_and_terms] for k in range(d)]
    second = [[x * x - 1 for x in column] for column in first]

    def moment(*factors: Vector) -> mp.mpf:
        return mp.fsum(mp.fprod(parts) for parts in zip(terms, *factors, strict=True))

    gradient, hessian, mean = mp.matrix(2 * d, 1), mp.matrix(2 * d, 2 * d), moment()
    for k in range(d):
        gradient[k], gradient[d + k] = moment(first[k]) / sigma[k], moment(second[k]) + 1
        for j in range(d):
            same = int(j == k)
            hessian[k, j] = (moment(first[k], first[j]) - same * mean) / (sigma[k] * sigma[j])
            mixed = (moment(first[k], second[j]) - 2 * same * moment(first[k])) / sigma[k]
            hessian[k, d + j] = hessian[d + j, k] = mixed
            # d/d tau of (xi^2 - 1) phi is ((xi^2 - 1)^2 - 2 xi^2) phi.
            hessian[d + k, d + j] = moment(second[k], second[j]) - same * (2 * moment(second[k]) + 2 * mean)
    return mean, gradient, hessian


def gaussian_joint(decoder: Callable[[Vector], Vector], log_prior: Joint, x: Vector, variances: Vector) -> Joint:
    """log p(x, z) for x | z ~ N(f(z), diag(variances))."""

    def joint(z: Vector) -> mp.mpf:
        residual = [(a - b) ** 2 / v for a, b, v in zip(decoder(z), x, variances, strict=True)]
        return -(mp.fsum(residual) + mp.fsum(mp.log(2 * mp.pi * v) for v in variances)) / 2 + log_prior(z)

    return joint
