"""Ranges over the whole real line, and how fast a formula grows: what the checker needs about infinity.

A `Line` is [low, high] with infinite ends allowed. A `Growth` of an expression e over all z in R^d holds its range,
a bound |e| <= C exp(b.|z|) and, where there is one, a bound |e| <= a + b.|z|.
"""

from dataclasses import dataclass
from typing import no_type_check

from flint import arb

from .reading import CertificateError

INFINITY = arb("inf")


@no_type_check
@dataclass(frozen=True)
class Line:
    """The reals from low to high."""

    low: arb
    high: arb

    @staticmethod
    def around(ends: list[arb]) -> "Line":
        """The smallest line that holds the ends; the whole line if one of them is not a number."""
        if any(end.is_nan() for end in ends):
            return Line(-INFINITY, INFINITY)
        low, high = ends[0].lower(), ends[0].upper()
        for end in ends[1:]:
            # Ends are exact or infinite: they can be compared.
            low = low if low <= end.lower() else end.lower()
            high = high if high >= end.upper() else end.upper()
        return Line(low, high)

    def __add__(self, other):
        return Line.around([self.low + other.low, self.high + other.high])

    def __mul__(self, other):
        products = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        if any(product.is_nan() for product in products):
            # 0 times infinity: the factor that is 0 is an end of its range, and contributes 0.
            ends = ((a, b) for a in (self.low, self.high) for b in (other.low, other.high))
            products = [arb(0) if a == 0 or b == 0 else a * b for a, b in ends]
        return Line.around(products)

    def inverse(self):
        """1/x."""
        if self.low > 0 or self.high < 0:
            return Line.around([1 / self.high, 1 / self.low])
        return Line(-INFINITY, INFINITY)

    def power(self, n):
        """x^n for n >= 1."""
        ends = [self._raised(end, n) for end in (self.low, self.high)]
        return Line(arb(0), Line.around(ends).high) if n % 2 == 0 and self.low < 0 < self.high else Line.around(ends)

    @staticmethod
    def _raised(end, n):
        # Arb raises positive infinities only.
        size = abs(end) ** n
        return -size if end < 0 and n % 2 else size

    def image(self, name):
        """The range of an elementary function on the line."""
        if name in ("sin", "cos"):
            finite = self.low.is_finite() and self.high.is_finite()
            value = getattr(self.low.union(self.high), name)() if finite else arb(0, 1)
            return Line(value.lower().max(arb(-1)), value.upper().min(arb(1)))
        if name == "cosh":
            far = -self.low if -self.low > self.high else self.high
            near = self.low if self.low > 0 else -self.high if self.high < 0 else arb(0)
            return Line(near.cosh().lower(), far.cosh().upper() if far.is_finite() else INFINITY)
        if (name == "log" and not self.low > 0) or (name == "sqrt" and not self.low >= 0) or name == "tan":
            return Line(-INFINITY, INFINITY)
        limits = {
            "exp": (arb(0), INFINITY),
            "tanh": (arb(-1), arb(1)),
            "erf": (arb(-1), arb(1)),
            "atan": (arb(-2), arb(2)),
        }
        least, most = limits.get(name, (-INFINITY, INFINITY))
        low = getattr(self.low, name)() if self.low.is_finite() else least
        high = getattr(self.high, name)() if self.high.is_finite() else most
        return Line.around([low, high])


@no_type_check
@dataclass(frozen=True)
class Growth:
    """The range of an expression over R^d, |e| <= factor exp(rates.|z|), and (a, b) of |e| <= a + b.|z|, or None."""

    line: Line
    factor: arb
    rates: tuple[arb, ...]
    affine: tuple[arb, tuple[arb, ...]] | None

    @staticmethod
    def number(value, latents):
        """A constant."""
        size, flat = abs(value).upper(), (arb(0),) * latents
        return Growth(Line(value.lower(), value.upper()), size, flat, (size, flat))

    @staticmethod
    def latent(k, latents):
        """z_k: |z| <= exp|z|."""
        rates = tuple(arb(1 if j == k else 0) for j in range(latents))
        return Growth(Line(-INFINITY, INFINITY), arb(1), rates, (arb(0), rates))

    def settled(self):
        """A constant bound where the range is finite."""
        size = (-self.line.low).max(self.line.high).upper() if self.line.low.is_finite() else INFINITY
        if not size.is_finite():
            return self
        flat = (arb(0),) * len(self.rates)
        return Growth(self.line, size, flat, (size, flat))

    def __add__(self, other):
        rates = tuple(a.max(b) for a, b in zip(self.rates, other.rates, strict=True))
        affine = None
        if self.affine and other.affine:
            slopes = tuple(a + b for a, b in zip(self.affine[1], other.affine[1], strict=True))
            affine = (self.affine[0] + other.affine[0], slopes)
        return Growth(self.line + other.line, self.factor + other.factor, rates, affine).settled()

    def __mul__(self, other):
        rates = tuple(a + b for a, b in zip(self.rates, other.rates, strict=True))
        affine = None
        for constant, varying in ((self, other), (other, self)):
            if varying.affine and all(rate == 0 for rate in constant.rates):
                start, slopes = varying.affine
                affine = (start * constant.factor, tuple(slope * constant.factor for slope in slopes))
        return Growth(self.line * other.line, self.factor * other.factor, rates, affine).settled()

    def inverse(self):
        """1/e, for e bounded away from 0."""
        line = self.line.inverse()
        return Growth(line, INFINITY, self.rates, None).settled().known()

    def power(self, n):
        """e^n for n >= 1."""
        result = self
        for _ in range(n - 1):
            result = result * self
        return Growth(self.line.power(n), result.factor, result.rates, result.affine).settled()

    def image(self, name):
        """An elementary function of e."""
        line = self.line.image(name)
        found = Growth(line, INFINITY, self.rates, None).settled()
        if found.factor.is_finite():
            return found
        if name in ("exp", "sinh", "cosh") and self.affine:
            return Growth(line, self.affine[0].exp(), self.affine[1], None)
        if name == "asinh":
            return Growth(line, self.factor, self.rates, self.affine)
        if name == "log" and self.line.low > 0:
            start = abs(self.line.low.log()) + self.factor.max(arb(1)).log()
            return Growth(line, start.max(arb(1)) * 2, self.rates, (start, self.rates))
        if name == "sqrt" and self.line.low >= 0:
            affine = (self.affine[0] + 1, self.affine[1]) if self.affine else None
            return Growth(line, self.factor + 1, self.rates, affine)
        return found.known()

    def known(self):
        """This bound, if it is one."""
        if not self.factor.is_finite():
            raise CertificateError("a formula whose growth is not known: nothing can be proved about its tails")
        return self
