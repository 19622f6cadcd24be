"""ELBO* and its maximiser as power series in eps, for the mean-field encoder (claim higher-orders, part 3).

For q = N(g + eps mu, eps diag(w)) the heat operator exp(sum_k w_k d_k^2 / 2) turns P_n (the terms of order
h^n of the log joint in z = g + h u, h^2 = eps) into polynomials in (h mu, w); a term mu^a w^b carries
h^(n + |a|), an even power. With M the Hessian of V the stationary point obeys

    M mu = (1/eps) d/dmu,   1/w_k = M_kk - 2 d/dw_k   of the sum of these terms,

and substituting gains one order of eps at a time. By the 2n+1 rule mu and w to half the order give ELBO* to
the full order.
"""

from collections.abc import Sequence
from math import factorial
from typing import Any

from .functions import power
from .likelihood import Matrix, ldl, log_of_unit
from .truncated import Part, Series, add_multiple, unpack

# A smoothed term: (n, exponents a of mu, exponents b of w, coefficient), of order eps^((n + |a|) / 2).
Term = tuple[int, tuple[int, ...], tuple[int, ...], Any]


def optimum(graded: Series, hessian: Matrix, order: int) -> tuple[list[Series], list[Series]]:
    """The stationary (mu, w) as series in eps to the given order, one order a pass."""
    ring, count = graded.ring, graded.variables
    terms = _smoothed(graded, order + 1)
    by_mean = [_derivative(terms, k, False) for k in range(count)]
    by_variance = [_derivative(terms, k, True) for k in range(count)]
    blank = Series(ring, 1, tuple({} for _ in range(order + 1)))
    mean = [blank] * count
    variance = [blank.lift(ring.rational(1, 1) / hessian[k][k]) for k in range(count)]
    for _ in range(order + 1):
        mean = _solved(hessian, [_evaluate(by_mean[k], mean, variance) for k in range(count)])
        curvature = [_evaluate(by_variance[k], mean, variance) * (-2) + hessian[k][k] for k in range(count)]
        variance = [power(entry, -1) for entry in curvature]
    return _solved(hessian, [_evaluate(by_mean[k], mean, variance) for k in range(count)]), variance


def _solved(matrix: Matrix, right: list[Series]) -> list[Series]:
    """M^-1 applied to a vector of series, by the factors of `ldl`."""
    lower, pivots = ldl(matrix)
    count = len(right)
    values = list(right)
    for i in range(count):
        for j in range(i):
            values[i] = values[i] - values[j] * lower[i][j]
    values = [value * (1 / pivot) for value, pivot in zip(values, pivots, strict=True)]
    for i in reversed(range(count)):
        for j in range(i + 1, count):
            values[i] = values[i] - values[j] * lower[j][i]
    return values


def elbo_coefficients(
    graded: Series, hessian: Matrix, mean: list[Series], variance: list[Series], order: int
) -> tuple[Any, ...]:
    """E_1 .. E_order: the smoothed terms at (mu, w), plus -eps mu'M mu/2 + sum_k (log w_k - M_kk w_k)/2."""
    count = graded.variables
    half = graded.ring.rational(1, 2)

    def extended(series: Series) -> Series:
        return series.like([*series.parts, *({} for _ in range(order - series.degree))])

    means, variances = [extended(m) for m in mean], [extended(w) for w in variance]
    value = _evaluate(_smoothed(graded, order), means, variances)
    eps = value.like([{}, {1: graded.ring.rational(1, 1)}, *({} for _ in range(order - 1))])
    for k in range(count):
        image = means[0].lift(0)
        for j in range(count):
            image = image + means[j] * hessian[k][j]
        value = value - eps * (means[k] * image) * half
        # log w - M w with w = w_0 (1 + r): w_0 M = 1, and the constant is dropped by starting at eps^1.
        relative = variances[k] * hessian[k][k]
        logs = log_of_unit([relative.coefficient(n) for n in range(order + 1)])
        value = value + (relative.like([{n: entry} for n, entry in enumerate(logs)]) - relative) * half
    return tuple(value.coefficient(n) for n in range(1, order + 1))


def _smoothed(graded: Series, order: int) -> list[Term]:
    """Terms of exp(sum_k w_k d_k^2/2) P_n up to eps^order: u^i -> sum_b i!/((i-2b)! b! 2^b) m^(i-2b) w^b."""
    ring, terms = graded.ring, []
    for n, part in enumerate(graded.parts):
        for key, value in part.items():
            partial: list[tuple[tuple[int, ...], tuple[int, ...], int, int]] = [((), (), 1, 1)]
            for exponent in unpack(key, graded.variables):
                partial = [
                    (
                        (*a, exponent - 2 * b),
                        (*bs, b),
                        top * factorial(exponent),
                        bottom * factorial(exponent - 2 * b) * factorial(b) * 2**b,
                    )
                    for a, bs, top, bottom in partial
                    for b in range(exponent // 2 + 1)
                ]
            terms += [
                (n, a, bs, value * ring.rational(top, bottom))
                for a, bs, top, bottom in partial
                if n + sum(a) <= 2 * order
            ]
    return terms


def _evaluate(terms: Sequence[Term], mean: Sequence[Series], variance: Sequence[Series]) -> Series:
    """sum coefficient eps^((n+|a|)/2) mu^a w^b as a series in eps; shared powers are multiplied once."""
    sample = mean[0]
    tables = [[sample.lift(1)] for _ in (*mean, *variance)]
    arguments = (*mean, *variance)

    def raised(index: int, exponent: int) -> Series:
        table = tables[index]
        while len(table) <= exponent:
            table.append(table[-1] * arguments[index])
        return table[exponent]

    def total(rows: dict[tuple[int, ...], Series], index: int) -> Series:
        """Horner by the last exponent: sum over it first, then over the earlier ones."""
        if index < 0:
            return rows.get((), sample.lift(0))
        merged: dict[tuple[int, ...], Series] = {}
        for exponents, value in rows.items():
            product = value * raised(index, exponents[-1]) if exponents[-1] else value
            head = exponents[:-1]
            merged[head] = merged[head] + product if head in merged else product
        return total(merged, index - 1)

    rows: dict[tuple[int, ...], list[Part]] = {}
    for n, a, b, coefficient in terms:
        shift = (n + sum(a)) // 2
        if shift <= sample.degree:
            row = rows.setdefault((*a, *b), [{} for _ in range(sample.degree + 1)])
            add_multiple(row[shift], {shift: coefficient}, 1)
    return total({exponents: sample.like(row) for exponents, row in rows.items()}, len(arguments) - 1)


def _derivative(terms: Sequence[Term], k: int, wrt_variance: bool) -> list[Term]:
    """d/dmu_k divided by eps (lowering n + |a| by two), or d/dw_k."""
    result: list[Term] = []
    for n, a, b, coefficient in terms:
        if wrt_variance and b[k]:
            result.append((n, a, (*b[:k], b[k] - 1, *b[k + 1 :]), coefficient * b[k]))
        elif not wrt_variance and a[k]:
            result.append((n - 1, (*a[:k], a[k] - 1, *a[k + 1 :]), b, coefficient * a[k]))
    return result
