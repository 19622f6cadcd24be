"""The shear class f(z) = M (z_1 + p_1(z_d), ..., z_{d-1} + p_{d-1}(z_d), z_d) and its reduction to one dimension.

Notation, for x = f(g), prior N(0, I), noise variance eps, d >= 2: a runs over 1..d-1 (the sheared latents), G
is the leading (d-1) x (d-1) block of M'M, kappa = det(M)^2 / det(G), y = M^-1 x, and

    c(z) = (y_a - p_a(z))_a + G^-1 (M'M)_{a d} (y_d - z),     R(eps) = G (G + eps I)^-1.

|f - x|^2 = (z_a - c)'G(z_a - c) + kappa (z_d - y_d)^2, so the z_a are Gaussian given z_d and integrate out:

    log p_eps(x) = log I(eps) + const(eps) - 1/2 log det(I + G/eps),
    I(eps) = int exp(-kappa u^2/2) w(g_d + h u) du,   w(z) = exp(-z^2/2 - c'R c/2) in (0, 1],   h^2 = eps.

For q = N(mu, diag sigma^2) the optimal mu_a = R E_q[c], 1/sigma_a^2 = 1 + G_aa/eps; with mu_d = g_d + eps m
and sigma_d^2 = eps v the rest of the ELBO is

    F(m, v; eps) = Phi(mu_d, v, eps) - kappa (eps m^2 + v)/2 + log(v)/2,
    Phi = -E[c]'R E[c]/2 - tr(G Cov_q(c))/(2 eps) - (mu_d^2 + eps v)/2,

    gap = log I - max F - log(2 pi e)/2 + (sum_a log(G_aa + eps) - log det(G + eps I))/2.

Nothing here is singular at eps = 0: Cov_q(c)/eps is the polynomial
sum_{k>=1} eps^{k-1} v^k/k! E[c^(k)] E[c^(k)]'. For d = 2 this is the reduction of claim `enclosure`; it stays
one-dimensional for every d, since G, R and the covariance only gain indices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Any, no_type_check

import sympy
from flint import arb, arb_mat, fmpq, fmpq_mat, fmpq_poly

from ..errors import RequestError
from ..theory.series.decoders import SymbolicDecoder, shear
from .balls import rational

HALF = arb(fmpq(1, 2))
Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class ShearInstance:
    """A shear decoder and a point g: matrix M (d, d), coefficients of p_1..p_{d-1} from degree 0 up, point (d,)."""

    matrix: Rows
    profiles: Rows
    point: tuple[Any, ...]

    @cached_property
    def dimension(self) -> int:
        """d, the number of latents and of outputs."""
        return len(self.point)

    @cached_property
    def gram(self) -> fmpq_mat:
        """M'M."""
        matrix = fmpq_mat(self.dimension, self.dimension, [entry for row in self.matrix for entry in row])
        return matrix.transpose() * matrix

    @cached_property
    def block(self) -> list[list[fmpq]]:
        """G, the block of M'M that belongs to the sheared latents."""
        return [[self.gram[a, b] for b in range(self.dimension - 1)] for a in range(self.dimension - 1)]

    @cached_property
    def curvature(self) -> fmpq:
        """kappa = det(M'M) / det(G), the curvature of |f - x|^2 / 2 along the driver when the rest adapts."""
        return self.gram.det() / _matrix(self.block).det()

    @cached_property
    def driver(self) -> fmpq:
        """g_d = y_d."""
        return self.point[-1]

    @cached_property
    def conditional_mean(self) -> tuple[fmpq_poly, ...]:
        """The polynomials c_a(z), so that c_a(g_d) = g_a."""
        size, y = self.dimension - 1, self.driver
        coupling = _matrix(self.block).solve(fmpq_mat(size, 1, [self.gram[a, size] for a in range(size)]))
        line = fmpq_poly([y, -1])
        profiles = [fmpq_poly(list(profile)) for profile in self.profiles]
        return tuple(self.point[a] + profiles[a](y) - profiles[a] + coupling[a, 0] * line for a in range(size))

    @cached_property
    def latent_precision(self) -> tuple[fmpq, ...]:
        """A_kk = |J_k|^2 at g, k = 1..d."""
        slopes = [-mean.derivative()(self.driver) for mean in self.conditional_mean]
        size = self.dimension - 1
        last = self.curvature
        for a in range(size):
            for b in range(size):
                last += slopes[a] * self.block[a][b] * slopes[b]
        return (*(self.block[a][a] for a in range(size)), last)

    def contrast(self) -> arb:
        """c_IMA(f, g) = (sum_k log A_kk - log det A)/2, det A = det(M)^2."""
        total = -arb(self.gram.det()).log()
        for entry in self.latent_precision:
            total += arb(entry).log()
        return total / 2


def symbolic_decoder(instance: ShearInstance) -> SymbolicDecoder:
    """The same decoder as SymPy expressions, for the series engine."""

    def profile(coefficients: tuple[Any, ...]) -> Callable[[sympy.Symbol], sympy.Expr]:
        return lambda t: sum(
            (sympy.Rational(str(value)) * t**power for power, value in enumerate(coefficients)), sympy.Integer(0)
        )

    return shear([[str(entry) for entry in row] for row in instance.matrix], [profile(p) for p in instance.profiles])


