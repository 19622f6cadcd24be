"""J(h) = int exp(-U(x; h)) dx as a Taylor model in eps = h^2, for every eps of (0, eps0].

For |x|_oo <= r/h, Taylor's theorem in h about 0 gives, with E_k(xi; x) = (1/k!) (d/dxi)^k exp(-U(x; xi)),

    exp(-U(x; h)) = sum_{k<m} E_k(0; x) h^k + h^m int_0^1 m (1 - s)^(m-1) E_m(s h; x) ds.

The E_k(0; x) are polynomials times exp(-x'Rx/2), odd in x for odd k: exact Gaussian moments. The integral of |E_m| over
x is bounded for xi on pieces of [0, h0] by a sum over boxes; the s-integral weighs the small xi most. Elsewhere
exp(-U) <= exp(|g|^2/2 - theta/2 x'Rx) or exp(-theta B^2/(2 eps)) times the prior. Notation of `small_noise`.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import no_type_check

from flint import arb, arb_mat, arb_poly, arb_series, ctx, fmpq

from ..balls import interval, square
from ..maximiser import EnclosureError
from .eps_model import EpsModel
from .integrals import normal_tail
from .landscape import balls_of, halves, quadratic
from .quadrature import Box
from .rays import along_ray, exponential, from_the_point, gaussian_mean
from .small_noise import Ground

NOISE_CUTS = (fmpq(0), fmpq(1, 8), fmpq(1, 4), fmpq(1, 2), fmpq(1))
"""Where [0, h0] is cut."""
REFINEMENTS = 2_500
"""Boxes that are cut on each piece of [0, h0]."""
FARTHEST = 40
NEGLIGIBLE = fmpq(1, 1000)


@no_type_check
def potential_terms(ground: Ground, x: Sequence[arb], xi: arb) -> list[arb]:
    """[s^k] U(x; xi + s) for k = 0, ..., m, for all x and xi of balls, xi >= 0.

    phi(xi + s) is expanded about 0: its Taylor coefficients there to order m - 1, and the m-th on [0, xi].
    """
    m, instance = ground.derivatives, ground.instance
    at_zero = from_the_point(instance, [x], m + 1)
    at_zero[2] = quadratic(ground.matrix, x) / 2
    whole = interval(0, xi.upper())
    last = along_ray(instance, [whole * entry for entry in x], x, m + 2)[m + 2]
    phi = [*at_zero[2:], last]
    terms = arb_poly(phi)(arb_poly([xi, 1])).coeffs()
    terms += [arb(0)] * (m + 1 - len(terms))
    moves = [arb(scale) * entry for scale, entry in zip(instance.scale, x, strict=True)]
    slope = sum((arb(g) * move for g, move in zip(instance.point, moves, strict=True)), arb(0))
    length = sum((square(move) for move in moves), arb(0))
    terms[0] += xi * slope + square(xi) * length / 2
    terms[1] += slope + xi * length
    terms[2] += length / 2
    return terms


@no_type_check
def derivative_size(ground: Ground, box: Box, xi: arb) -> arb:
    """An upper bound of |E_m(xi; x)| for x in a box and xi in a ball."""
    first, *rest = potential_terms(ground, balls_of(box), xi)
    last = arb_series([arb(0), *(-term for term in rest)], len(rest) + 1).exp()[len(rest)]
    return ((-first).exp() * abs(last)).upper()


@no_type_check
def summed(ground: Ground, width: fmpq, xi: arb, farthest: arb, refinements: int) -> arb:
    """A bound of int |E_m(xi; x)| dx over |x|_oo <= min(width, r/xi): the boxes that contribute most are cut first."""
    count = 0

    def entry(box: Box) -> tuple[float, int, Box, arb]:
        nonlocal count
        count += 1
        area, near = arb(1), fmpq(0)
        for low, high in box:
            area *= high - low
            near = max(near, low, -high)
        if arb(near) > farthest:
            return 0.0, count, box, arb(0)
        size = derivative_size(ground, box, xi) * area
        order = float(size.mid()) if size.is_finite() else float("inf")
        return -order, count, box, size

    heap = [entry(((-width, width),) * ground.instance.latents)]
    for _ in range(refinements):
        _, _, box, _ = heapq.heappop(heap)
        for half in halves(box):
            heapq.heappush(heap, entry(half))
    return sum((size for _, _, _, size in heap), arb(0)).upper()


def remainder(ground: Ground, refinements: int = REFINEMENTS) -> arb:
    """A bound of |int int_0^1 m (1 - s)^(m-1) E_m(s h; x) ds dx| for all h <= h0."""
    m, majorant = ground.derivatives, ground.majorants()[-1]
    steepness = arb(ground.barrier.theta) * ground.stiffness
    tail = arb("inf")
    for width in range(8, FARTHEST + 1, 2):
        tail = ground.shift * ground.tail(majorant, steepness, arb(width))
        if tail < NEGLIGIBLE:
            break
    else:
        raise EnclosureError("the likelihood's derivatives in the noise are not bounded far from the point")
    total, largest = arb(0), arb(0)
    for start, end in pairwise(NOISE_CUTS):
        xi = (ground.h0 * start).union(ground.h0 * end)
        farthest = arb(ground.reach) / xi.lower() if start else arb("inf")
        # For smaller h the weight moves to smaller xi: with bounds that grow with xi, h0 is the worst.
        largest = largest.max(summed(ground, fmpq(width), xi, farthest, refinements) + tail)
        total += largest * ((1 - start) ** m - (1 - end) ** m)
    return total.upper()


@no_type_check
def _coefficients(ground: Ground) -> list[arb]:
    """j_2/j_0, j_4/j_0, ..., j_(m-2)/j_0, by a Gauss rule that is exact for polynomials."""
    d, m = ground.instance.latents, ground.derivatives
    factor = _root(ground.covariance, d)

    def terms(u: list[arb]) -> list[arb]:
        x = [sum((factor[k][j] * u[j] for j in range(d)), arb(0)) for k in range(d)]
        found = exponential([-term for term in potential_terms(ground, x, arb(0))])
        return [found[k] for k in range(2, m, 2)]

    return gaussian_mean(terms, d, 3 * (m - 2))


@no_type_check
def _root(matrix: arb_mat, size: int) -> list[list[arb]]:
    """L with L L' = matrix, lower triangular, 1 x 1 or 2 x 2."""
    first = matrix[0, 0].sqrt()
    if size == 1:
        return [[first]]
    side = matrix[1, 0] / first
    return [[first, arb(0)], [side, (matrix[1, 1] - side**2).sqrt()]]


