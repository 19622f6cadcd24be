"""A shear as the checker sees it: f(z) = M (z_1 + p_1(z_d), ..., z_{d-1} + p_{d-1}(z_d), z_d) at a point g.

G is the leading block of M'M, kappa = det(M'M)/det(G), c(z) the conditional mean of the sheared latents given z_d, and
R(eps) = G (G + eps I)^-1. `Shear.phi` takes balls or series in one variable t, truncated after t^2.
"""

from functools import reduce
from math import factorial
from typing import Any, no_type_check

from flint import arb, arb_series, ctx, fmpq, fmpq_mat, fmpq_poly

from .reading import MAXIMAL_DEGREE, MAXIMAL_LATENTS, Deadline, listed, number, require

HALF = arb(fmpq(1, 2))
Point = tuple[arb, arb]


def line(*coefficients: Any) -> arb_series:
    """A truncated series in t; quadratic truncation throughout."""
    return arb_series([arb(c) for c in coefficients], prec=3)


@no_type_check
class Shear:
    """One instance of any number of latents, with G, kappa, c, the contrast and the time that is left."""

    def __init__(self, data: Any, deadline: Deadline) -> None:
        point = [number(entry) for entry in listed(data["point"], "latents", MAXIMAL_LATENTS, 2)]
        size, self.deadline = len(point), deadline
        rows = [listed(row, "entries of a row", size, size) for row in listed(data["matrix"], "rows", size, size)]
        profiles = listed(data["profiles"], "profiles", size - 1, size - 1)
        profiles = [listed(profile, "coefficients of a profile", MAXIMAL_DEGREE + 1, 1) for profile in profiles]
        matrix = fmpq_mat(size, size, [number(entry) for row in rows for entry in row])
        profiles = [fmpq_poly([number(entry) for entry in profile]) for profile in profiles]
        require(matrix.det() != 0, "an instance has a singular matrix")
        gram, sheared = matrix.transpose() * matrix, range(size - 1)
        self.g, self.size = point[-1], size - 1
        self.block = fmpq_mat(size - 1, size - 1, [gram[a, b] for a in sheared for b in sheared])
        self.kappa = gram.det() / self.block.det()
        coupling = self.block.solve(fmpq_mat(size - 1, 1, [gram[a, size - 1] for a in sheared]))
        line_to = fmpq_poly([self.g, -1])
        self.mean = [point[a] + profiles[a](self.g) - profiles[a] + coupling[a, 0] * line_to for a in sheared]
        slopes = fmpq_mat(size - 1, 1, [mean.derivative()(self.g) for mean in self.mean])
        self.precision = self.kappa + (slopes.transpose() * self.block * slopes)[0, 0]
        with ctx.workprec(320):
            columns = [arb(self.block[a, a]).log() for a in sheared]
            self.contrast = (sum(columns, arb(self.precision).log()) - arb(gram.det()).log()) / 2
        shown = [[str(number(entry)) for entry in row] for row in (*rows, *data["profiles"], data["point"])]
        joined = [f"({', '.join(row)})" for row in shown]
        self.name = f"shear M = ({', '.join(joined[:size])}), p = ({', '.join(joined[size:-1])}), g = {joined[-1]}"

    def shifted(self, eps: Any) -> list[list[Any]]:
        """G + eps I, as rows of balls or of series."""
        zero = eps * 0
        return [
            [zero + arb(self.block[a, b]) + (eps if a == b else 0) for b in range(self.size)] for a in range(self.size)
        ]

    def phi(self, mu: Any, v: Any, eps: Any) -> Any:
        """Phi = -E[c]'R E[c]/2 - tr(G Cov(c))/(2 eps) - (mu^2 + eps v)/2 with E = exp(eps v/2 d^2/dz^2) at mu."""
        self.deadline.ask()
        spread, moments = eps * v, []
        for polynomial in self.mean:
            values = []
            while polynomial != 0:
                values.append(reduce(lambda total, c: total * mu + arb(c), reversed(polynomial.coeffs()), mu * 0))
                polynomial = polynomial.derivative()
            for k in range(len(values)):
                power = spread
                for j in range(1, (len(values) - 1 - k) // 2 + 1):
                    values[k] = values[k] + values[k + 2 * j] * power * arb(fmpq(1, 2**j * factorial(j)))
                    power = power * spread
            moments.append(values or [mu * 0])
        forces = [
            sum((moments[b][0] * arb(self.block[a, b]) for b in range(self.size)), mu * 0) for a in range(self.size)
        ]
        pulled = solution(self.shifted(eps), forces)
        total = sum((moments[a][0] * pulled[a] for a in range(self.size)), mu * mu + spread)
        for a in range(self.size):
            for b in range(self.size):
                power = v
                for k, (left, right) in enumerate(zip(moments[a][1:], moments[b][1:], strict=False), 1):
                    total = total + left * right * power * arb(self.block[a, b] / factorial(k))
                    power = power * spread
        return total * -HALF

    def scaled_elbo(self, h: arb, w: Any, rate: Any) -> Any:
        """F at m = w/h and v = exp(rate), which is smooth down to h = 0."""
        v = rate.exp()
        return self.phi(w * h + arb(self.g), v, h * h) - (w * w + v) * (arb(self.kappa) / 2) + rate * HALF

    def normaliser(self, eps: Any) -> Any:
        """The part (sum_a log(G_aa + eps) - log det(G + eps I))/2 of the gap; 0 for two latents."""
        shifted, total = self.shifted(eps), eps * 0
        rows, _ = triangular(shifted, [eps] * self.size)
        for a in range(self.size):
            total = total + (shifted[a][a].log() - rows[a][a].log()) * HALF
        return total


@no_type_check
def triangular(matrix: list[list[Any]], right: list[Any]) -> tuple[list[list[Any]], list[Any]]:
    """A positive definite system after Gaussian elimination: upper rows, whose diagonal holds the pivots, and right."""
    rows, right = [list(row) for row in matrix], list(right)
    for k in range(len(rows)):
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [entry - factor * above for entry, above in zip(rows[i], rows[k], strict=True)]
            right[i] = right[i] - factor * right[k]
    return rows, right


@no_type_check
def solution(matrix: list[list[Any]], right: list[Any]) -> list[Any]:
    """The solution of a positive definite system over balls or series."""
    rows, result = triangular(matrix, right)
    for k in reversed(range(len(result))):
        for j in range(k + 1, len(result)):
            result[k] = result[k] - rows[k][j] * result[j]
        result[k] = result[k] / rows[k][k]
    return result