def _matrix(rows: Sequence[Sequence[fmpq]]) -> fmpq_mat:
    return fmpq_mat(len(rows), len(rows), [entry for row in rows for entry in row])


def shear_instance(
    matrix: Sequence[Sequence[Any]], profiles: Sequence[Sequence[Any]], point: Sequence[Any]
) -> ShearInstance:
    """An instance from rationals (integers, Fractions or strings such as "-1/5"); RequestError if it is not one."""
    for name, value in (("matrix", matrix), ("profiles", profiles), ("point", point)):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise RequestError(f"{name}: expected a sequence of rationals, got {value!r:.40}")
    size = len(point)
    if size < 2 or len(profiles) != size - 1 or len(matrix) != size or any(len(row) != size for row in matrix):
        raise RequestError(
            "not a shear instance: expected d >= 2, a d x d matrix, d - 1 profiles and a point of size d, "
            f"got a point of size {size}, {len(profiles)} profiles, rows of sizes {[len(row) for row in matrix]}"
        )
    instance = ShearInstance(
        tuple(tuple(rational(entry) for entry in row) for row in matrix),
        tuple(tuple(rational(entry) for entry in profile) for profile in profiles),
        tuple(rational(entry) for entry in point),
    )
    if instance.gram.det() == 0:
        raise RequestError("not a shear instance: expected an invertible matrix, got one of determinant 0")
    return instance


def response(instance: ShearInstance, eps: arb, order: int) -> list[list[list[arb]]]:
    """Taylor coefficients in tau of R(eps + tau) = G (G + eps + tau)^-1: R_0, ..., R_order, each (d-1, d-1)."""
    size = instance.dimension - 1
    gram = arb_mat([[arb(entry) for entry in row] for row in instance.block])
    shifted = arb_mat([[gram[a, b] + (eps if a == b else 0) for b in range(size)] for a in range(size)])
    inverse = shifted.inv()
    term, result = gram * inverse, []
    for _ in range(order + 1):
        result.append([[term[a, b] for b in range(size)] for a in range(size)])
        term = -(term * inverse)
    return result


def normaliser(instance: ShearInstance, eps: arb) -> tuple[arb, arb, arb]:
    """(sum_a log(G_aa + eps) - log det(G + eps I))/2 and its first two derivatives; zero for d = 2."""
    size = instance.dimension - 1
    if size == 1:
        return arb(0), arb(0), arb(0)
    shifted = arb_mat([[instance.block[a][b] + (eps if a == b else 0) for b in range(size)] for a in range(size)])
    inverse = shifted.inv()
    value, first, second = -shifted.det().log(), -inverse.trace(), (inverse * inverse).trace()
    for a in range(size):
        diagonal = shifted[a, a]
        value, first, second = (
            value + diagonal.log(),
            first + 1 / diagonal,
            second - 1 / (diagonal * diagonal),
        )
    return value / 2, first / 2, second / 2


# Evaluated a few hundred times in a proof: no run-time type checks of every step.
@no_type_check
def _horner(polynomial: fmpq_poly, argument: Any) -> Any:
    coefficients = polynomial.coeffs()
    total = argument * 0 + (arb(coefficients[-1]) if coefficients else arb(0))
    for coefficient in reversed(coefficients[:-1]):
        total = total * argument + arb(coefficient)
    return total


@no_type_check
def smooth_part(instance: ShearInstance, mean: Any, variance: Any, eps: Any, responses: Sequence[Sequence[Any]]) -> Any:
    """Phi(mu_d, v, eps) for arguments in balls or in series over balls, with `responses` = R(eps) (d-1, d-1).

    E_q[c^(k)] = sum_j (eps v/2)^j / j! c^(k + 2j)(mu_d), exact for polynomials.
    """
    size, spread = instance.dimension - 1, eps * variance
    half_spread = spread * HALF
    smoothed: list[list[Any]] = []
    for polynomial in instance.conditional_mean:
        degree = max(polynomial.degree(), 0)
        derivatives = []
        for _ in range(degree + 1):
            derivatives.append(_horner(polynomial, mean))
            polynomial = polynomial.derivative()
        rows = []
        for k in range(degree + 1):
            total, power = derivatives[k], half_spread
            for j in range(1, (degree - k) // 2 + 1):
                total = total + derivatives[k + 2 * j] * power * arb(fmpq(1, factorial(j)))
                power = power * half_spread
            rows.append(total)
        smoothed.append(rows)
    total = -(mean * mean + spread) * HALF
    for a in range(size):
        for b in range(size):
            total = total - smoothed[a][0] * smoothed[b][0] * responses[a][b] * HALF
            power = variance
            for k in range(1, min(len(smoothed[a]), len(smoothed[b]))):
                weight = arb(instance.block[a][b] / (2 * factorial(k)))
                total = total - smoothed[a][k] * smoothed[b][k] * power * weight
                power = power * spread
    return total