def _outside(ground: Ground) -> arb:
    """A bound of what |x|_oo > r/h contributes, divided by h^m, for all h <= h0: of exp(-U) and of the terms kept."""
    m, d, theta, h = ground.derivatives, ground.instance.latents, arb(ground.barrier.theta), ground.h0
    limit, determinant = arb(ground.reach) / h, arb_mat(ground.matrix).det()
    mass = (2 * arb.pi() / theta) ** (arb(d) / 2) / determinant.sqrt()
    near = arb(0)
    for k in range(d):
        inner = limit * (theta / ground.covariance[k, k]).sqrt()
        ground.flat(inner * inner)
        near += 2 * normal_tail(inner)
    far = theta * arb(ground.barrier.reach) ** 2 / (2 * ground.eps0)
    ground.flat(2 * far - d)
    spread = arb(1)
    for scale in ground.instance.scale:
        spread *= (2 * arb.pi()).sqrt() / (h * scale)
    total = ground.shift * (near * mass + (-far).exp() * spread)
    kept = arb_poly([0])
    for k, majorant in enumerate(ground.majorants()[: m - 1 : 2]):
        kept += majorant * h ** (2 * k)
    ground.flat(ground.stiffness * limit * limit - (kept.degree() + d))
    return ((total + ground.tail(kept, ground.stiffness, limit)) / h**m).upper()


def likelihood_model(ground: Ground, refinements: int = REFINEMENTS) -> EpsModel:
    """log(J/j_0), j_0 = (2 pi)^(d/2)/sqrt(det R), for every eps of (0, eps0]."""
    d = ground.instance.latents
    first = (2 * arb.pi()) ** (arb(d) / 2) / arb_mat(ground.matrix).det().sqrt()
    left = (remainder(ground, refinements) + _outside(ground)) / first
    kept = (arb(0), *_coefficients(ground))
    return EpsModel(kept, left.union(-left), ground.eps0).log1p()
