"""Polynomials in eps with a remainder that holds for every eps of (0, eps0]: Taylor models of one small variable.

A model stands for all functions a_0 + a_1 eps + ... + a_n eps^n + rho(eps) eps^(n+1) with rho(eps) in a ball.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

from flint import arb, fmpq

from ..balls import hull, interval
from .small_noise import TooWideError

RANGE_PIECES = 16


@no_type_check
@dataclass(frozen=True)
class EpsModel:
    """The coefficients a_0, ..., a_n, the ball of the remainder and eps0."""

    coefficients: tuple[arb, ...]
    remainder: arb
    eps0: fmpq

    @staticmethod
    def polynomial(values: list[arb], order: int, eps0: fmpq) -> EpsModel:
        """The model of a polynomial of degree at most n + 1 that holds it exactly."""
        padded = [*values, *(arb(0) for _ in range(order + 2 - len(values)))]
        return EpsModel(tuple(padded[: order + 1]), padded[order + 1], eps0)

    def __add__(self, other: EpsModel) -> EpsModel:
        both = zip(self.coefficients, other.coefficients, strict=True)
        return EpsModel(tuple(a + b for a, b in both), self.remainder + other.remainder, self.eps0)

    def __mul__(self, other: EpsModel) -> EpsModel:
        left, right = (*self.coefficients, self.remainder), (*other.coefficients, other.remainder)
        size, eps = len(self.coefficients), interval(0, self.eps0)
        kept, over = [arb(0)] * size, arb(0)
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                if i + j < size:
                    kept[i + j] += a * b
                else:
                    over += a * b * (eps ** (i + j - size) if i + j > size else 1)
        return EpsModel(tuple(kept), over, self.eps0)

    def scaled(self, factor: arb) -> EpsModel:
        """The model times a number."""
        return EpsModel(tuple(a * factor for a in self.coefficients), self.remainder * factor, self.eps0)

    def log1p(self) -> EpsModel:
        """log(1 + u) of a model u with u(0) = 0; TooWideError where |u| may reach 1.

        Beyond u^(n+1)/(n + 1) the series of the logarithm leaves at most |u|^(n+2)/((n + 2)(1 - |u|)).
        """
        order, size = len(self.coefficients) - 1, self.range().abs_upper()
        if self.coefficients[0] != 0 or not size < 1:
            raise TooWideError(f"what remains at eps = {self.eps0} is not bounded well enough for a logarithm")
        total, power = self, self
        for k in range(2, order + 2):
            power = power * self
            total = total + power.scaled(arb(fmpq((-1) ** (k + 1), k)))
        # u = eps * (at most `steep`): what the series leaves out, starting with u^(n+2), is below this.
        steep = self.over_eps().abs_upper()
        left = steep ** (order + 2) * self.eps0 / ((order + 2) * (1 - size))
        return EpsModel(total.coefficients, total.remainder + left.union(-left), self.eps0)

    def range(self) -> arb:
        """A ball that contains every value on (0, eps0]."""
        return hull([self.on(interval(*ends)) for ends in pieces(self.eps0)])

    def over_eps(self) -> arb:
        """A ball that contains u(eps)/eps on (0, eps0], for u(0) = 0."""
        shifted = EpsModel((*self.coefficients[1:], self.remainder), arb(0), self.eps0)
        return shifted.range()

    def on(self, eps: arb) -> arb:
        """A ball that contains every value for the eps of a ball in [0, eps0]."""
        total = self.remainder
        for coefficient in reversed(self.coefficients):
            total = total * eps + coefficient
        return total


def pieces(eps0: fmpq) -> list[tuple[fmpq, fmpq]]:
    """The ends of pieces that cover [0, eps0]."""
    return [(eps0 * fmpq(k, RANGE_PIECES), eps0 * fmpq(k + 1, RANGE_PIECES)) for k in range(RANGE_PIECES)]
