"""log p_eps as a power series in eps: Gaussian moments of a graded exponential (claim higher-orders, part 2).

In z = g + h u, h^2 = eps, the log joint is -u'Mu/2 + sum_{n>=1} h^n P_n(u). The exponential sum h^j F_j of
this sum obeys j F_j = sum_k k P_k F_{j-k}; its moments under N(0, M^-1) are taken in coordinates y with
M = L D L', u = L'^-1 y, where they factorise and need no roots; odd j vanish; then the logarithm of a series.
"""

from collections.abc import Sequence
from typing import Any

from .truncated import Part, Series, add_multiple, add_product, unpack, variables

Matrix = Sequence[Sequence[Any]]


def ldl(matrix: Matrix) -> tuple[list[list[Any]], list[Any]]:
    """M = L diag(pivots) L' with L unit lower triangular; no roots, so exact over the rationals."""
    count = len(matrix)
    lower: list[list[Any]] = [[0] * count for _ in range(count)]
    pivots: list[Any] = []
    for j in range(count):
        pivot = matrix[j][j]
        for k in range(j):
            pivot = pivot - lower[j][k] * lower[j][k] * pivots[k]
        pivots.append(pivot)
        for i in range(j + 1, count):
            entry = matrix[i][j]
            for k in range(j):
                entry = entry - lower[i][k] * lower[j][k] * pivots[k]
            lower[i][j] = entry / pivot
    return lower, pivots


def _decorrelated(graded: Series, lower: Matrix) -> list[Part]:
    """The parts P_n in the coordinates y, u = L'^-1 y (back substitution)."""
    ring, count = graded.ring, graded.variables
    highest = graded.degree + 2
    ys = variables(ring, [ring.rational(0, 1)] * count, highest)
    us: list[Series] = [y.without_constant() for y in ys]
    for i in reversed(range(count)):
        for j in range(i + 1, count):
            us[i] = us[i] - us[j] * lower[j][i]
    result = []
    for part in graded.parts:
        by_degree: list[Part] = [{} for _ in range(highest + 1)]
        for key, value in part.items():
            by_degree[sum(unpack(key, count))][key] = value
        composed = graded.like(by_degree).compose(us)
        merged: Part = {}
        for piece in composed.parts:
            merged.update(piece)
        result.append(merged)
    return result


def log_likelihood_coefficients(graded: Series, lower: Matrix, pivots: Sequence[Any], order: int) -> tuple[Any, ...]:
    """L_1 .. L_order from the parts P_n (entry n of `graded`) and the factors of the Hessian M."""
    ring, count = graded.ring, graded.variables
    parts = _decorrelated(graded, lower)
    exponential: list[Part] = [{0: ring.rational(1, 1)}]
    for j in range(1, 2 * order + 1):
        total: Part = {}
        for k in range(1, j + 1):
            if parts[k] and exponential[j - k]:
                weighted: Part = {}
                add_multiple(weighted, parts[k], ring.rational(k, j))
                add_product(total, weighted, exponential[j - k])
        exponential.append(total)
    moment = _Moments(pivots, 6 * order + 2, ring)
    evidence: list[Any] = [ring.rational(1, 1)]
    for n in range(1, order + 1):
        value = ring.rational(0, 1)
        for key, coefficient in exponential[2 * n].items():
            exponents = unpack(key, count)
            if all(power % 2 == 0 for power in exponents):
                value = value + coefficient * moment(exponents)
        evidence.append(value)
    return tuple(log_of_unit(evidence)[1:])


def log_of_unit(entries: Sequence[Any]) -> list[Any]:
    """log of sum_n e_n eps^n with e_0 = 1, all rational: n L_n = n e_n - sum_{k<n} k L_k e_{n-k}."""
    logs = [entries[0] * 0]
    for n in range(1, len(entries)):
        term = entries[n] * n
        for k in range(1, n):
            term = term - logs[k] * entries[n - k] * k
        logs.append(term / n)
    return logs


class _Moments:
    """E prod_k y_k^{2 i_k} for independent y_k ~ N(0, 1/pivot_k): products of (2i - 1)!! / pivot_k^i."""

    def __init__(self, pivots: Sequence[Any], highest: int, ring: Any) -> None:
        self.tables = []
        for pivot in pivots:
            table = [ring.rational(1, 1)]
            while 2 * len(table) <= highest:
                table.append(table[-1] * (2 * len(table) - 1) / pivot)
            self.tables.append(table)

    def __call__(self, exponents: Sequence[int]) -> Any:
        product = self.tables[0][exponents[0] // 2]
        for table, power in zip(self.tables[1:], exponents[1:], strict=True):
            product = product * table[power // 2]
        return product
