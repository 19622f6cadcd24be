"""What both sides of the gap need for ALL eps of (0, eps0]: one growth bound, a box, sizes of Taylor coefficients.

Write h = sqrt(eps), m = 2 n + 2. J and G are even in h, since U(-x; -h) = U(x; h): their series in h hold even powers
only, and Taylor's theorem in h, the m-th derivative bounded over 0 <= xi <= h, leaves a remainder of order eps^(n+1).
It is taken for the latents with |h x|_oo <= r; what lies outside is bounded by the growth of V and by Gaussian tails,
and is smaller than every power of eps: `Ground.flat` checks that it is largest, relative to h^m, at eps0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

from flint import arb, arb_mat, arb_poly, fmpq

from ..maximiser import EnclosureError
from .instance import Instance
from .landscape import Barrier
from .rays import exponential, taylor_sizes

ORDERS = (5, 4, 3)
"""The n that are tried: powers of eps that are worked out; the rest is bounded."""
SPARE = 10
"""What lies far from the point should be below e^-10 of the powers of h that are bounded."""


class TooWideError(EnclosureError):
    """What is left over is bounded, but not well enough: fewer powers of eps, or a smaller eps0, may do."""


@dataclass(frozen=True)
class Ground:
    """An instance, eps0, the growth bound without help of the prior, and n."""

    instance: Instance
    eps0: fmpq
    barrier: Barrier
    order: int

    @property
    def derivatives(self) -> int:
        """m = 2 n + 2."""
        return 2 * self.order + 2

    @property
    def h0(self) -> arb:
        """sqrt(eps0)."""
        return arb(self.eps0).sqrt()

    @cached_property
    def matrix(self) -> list[list[arb]]:
        """R."""
        return self.instance.correlation()

    @cached_property
    def covariance(self) -> arb_mat:
        """R^-1."""
        return arb_mat(self.matrix).inv()

    @cached_property
    def largest_form(self) -> arb:
        """sum |R_kj|, the largest y'Ry on |y|_oo <= 1."""
        return sum((abs(entry) for row in self.matrix for entry in row), arb(0)).upper()

    @cached_property
    def stiffness(self) -> arb:
        """1/max_k (R^-1)_kk: y'Ry >= this times |y|_oo^2."""
        worst = arb(0)
        for k in range(self.instance.latents):
            worst = worst.max(self.covariance[k, k])
        return (1 / worst).lower()

    @cached_property
    def reach(self) -> fmpq:
        """r: small, but so that e^(-theta stiffness r^2/(2 eps0)) is far below h0^m; y'Ry <= B^2 on |y|_oo <= r.

        There V >= theta/2 y'Ry.
        """
        square, steep = arb(self.barrier.reach) ** 2, arb(self.barrier.theta) * self.stiffness / (2 * self.eps0)
        wanted, best = SPARE - self.h0.log() * self.derivatives, fmpq(0)
        for n in range(1, 65):
            radius = fmpq(n, 16)
            if not self.largest_form * radius**2 <= square:
                break
            best = radius
            if steep * radius**2 > wanted:
                break
        if best == 0:
            raise EnclosureError("the misfit is not proved to grow far enough around the point")
        return best

    @cached_property
    def sizes(self) -> list[arb]:
        """S_p of `taylor_sizes` on |y|_oo <= r, p <= m + 2."""
        found = taylor_sizes(self.instance, self.reach, self.derivatives + 2)
        if not all(size.is_finite() for size in found):
            raise EnclosureError("the decoder's Taylor coefficients are not bounded around the point")
        return found

    @cached_property
    def prior_slopes(self) -> tuple[arb, arb]:
        """sum |tau_k g_k| and sum tau_k^2: the prior's part of U is h g.(tau x) + h^2 |tau x|^2/2."""
        pairs = list(zip(self.instance.scale, self.instance.point, strict=True))
        return sum((abs(arb(t * g)) for t, g in pairs), arb(0)), sum((arb(t * t) for t, _ in pairs), arb(0))

    @cached_property
    def shift(self) -> arb:
        """exp(|g|^2/2), the most by which the prior's part of -U raises exp(-U)."""
        return (sum((arb(g) ** 2 for g in self.instance.point), arb(0)) / 2).exp()

    @no_type_check
    def majorants(self) -> list[arb_poly]:
        """P_0, ..., P_m: |[s^k] exp(-U(x; xi + s) + U(x; xi))| <= P_k(|x|_oo) for 0 <= xi <= h0, |xi x|_oo <= r."""
        linear, square = self.prior_slopes
        parts = [arb_poly([0])]
        for k in range(1, self.derivatives + 1):
            parts.append(arb_poly([0] * (k + 2) + [self.sizes[k + 2]]))
        parts[1] += arb_poly([0, linear, self.h0 * square])
        if self.derivatives > 1:
            parts[2] += arb_poly([0, 0, square / 2])
        return exponential(parts)

    @no_type_check
    def tail(self, polynomial: arb_poly, steepness: arb, start: arb) -> arb:
        """A bound of int P(|x|_oo) exp(-steepness |x|_oo^2/2) dx over |x|_oo >= start, P with coefficients >= 0.

        The faces of the cube |x|_oo = s measure d 2^d s^(d-1).
        """
        d, total = self.instance.latents, arb(0)
        for k, coefficient in enumerate(polynomial.coeffs()):
            half = arb(fmpq(k + d, 2))
            moment = (2 / steepness) ** half / 2 * (steepness * start * start / 2).gamma_upper(half)
            total += coefficient * d * 2**d * moment
        return total.upper()

    def flat(self, exponent: arb) -> None:
        """EnclosureError unless a tail that falls as exp(-integral of exponent/h) falls faster than h^m does.

        `exponent` is a lower bound at eps0 of -d log(tail)/d log(1/h), and grows as h falls.
        """
        if not exponent >= self.derivatives:
            raise EnclosureError("what lies far from the point is not proved to vanish faster than the powers kept")
