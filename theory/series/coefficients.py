"""Coefficients of log p_eps, of ELBO* and of the gap to any order in eps (claim higher-orders, mean-field encoder).

The joint density is C exp(-V(z)/eps + ell(z)), V minimal at g with Hessian M, and

    log p_eps(x) = const + sum_n L_n eps^n,  ELBO*(x) = const' + sum_n E_n eps^n,  gap = c + sum_n a_n eps^n,

a_n = L_n - E_n and c the contrast. With z = g + h u, h^2 = eps, the exponent is
-u'Mu/2 + sum_{n>=1} h^n P_n(u), where P_n = -V_{n+2} + ell_n collects homogeneous Taylor parts.
`series_likelihood` finds the L_n and `series_encoder` the E_n. The series of ELBO* converges for polynomial
decoders; that of log p is asymptotic in general: stop at its smallest term.
"""

from dataclasses import dataclass
from typing import Any

from .encoder import elbo_coefficients, optimum
from .likelihood import ldl, log_likelihood_coefficients
from .truncated import Part, Series, add_multiple


@dataclass(frozen=True, eq=False)
class GapSeries:
    """Coefficients in eps; entry n - 1 of the first three tuples belongs to eps^n.

    `mean[k]` and `variance[k]` hold the series mu_k and w_k of the optimal encoder from eps^0 on:
    mu* = g + eps mu(eps), sigma*^2 = eps w(eps). `twice_contrast_exp` is exp(2 c) = prod_k M_kk / det M.
    """

    log_likelihood: tuple[Any, ...]
    elbo: tuple[Any, ...]
    gap: tuple[Any, ...]
    mean: tuple[tuple[Any, ...], ...]
    variance: tuple[tuple[Any, ...], ...]
    twice_contrast_exp: Any


def gap_series(potential: Series, log_prior: Series, order: int) -> GapSeries:
    """The coefficients to eps^order from the series at g of V (degree >= 2 order + 2) and ell (>= 2 order).

    The constant and linear parts of V are taken to be what they are at a minimum: irrelevant and zero.
    """
    if order < 1 or potential.degree < 2 * order + 2 or log_prior.degree < 2 * order:
        raise ValueError(
            f"order {order} needs order >= 1 and series of degree {2 * order + 2} (V) and {2 * order} (ell), "
            f"got {potential.degree} and {log_prior.degree}"
        )
    hessian = _hessian(potential)
    lower, pivots = ldl(hessian)
    graded = _graded(potential, log_prior, order)
    likelihood = log_likelihood_coefficients(graded, lower, pivots, order)
    mean, variance = optimum(graded, hessian, order // 2)
    elbo = elbo_coefficients(graded, hessian, mean, variance, order)
    ratio = potential.ring.rational(1, 1)
    for k, pivot in enumerate(pivots):
        ratio = ratio * hessian[k][k] / pivot
    gap = tuple(left - right for left, right in zip(likelihood, elbo, strict=True))
    return GapSeries(likelihood, elbo, gap, _coefficients(mean), _coefficients(variance), ratio)


def encoder_series(potential: Series, log_prior: Series, order: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The full series (mu, w) of the optimal encoder to eps^order, without the 2n+1 shortcut."""
    mean, variance = optimum(_graded(potential, log_prior, order + 1), _hessian(potential), order)
    return _coefficients(mean), _coefficients(variance)


def _graded(potential: Series, log_prior: Series, order: int) -> Series:
    """The parts P_n as one series: entry n holds P_n = -V_{n+2} + ell_n, n = 1 .. 2 order; entry 0 is empty.

    Part n of this container has degrees n and n + 2, so it is a grading by h and not by degree.
    """
    parts: list[Part] = [{}]
    for n in range(1, 2 * order + 1):
        part: Part = {}
        if n + 2 <= potential.degree:
            add_multiple(part, potential.parts[n + 2], -1)
        add_multiple(part, log_prior.parts[n], 1)
        parts.append(part)
    return potential.like(parts)


def _hessian(potential: Series) -> list[list[Any]]:
    count, zero = potential.variables, potential.ring.rational(0, 1)
    matrix = [[zero] * count for _ in range(count)]
    for i in range(count):
        for j in range(count):
            exponents = [0] * count
            exponents[i] += 1
            exponents[j] += 1
            value = potential.coefficient(*exponents)
            matrix[i][j] = value * 2 if i == j else value
    return matrix


def _coefficients(series: list[Series]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(entry.coefficient(n) for n in range(entry.degree + 1)) for entry in series)
