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
from typing import no_type_check

from flint import arb, arb_mat, arb_poly, arb_series, ctx, fmpq

from ..balls import dyadic, interval, square
from .eps_model import EpsModel
from .integrals import normal_tail
from .landscape import balls_of, halves, quadratic
from .quadrature import Box
from .rays import along_ray, exponential, from_the_point, gaussian_mean
from .small_noise import Ground, TooWideError

NOISE_PIECES = 8
"""Pieces of [0, h0]."""
ACCURACY = fmpq(1, 1000)
"""By how much the remainder may widen (gap - c)/eps before boxes are no longer cut."""
HOPELESS = 10
"""A piece whose remainder is so many times too large ends the attempt."""
REFINEMENTS = 5_000
"""The most boxes that are cut on one piece."""
GLANCE = 128
"""Cuts between two looks at the sum."""
FARTHEST = 40
NEGLIGIBLE = fmpq(1, 1000)


@no_type_check
def potential_terms(ground: Ground, x: Sequence[arb], xi: arb) -> list[arb]:
    """[s^k] U(x; xi + s) for k = 0, ..., m, for all x and xi of balls, xi >= 0.

    Two enclosures of phi(xi + s) are intersected: its Taylor polynomial about 0 with the m-th coefficient on [0, xi],
    sharp near g, and every coefficient as a hull over [0, xi], sharp where the Taylor series of f are not.
    """
    m, instance = ground.derivatives, ground.instance
    at_zero = from_the_point(instance, [x], m + 1)
    at_zero[2] = quadratic(ground.matrix, x) / 2
    whole = interval(0, xi.upper())
    hulls = along_ray(instance, [whole * entry for entry in x], x, m + 2)[2:]
    shifted = arb_poly([*at_zero[2:], hulls[m]])(arb_poly([xi, 1]))
    terms = [_common(shifted[k], hulls[k]) for k in range(m + 1)]
    moves = [arb(scale) * entry for scale, entry in zip(instance.scale, x, strict=True)]
    slope = sum((arb(g) * move for g, move in zip(instance.point, moves, strict=True)), arb(0))
    length = sum((square(move) for move in moves), arb(0))
    terms[0] += xi * slope + square(xi) * length / 2
    terms[1] += slope + xi * length
    terms[2] += length / 2
    return terms


@no_type_check
def _common(a: arb, b: arb) -> arb:
    """What two balls that hold the same number have in common."""
    if not (a.is_finite() and b.is_finite()):
        return b if b.is_finite() else a
    return a.intersection(b)


@no_type_check
def derivative_size(ground: Ground, box: Box, xi: arb) -> arb:
    """An upper bound of |E_m(xi; x)| for x in a box and xi in a ball, wherever |xi x|_oo <= r."""
    x = balls_of(box)
    first, *rest = potential_terms(ground, x, xi)
    # V >= theta/2 y'Ry where |y|_oo <= r, and the prior's part of U is at least -|g|^2/2.
    grown = quadratic(ground.matrix, x) * ground.barrier.theta / 2 - ground.shift.log()
    first = first.lower().max(grown.lower()) if first.is_finite() else grown.lower()
    last = _last_of_exponential([-term for term in rest])
    return ((-first).exp() * abs(last)).upper()


@no_type_check
def _last_of_exponential(terms: list[arb]) -> arb:
    """[s^m] exp(sum_{k=1}^m terms_k s^k)."""
    size, cap = len(terms) + 1, ctx.cap
    try:
        ctx.cap = size  # beyond the cap python-flint's series end
        return arb_series([arb(0), *terms], size).exp()[len(terms)]
    finally:
        ctx.cap = cap


def _order(size: arb) -> fmpq:
    """A rational to sort by, neither too long nor too small to be written down."""
    least, most = fmpq(1, 2**1000), fmpq(2**1000)
    return dyadic(size.max(arb(least)).min(arb(most))) if size.is_finite() else most


@no_type_check
def summed(ground: Ground, width: fmpq, xi: arb, farthest: arb, goal: arb) -> arb:
    """A bound of int |E_m(xi; x)| dx over |x|_oo <= min(width, r/xi): the boxes that contribute most are cut first.

    It stops when the bound is below the goal, or after REFINEMENTS cuts.
    """
    count = 0

    def entry(box: Box) -> tuple[fmpq, int, Box, arb]:
        nonlocal count
        count += 1
        area, near = arb(1), fmpq(0)
        for low, high in box:
            area *= high - low
            near = max(near, low, -high)
        if arb(near) > farthest:
            return fmpq(0), count, box, arb(0)
        size = derivative_size(ground, box, xi) * area
        return -_order(size), count, box, size

    heap = [entry(((-width, width),) * ground.instance.latents)]
    for step in range(REFINEMENTS):
        if step % GLANCE == 0 and sum((size for _, _, _, size in heap), arb(0)) < goal:
            break
        _, _, box, _ = heapq.heappop(heap)
        for half in halves(box):
            heapq.heappush(heap, entry(half))
    return sum((size for _, _, _, size in heap), arb(0)).upper()


def remainder(ground: Ground, accuracy: arb) -> arb:
    """A bound of |int int_0^1 m (1 - s)^(m-1) E_m(s h; x) ds dx| for all h <= h0, about as good as `accuracy`."""
    m, majorant = ground.derivatives, ground.majorants()[-1]
    steepness = arb(ground.barrier.theta) * ground.stiffness
    tail = arb("inf")
    for width in range(8, FARTHEST + 1, 2):
        tail = ground.shift * ground.tail(majorant, steepness, arb(width))
        if tail < NEGLIGIBLE:
            break
    else:
        raise TooWideError("the likelihood's derivatives in the noise are not bounded far from the point")
    bounds, weights = [], []
    for k in reversed(range(NOISE_PIECES)):
        start, end = fmpq(k, NOISE_PIECES), fmpq(k + 1, NOISE_PIECES)
        weights.append((1 - start) ** m - (1 - end) ** m)
        xi = (ground.h0 * start).union(ground.h0 * end)
        farthest = arb(ground.reach) / xi.lower() if k else arb("inf")
        bounds.append(tail + summed(ground, fmpq(width), xi, farthest, accuracy / (NOISE_PIECES * weights[-1])))
        if bounds[-1] * weights[-1] > HOPELESS * accuracy:
            raise TooWideError(
                f"the remainder of the likelihood is too large for sqrt(eps) in ({start}, {end}] sqrt({ground.eps0}), "
                f"after {ground.order} powers of eps and {REFINEMENTS} cuts"
            )
    total, largest = arb(0), arb(0)
    # For smaller h the weight moves to smaller xi: with bounds that grow with xi, h0 is the worst.
    for bound, weight in zip(reversed(bounds), reversed(weights), strict=True):
        largest = largest.max(bound)
        total += largest * weight
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


def likelihood_model(ground: Ground) -> EpsModel:
    """log(J/j_0), j_0 = (2 pi)^(d/2)/sqrt(det R), for every eps of (0, eps0]."""
    d = ground.instance.latents
    first = (2 * arb.pi()) ** (arb(d) / 2) / arb_mat(ground.matrix).det().sqrt()
    wanted = first * ACCURACY / arb(ground.eps0) ** ground.order
    left = (remainder(ground, wanted) + _outside(ground)) / first
    kept = (arb(0), *_coefficients(ground))
    return EpsModel(kept, left.union(-left), ground.eps0).log1p()
