"""Truncated power series in d variables over any ring.

A series of degree N in t = (t_1, ..., t_d) is kept by its homogeneous parts: part n maps an exponent alpha
with |alpha| = n to the coefficient of t^alpha. Exponents are packed into one integer, 8 bits a variable, so
that the product of monomials is a sum of integers. Products drop everything above degree N. The
coefficients may be rationals, floats, multi-precision numbers or balls (`series_ring.Ring`); nothing here
divides by a coefficient. Elementary functions of a series are in `functions`. Source: claim higher-orders.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

from .ring import Ring

BITS = 8
LARGEST_DEGREE = 2**BITS - 1

Part = dict[int, Any]
Exponents = tuple[int, ...]


def pack(exponents: Sequence[int]) -> int:
    """The integer key of a monomial: sum_k alpha_k 2^(8k)."""
    return sum(power << (BITS * k) for k, power in enumerate(exponents))


def unpack(key: int, count: int) -> Exponents:
    """The exponents (alpha_1, ..., alpha_d) of a packed monomial, d = count."""
    return tuple((key >> (BITS * k)) & LARGEST_DEGREE for k in range(count))


# Run-time type checks of every ring operation would cost ten times the operation: the tests leave these out.
@no_type_check
def add_product(target: Part, left: Part, right: Part) -> None:
    """target += left * right for homogeneous parts, in place."""
    for left_key, left_value in left.items():
        for right_key, right_value in right.items():
            key = left_key + right_key
            product = left_value * right_value
            target[key] = target[key] + product if key in target else product


@no_type_check
def add_multiple(target: Part, part: Part, factor: Any) -> None:
    """target += factor * part, in place."""
    for key, value in part.items():
        product = value * factor
        target[key] = target[key] + product if key in target else product


@no_type_check
@dataclass(frozen=True, eq=False)
class Series:
    """A power series in `variables` variables, truncated above total degree len(parts) - 1."""

    ring: Ring
    variables: int
    parts: tuple[Part, ...]

    @property
    def degree(self) -> int:
        """The total degree N above which terms are dropped."""
        return len(self.parts) - 1

    @property
    def constant(self) -> Any:
        """The coefficient of t^0."""
        return self.parts[0][0] if 0 in self.parts[0] else self.ring.rational(0, 1)

    def coefficient(self, *exponents: int) -> Any:
        """The coefficient of t^alpha for alpha = exponents (d of them); zero where no term is stored."""
        if len(exponents) != self.variables or sum(exponents) > self.degree:
            raise ValueError(
                f"no such coefficient: expected {self.variables} exponents of sum at most {self.degree}, "
                f"got {exponents}"
            )
        return self.parts[sum(exponents)].get(pack(exponents), self.ring.rational(0, 1))

    def terms(self) -> Iterator[tuple[Exponents, Any]]:
        """All stored terms (exponents, coefficient), by rising degree."""
        for part in self.parts:
            for key, value in part.items():
                yield unpack(key, self.variables), value

    def like(self, parts: Sequence[Part]) -> "Series":
        """A series over the same ring and variables with the given parts."""
        return Series(self.ring, self.variables, tuple(parts))

    def lift(self, constant: Any) -> "Series":
        """The constant series of an element of the ring or a Python integer."""
        element = self.ring.rational(constant, 1) if isinstance(constant, int) else constant
        return self.like([{0: element}] + [{} for _ in range(self.degree)])

    def without_constant(self) -> "Series":
        """The series minus its constant term, exactly (a ball's width is not kept)."""
        return self.like([{}, *self.parts[1:]])

    def __add__(self, other: Any) -> "Series":
        addend = other if isinstance(other, Series) else self.lift(other)
        parts = [dict(part) for part in self.parts]
        for target, part in zip(parts, addend.parts, strict=True):
            for key, value in part.items():
                target[key] = target[key] + value if key in target else value
        return self.like(parts)

    __radd__ = __add__

    def __neg__(self) -> "Series":
        return self.like([{key: -value for key, value in part.items()} for part in self.parts])

    def __sub__(self, other: Any) -> "Series":
        return self + (-other)

    def __rsub__(self, other: Any) -> "Series":
        return (-self) + other

    def __mul__(self, other: Any) -> "Series":
        if not isinstance(other, Series):
            return self.like([{key: value * other for key, value in part.items()} for part in self.parts])
        return self.like([self.product_part(other, n) for n in range(self.degree + 1)])

    __rmul__ = __mul__

    def product_part(self, other: "Series", n: int) -> Part:
        """Part n of the product of two series."""
        part: Part = {}
        for i in range(n + 1):
            add_product(part, self.parts[i], other.parts[n - i])
        return part

    def compose(self, arguments: Sequence["Series"]) -> "Series":
        """The series with t_k replaced by `arguments[k]`, which must have no constant term."""
        if len(arguments) != self.variables or any(argument.parts[0] for argument in arguments):
            raise ValueError(
                f"cannot compose: expected {self.variables} series without constant term, "
                f"got {len(arguments)} arguments"
            )
        one = arguments[0].lift(1)
        powers = [[one] for _ in arguments]
        for table, argument in zip(powers, arguments, strict=True):
            while len(table) <= self.degree:
                table.append(table[-1] * argument)
        total = arguments[0].lift(0)
        for exponents, value in self.terms():
            product = one
            for table, power in zip(powers, exponents, strict=True):
                product = product * table[power] if power else product
            total = total + product * value
        return total


def variables(ring: Ring, point: Sequence[Any], degree: int) -> tuple[Series, ...]:
    """The series z_k = point_k + t_k, k = 1..d, truncated at `degree`; the point is in the ring."""
    if not 0 <= degree <= LARGEST_DEGREE:
        raise ValueError(f"degree of a series out of range: expected 0 to {LARGEST_DEGREE}, got {degree}")
    count = len(point)
    one = ring.rational(1, 1)
    return tuple(
        Series(ring, count, ({0: value}, {1 << (BITS * k): one}, *({} for _ in range(degree - 1)))[: degree + 1])
        for k, value in enumerate(point)
    )
