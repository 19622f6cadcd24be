"""What is proved about V once, for every eps: how curved it is near g, and that it is not small anywhere else.

In the latents y = h x, z = g + tau y (notation of the package):

    curvature on rings     Hess V(g + tau y) >= l_j I for r_{j-1} <= |y|_oo <= r_j, by branch and bound,
    growth                 V(g + tau y) >= theta/2 min(y'Ry, B^2) for ALL y.

Barrier follows on a box about 0 from Hess V >= theta R (Taylor), on cells from ranges, and beyond a large box from
intervals with infinite ends. Where these do not suffice, a share of the prior at one eps may be added:
V + (eps/4) sum tau_k^2 y_k^2 grows by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import no_type_check

from flint import arb, fmpq

from ..balls import dyadic, interval, square
from .half_lines import Unbounded
from .instance import Instance
from .quadrature import Box

RADII = tuple(fmpq(n, 16) for n in (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 64))
THETAS = tuple(fmpq(n, 10) for n in (5, 6, 4, 7, 3))
REACHES = tuple(fmpq(n, 16) for n in (256, 128, 64, 45, 32, 22, 16, 11, 8, 5, 4, 3, 2))
FARTHEST = (4, 16, 64, 256, 1024)
MAXIMAL_CELLS = 4_000
RING_CELLS = 400
# A lower bound of a curvature that is this close to a sampled value is not refined.
RING_ACCURACY = fmpq(1, 32)


@dataclass(frozen=True)
class Barrier:
    """V(g + tau y) >= theta/2 min(y'Ry, reach^2) for all y; `prior` is the share of the prior used, 0 or 1/2."""

    theta: fmpq
    reach: fmpq
    prior: fmpq


@no_type_check
def least_eigenvalue(matrix: list[list[arb]]) -> arb:
    """A ball that contains the smallest eigenvalue of every symmetric matrix in the balls; 1 x 1 or 2 x 2."""
    if len(matrix) == 1:
        return matrix[0][0]
    half = (matrix[0][0] - matrix[1][1]) / 2
    return (matrix[0][0] + matrix[1][1]) / 2 - (square(half) + square(matrix[0][1])).nonnegative_part().sqrt()


@no_type_check
def balls_of(box: Box) -> list[arb]:
    """The sides of a box as balls."""
    return [interval(low, high) for low, high in box]


@no_type_check
def halves(box: Box) -> list[Box]:
    """The box cut across its longest side."""
    k = max(range(len(box)), key=lambda i: box[i][1] - box[i][0])
    low, high = box[k]
    middle = (low + high) / 2
    return [(*box[:k], part, *box[k + 1 :]) for part in ((low, middle), (middle, high))]


@no_type_check
def centre_of(box: Box) -> list[arb]:
    """The midpoint of a box."""
    return [arb((low + high) / 2) for low, high in box]


def ring(inner: fmpq, outer: fmpq, latents: int) -> list[Box]:
    """Boxes that cover inner <= |y|_oo <= outer."""
    if latents == 1:
        return [((-outer, -inner),), ((inner, outer),)]
    return [
        ((-outer, -inner), (-outer, outer)),
        ((inner, outer), (-outer, outer)),
        ((-inner, inner), (-outer, -inner)),
        ((-inner, inner), (inner, outer)),
    ]


@no_type_check
def ring_curvature(instance: Instance, inner: fmpq, outer: fmpq) -> arb:
    """A lower bound of the smallest eigenvalue of Hess V on a ring, the best that RING_CELLS cells give."""
    stack, settled = ring(inner, outer, instance.latents), arb("inf")
    sampled, left = arb("inf"), RING_CELLS
    while stack:
        box = stack.pop()
        bound = least_eigenvalue(instance.scaled_hessian(balls_of(box))).lower()
        sample = least_eigenvalue(instance.scaled_hessian(centre_of(box))).upper()
        if sample.is_finite():
            sampled = sampled.min(sample)
        left -= 1
        if not bound.is_finite() and left <= 0:
            return arb("-inf")
        if (bound.is_finite() and bound > sampled - RING_ACCURACY) or left <= 0:
            settled = settled.min(bound)
        else:
            stack += halves(box)
    return settled.lower()


@no_type_check
def quadratic(matrix: list[list[arb]], y: Sequence[arb]) -> arb:
    """y'Ry."""
    total = arb(0)
    for k in range(len(y)):
        total += matrix[k][k] * square(y[k])
        for j in range(k):
            total += 2 * matrix[k][j] * (y[k] * y[j])
    return total


def _core(instance: Instance, theta: fmpq, matrix: list[list[arb]]) -> fmpq:
    """The largest of RADII such that Hess V >= theta R on |y|_oo <= radius; 0 if there is none."""
    best = fmpq(0)
    for radius in RADII:
        stack: list[Box] = [((-radius, radius),) * instance.latents]
        left = RING_CELLS
        while stack and left:
            box = stack.pop()
            left -= 1
            found = instance.scaled_hessian(balls_of(box))
            shifted = [
                [a - theta * b for a, b in zip(row, other, strict=True)]
                for row, other in zip(found, matrix, strict=True)
            ]
            if not least_eigenvalue(shifted) > 0:
                stack += halves(box)
        if stack:
            return best
        best = radius
    return best


def grows_at_infinity(instance: Instance, level: arb, beyond: fmpq) -> bool:
    """True if V(g + tau y) > level wherever some |y_k| > beyond, by intervals with infinite ends."""
    sides = (
        Unbounded(None, -arb(beyond)),
        Unbounded(-arb(beyond), arb(beyond)),
        Unbounded(arb(beyond), None),
    )
    for pattern in product((0, 1, 2), repeat=instance.latents):
        if all(choice == 1 for choice in pattern):
            continue
        z = [
            sides[choice] * Unbounded.of(arb(scale)) + Unbounded.of(arb(start))
            for choice, scale, start in zip(pattern, instance.scale, instance.point, strict=True)
        ]
        lower = _unbounded_potential(instance, z).lower
        if lower is None or not lower > level:
            return False
    return True


def _unbounded_potential(instance: Instance, z: list[Unbounded]) -> Unbounded:
    """V - V(g) = sum (f_i - f_i(g) - nu_i)^2/2 - |nu|^2/2, each square once."""
    image, normal = instance.at_point()
    total = Unbounded(arb(0), arb(0))
    for value, at, nu in zip(instance.function(z), image, normal, strict=True):
        square = (value - Unbounded.of(at + nu)).power(2)
        total = total + square * Unbounded.of(arb(fmpq(1, 2))) - Unbounded.of(nu * nu / 2)
    return total


def _above(
    instance: Instance, barrier: Barrier, core: fmpq, half_width: fmpq, matrix: list[list[arb]], extra: arb
) -> bool:
    """V + extra |tau y|^2 >= theta/2 min(y'Ry, reach^2) on |y|_oo <= half_width, given it on |y|_oo <= core."""
    level = arb(barrier.reach) ** 2
    stack: list[Box] = [((-half_width, half_width),) * instance.latents]
    left = MAXIMAL_CELLS
    half = arb(barrier.theta / 2)

    @no_type_check
    def spare(y: list[arb]) -> tuple[arb, arb]:
        value = instance.potential(instance.place(y))
        if extra > 0:
            value += extra * sum(
                (scale * scale * square(entry) for scale, entry in zip(instance.scale, y, strict=True)), arb(0)
            )
        return value, half * quadratic(matrix, y).min(level)

    while stack:
        box = stack.pop()
        left -= 1
        if left <= 0:
            return False
        if all(-core <= low and high <= core for low, high in box):
            continue
        value, claimed = spare(balls_of(box))
        if value.is_finite() and value.lower() >= claimed.upper():
            continue
        value, claimed = spare(centre_of(box))
        inside = all(-core <= dyadic(entry) <= core for entry in centre_of(box))
        if value < claimed and not inside:
            return False
        stack += halves(box)
    return True


def find_barrier(instance: Instance, theta: fmpq, eps: fmpq | None) -> Barrier | None:
    """The growth bound of the largest reach that can be proved for one theta; with the prior's help only at one eps."""
    matrix = instance.correlation()
    core = _core(instance, theta, matrix)
    if core == 0:
        return None
    for reach in REACHES:
        level = arb(theta / 2) * arb(reach) ** 2
        for beyond in FARTHEST:
            if grows_at_infinity(instance, level, fmpq(beyond)):
                barrier = Barrier(theta, reach, fmpq(0))
                if _above(instance, barrier, core, fmpq(beyond), matrix, arb(0)):
                    return barrier
                break
        else:
            if eps is not None:
                least = min(instance.scale)
                # Beyond, the prior's share alone exceeds theta/2 reach^2 + |nu|^2/2, and V >= -|nu|^2/2.
                lift = sum((nu * nu for nu in instance.at_point()[1]), arb(0))
                width = dyadic(((2 * theta * arb(reach) ** 2 + 2 * lift) / eps).sqrt().upper().ceil() / least) + 1
                barrier = Barrier(theta, reach, fmpq(1, 2))
                if _above(instance, barrier, core, width, matrix, arb(eps) / 4):
                    return barrier
    return None


def curvature_rings(instance: Instance) -> tuple[arb, ...]:
    """The lower bounds l_j of the curvature on the rings that end at RADII."""
    return tuple(ring_curvature(instance, inner, outer) for inner, outer in zip((fmpq(0), *RADII), RADII, strict=False))
