r"""Polynomials in a Gaussian vector and their exact expectations (Isserlis).

Everything lives in one SymPy polynomial ring over Q whose generators are the entries of the tensors
involved and the vector u. A series in h is the list of its coefficients, truncated. Expectations are under
u ~ N(0, Q) with Q given by its entries:

    E[u_a u_b ... ] = sum over all pairings of the product of Q's,  E of an odd number of factors = 0.

Source: Isserlis 1918; used by claim general-limit.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.rings import PolyElement, PolyRing

Array = np.ndarray


def in_ring(arrays: Mapping[str, Array]) -> tuple[PolyRing, dict[str, Array]]:
    """A polynomial ring in all symbols that occur in the arrays, and the arrays with entries in that ring.

    Entries may be symbols or numbers (a block-diagonal matrix has zeros).
    """
    symbols = sorted({s for array in arrays.values() for e in array.flat for s in sp.sympify(e).free_symbols}, key=str)
    ring = PolyRing(symbols, sp.QQ)
    images = dict(zip(symbols, ring.gens, strict=True))

    def image(entry: Any) -> PolyElement:
        return images[entry] if entry in images else ring(sp.QQ.from_sympy(sp.sympify(entry)))

    converted = {}
    for name, array in arrays.items():
        converted[name] = np.empty(array.shape, dtype=object)
        for index in np.ndindex(*array.shape):
            converted[name][index] = image(array[index])
    return ring, converted


@cache
def pairings(indices: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """All ways to split the places of `indices` into pairs, as pairs of the indices themselves."""
    if not indices:
        return ((),)
    first, rest = indices[0], indices[1:]
    return tuple(
        ((first, partner), *remaining)
        for k, partner in enumerate(rest)
        for remaining in pairings(rest[:k] + rest[k + 1 :])
    )


class Isserlis:
    """Expectation of polynomials in the ring's generators `u` under N(0, Q), coefficients untouched."""

    def __init__(self, ring: PolyRing, u: Array, covariance: Array) -> None:
        """`u` (d,) are generators of the ring, `covariance` (d, d) elements of it that do not contain u."""
        self.ring = ring
        self.places = [ring.gens.index(generator) for generator in u]
        self.covariance = covariance
        self._moments: dict[tuple[int, ...], PolyElement] = {}

    def moment(self, powers: tuple[int, ...]) -> PolyElement:
        """E[prod u_a^powers_a], by the recursion E[u_a F] = sum_b Q_ab E[d_b F]."""
        if sum(powers) % 2:
            return self.ring.zero
        if not any(powers):
            return self.ring.one
        if powers not in self._moments:
            first = next(a for a, power in enumerate(powers) if power)
            lowered = [power - (a == first) for a, power in enumerate(powers)]
            total = self.ring.zero
            for b, power in enumerate(lowered):
                if power:
                    rest = tuple(p - (a == b) for a, p in enumerate(lowered))
                    total += self.covariance[first, b] * power * self.moment(rest)
            self._moments[powers] = total
        return self._moments[powers]

    def __call__(self, polynomial: PolyElement) -> PolyElement:
        """E[polynomial(u)]."""
        by_powers: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for monomial, coefficient in polynomial.terms():
            powers = tuple(monomial[place] for place in self.places)
            rest = list(monomial)
            for place in self.places:
                rest[place] = 0
            by_powers.setdefault(powers, {})[tuple(rest)] = coefficient
        total = self.ring.zero
        for powers, terms in by_powers.items():
            if sum(powers) % 2 == 0:
                total += self.ring.from_dict(terms) * self.moment(powers)
        return total


def contract(tensor: Array, vector: Array) -> Any:
    """The homogeneous polynomial tensor_abc... v_a v_b v_c ... ."""
    out: Any = tensor
    while isinstance(out, np.ndarray) and out.ndim:
        out = out @ vector
    return out


def series_exp(terms: Sequence[Any], one: Any) -> list[Any]:
    """Coefficients 0..n of exp(sum_k h^k terms[k]) for terms[0] = 0: W_j = (1/j) sum_k k terms[k] W_(j-k)."""
    out = [one]
    for j in range(1, len(terms)):
        total = sum((k * terms[k] * out[j - k] for k in range(2, j + 1)), terms[1] * out[j - 1])
        out.append(total * sp.QQ(1, j))
    return out


def series_log(terms: Sequence[Any]) -> list[Any]:
    """Coefficients 0..n of log(1 + sum_k h^k terms[k]) for terms[0] = 1, inverse to `series_exp`."""
    out = [terms[0] * 0]
    for j in range(1, len(terms)):
        known = sum((k * out[k] * terms[j - k] for k in range(1, j)), terms[0] * 0)
        out.append(terms[j] - known * sp.QQ(1, j))
    return out
