"""Enclosures of I(eps) = int exp(-kappa u^2/2) w(g_d + h u; eps) du and its derivatives in eps, for the shear class.

h = sqrt(eps) makes d/deps of the integrand singular, but integration by parts removes that:

    d/deps int exp(-kappa u^2/2) w(g + h u; eps) du = int exp(-kappa u^2/2) (D w)(g + h u; eps) du,
    D = d_zz / (2 kappa) + d_eps.

With w = exp(phi), D(w q) = w [ (q_zz + 2 q_z phi_z + q (phi_zz + phi_z^2)) / (2 kappa) + q_eps + q phi_eps ],
so all derivatives are w times a polynomial in z. eps may be a ball, also one that contains 0. The integral
over |u| <= U is Arb's rigorous quadrature; the tails are bounded by incomplete Gamma functions, since
0 < w <= 1. Claim `enclosure`.
"""

from functools import partial
from typing import no_type_check

from flint import acb, acb_poly, arb, arb_poly, ctx, fmpq, fmpq_mat

from .shear import HALF, ShearInstance, response

# Polynomials in z as Taylor coefficients in tau, eps -> eps + tau.
Expansion = list[arb_poly]


def _log_weight(instance: ShearInstance, eps: arb, order: int) -> Expansion:
    """phi(z; eps + tau) = -z^2/2 - c'R(eps + tau)c/2 as polynomials in z, to tau^order."""
    means = [arb_poly(polynomial) for polynomial in instance.conditional_mean]
    result = []
    for n, matrix in enumerate(response(instance, eps, order)):
        total = arb_poly([0, 0, -HALF]) if n == 0 else arb_poly([0])
        for a, left in enumerate(means):
            for b, right in enumerate(means):
                total -= left * right * (matrix[a][b] * HALF)
        result.append(total)
    return result


def _multiplied(left: Expansion, right: Expansion) -> Expansion:
    length = min(len(left), len(right))
    return [sum((left[i] * right[n - i] for i in range(n + 1)), arb_poly([0])) for n in range(length)]


def _raised(phi: Expansion, factor: Expansion, curvature: fmpq) -> Expansion:
    """The polynomial factor of D(w q): one order of tau shorter than that of q."""
    length = len(factor) - 1
    slope = [term.derivative() for term in phi]
    rate = [
        (bend.derivative() + square) * arb(1 / (2 * curvature)) + phi[n + 1] * (n + 1)
        for n, (bend, square) in enumerate(zip(slope[:length], _multiplied(slope, slope)[:length], strict=True))
    ]
    first = [term.derivative() for term in factor]
    crossed = _multiplied(first, slope)
    grown = _multiplied(factor, rate)
    return [
        (first[n].derivative() + 2 * crossed[n]) * arb(1 / (2 * curvature)) + factor[n + 1] * (n + 1) + grown[n]
        for n in range(length)
    ]


def _tail(factor: arb_poly, curvature: fmpq, limit: arb) -> arb:
    """A bound of int_{|u| > U} exp(-kappa u^2/2) |q(u)| du, through int_U^oo u^k exp(-kappa u^2/2) du."""
    total, scale, start = arb(0), arb(2 / curvature), arb(curvature) * limit * limit / 2
    for k, coefficient in enumerate(factor.coeffs()):
        exponent = arb(fmpq(k + 1, 2))
        total += abs(coefficient) * scale**exponent * start.gamma_upper(exponent)
    return total


def likelihood_integrals(instance: ShearInstance, eps: arb, h: arb, order: int, accuracy: int) -> list[arb]:
    """[I, I', ..., I^(order)](eps) for a ball eps and h its square root; about `accuracy` bits where eps is exact.

    The square root is passed apart: for a ball that contains 0 it must be built from the end points.
    """
    curvature = instance.curvature
    phi = _log_weight(instance, eps, order)
    factors: list[Expansion] = [[arb_poly([1])] + [arb_poly([0])] * order]
    for _ in range(order):
        factors.append(_raised(phi, factors[-1], curvature))
    path = arb_poly([arb(instance.driver), h])
    exponent = phi[0](path) - arb_poly([0, 0, arb(curvature) * HALF])
    # Beyond U the Gaussian weight is below 2^-accuracy; rounding U up is harmless.
    limit = (arb(2 * accuracy) / arb(curvature)).sqrt().ceil().mid() + 1
    complex_exponent, tolerance = acb_poly(exponent), arb(2) ** (-accuracy)
    values = []
    for factor in factors:
        polynomial = factor[0](path)
        integrand = partial(_weighted, complex_exponent, acb_poly(polynomial))
        body = acb.integral(integrand, acb(-limit), acb(limit), rel_tol=tolerance, abs_tol=tolerance)
        tail = _tail(polynomial, curvature, limit)
        values.append(body.real + tail.neg().union(tail))
    return values


@no_type_check
def _weighted(exponent: acb_poly, factor: acb_poly, u: acb, _: bool) -> acb:
    return acb(exponent(u)).exp() * factor(u)


def log_likelihood(instance: ShearInstance, eps: fmpq) -> arb:
    """log p_eps(x) at a rational eps > 0, to about the working precision.

    log I + log(eps)/2 - d/2 log(2 pi eps) - 1/2 log det(I + G/eps) - 1/2 log(2 pi): see `shear`.
    """
    ball, size = arb(eps), instance.dimension
    integral = likelihood_integrals(instance, ball, ball.sqrt(), 0, ctx.prec)[0]
    total = integral.log() + ball.log() / 2 - size * (2 * arb.pi() * ball).log() / 2 - (2 * arb.pi()).log() / 2
    return total - _log_det_ratio(instance, eps) / 2


def _log_det_ratio(instance: ShearInstance, eps: fmpq) -> arb:
    """log det(I + G/eps), from the exact determinant."""
    size = instance.dimension - 1
    entries = [instance.block[a][b] / eps + (1 if a == b else 0) for a in range(size) for b in range(size)]
    return arb(fmpq_mat(size, size, entries).det()).log()
