"""Index notation: one formula, written once, is printed, evaluated and mutated.

A `Formula` such as ``E1 = -1/8 s_k s_l H_ikk H_ill + ...`` is a sum of named terms, each a rational
coefficient times a product of indexed factors. Every index that does not occur on the left is summed,
however often it occurs (mean-field formulas repeat an index three times, so Einstein's pairs would not do).

The components may be SymPy expressions (predictions), elements of a truncated polynomial ring (derivations)
or numbers: only addition and multiplication are used. Arrays are NumPy arrays of dtype object; nothing is
ever expanded here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from ..notation import latex_name

Array = np.ndarray
_FACTOR = re.compile(r"([A-Za-z]+\d?)(?:_([a-z]+))?")


def factors_of(product: str) -> tuple[tuple[str, str], ...]:
    """Split ``"V3_abc m_c eps"`` into ``(("V3", "abc"), ("m", "c"), ("eps", ""))``.

    Raises ValueError for a factor that is not a name with optional lower-case indices.
    """
    found = []
    for word in product.split():
        match = _FACTOR.fullmatch(word)
        if match is None:
            raise ValueError(f"factor {word!r} is not index notation, expected name_indices such as V3_abc")
        found.append((match[1], match[2] or ""))
    return tuple(found)


def _contracted(arrays: list[Array], subscripts: list[str], free: str) -> Array:
    """The product summed over all indices not in `free`, two factors at a time, smallest intermediate result first.

    NumPy's own optimised path needs numeric arrays; entries here are objects.
    """
    arrays, subscripts = list(arrays), list(subscripts)
    while len(arrays) > 1:

        def kept(pair: tuple[int, int]) -> str:
            needed = set(free).union(*(s for k, s in enumerate(subscripts) if k not in pair))
            return "".join(sorted((set(subscripts[pair[0]]) | set(subscripts[pair[1]])) & needed))

        pairs = [(i, j) for i in range(len(arrays)) for j in range(i + 1, len(arrays))]
        one, other = min(pairs, key=lambda pair: len(kept(pair)))
        out = kept((one, other))
        product = np.einsum(f"{subscripts[one]},{subscripts[other]}->{out}", arrays[one], arrays[other])
        for place in (other, one):
            del arrays[place], subscripts[place]
        arrays.append(np.asarray(product, dtype=object))
        subscripts.append(out)
    return np.asarray(np.einsum(f"{subscripts[0]}->{free}", arrays[0]), dtype=object)


@dataclass(frozen=True)
class Scaled:
    """`array` times `factor`, kept apart: an inverse adj/det divides once a term, not once an entry."""

    array: Array
    factor: Any


@dataclass(frozen=True)
class Term:
    """`coefficient` times the product of indexed factors `product`; false variants refer to `name`."""

    name: str
    coefficient: sp.Rational
    product: str

    def evaluate(self, free: str, components: Mapping[str, Any]) -> Any:
        """The term's components: an object array over the free indices, or a scalar.

        Raises KeyError if a factor has no components and ValueError if the indices do not fit their ranks.
        """
        factors = factors_of(self.product)
        for name, _ in factors:
            if name not in components:
                raise KeyError(f"no components for {name!r} in {self.product!r}, got {sorted(components)}")
        scale: Any = self.coefficient
        arrays = []
        for name, _ in factors:
            component: Any = components[name]
            if isinstance(component, Scaled):
                component, scale = component.array, scale * component.factor
            arrays.append(np.asarray(component, dtype=object))
        value = _contracted(arrays, [indices for _, indices in factors], free)
        return value[()] * scale  # in this order: SymPy would turn the array into its own kind

    def latex(self) -> str:
        """The term as LaTeX, sign included."""
        size = abs(self.coefficient)
        number = "" if size == 1 else sp.latex(size) + " "
        return (
            ("- " if self.coefficient < 0 else "+ ")
            + number
            + r"\,".join(_factor_latex(*factor) for factor in factors_of(self.product))
        )

    def text(self) -> str:
        """The term as plain text, sign included."""
        size = abs(self.coefficient)
        number = "" if size == 1 else f"{size} "
        return ("- " if self.coefficient < 0 else "+ ") + number + self.product


def _factor_latex(name: str, indices: str) -> str:
    base = latex_name(name)
    return f"{{{base}}}_{{{indices}}}" if indices else base


@dataclass(frozen=True)
class Formula:
    """``symbol_free = sum of terms``; `free` are the indices of the left side, all others are summed."""

    symbol: str
    free: str
    terms: tuple[Term, ...]

    def evaluate(self, components: Mapping[str, Any]) -> dict[str, Any]:
        """Each named term's components, in order."""
        return {term.name: term.evaluate(self.free, components) for term in self.terms}

    def total(self, components: Mapping[str, Any]) -> Any:
        """The sum of all terms."""
        values = list(self.evaluate(components).values())
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    def replace_term(self, name: str, **changes: Any) -> "Formula":
        """A copy in which the named term has the given fields replaced; KeyError if there is none."""
        if name not in {term.name for term in self.terms}:
            raise KeyError(f"no term {name!r} in {self.symbol}, expected one of {[t.name for t in self.terms]}")
        return replace(self, terms=tuple(replace(t, **changes) if t.name == name else t for t in self.terms))

    def plus(self, **terms: str) -> "Formula":
        """A copy with further named terms, in the notation of `formula`."""
        return replace(self, terms=(*self.terms, *_read(terms)))

    def latex(self) -> str:
        """``symbol_free = ...`` as LaTeX."""
        right = " ".join(term.latex() for term in self.terms).removeprefix("+ ")
        return f"{self.left_latex()} = {right}"

    def left_latex(self) -> str:
        """The left side with its free indices as LaTeX."""
        return _factor_latex(self.symbol, self.free)

    def text(self) -> str:
        """``symbol_free = ...`` as plain text."""
        left = f"{self.symbol}_{self.free}" if self.free else self.symbol
        return f"{left} = " + " ".join(term.text() for term in self.terms).removeprefix("+ ")


def formula(left: str, **terms: str) -> Formula:
    """Read ``formula("E1", curvature="-1/8 s_k s_l H_ikk H_ill", ...)``; a leading number is the coefficient.

    Raises ValueError when the text is not index notation.
    """
    ((symbol, free),) = factors_of(left)
    return Formula(symbol, free, _read(terms))


def _read(terms: Mapping[str, str]) -> tuple[Term, ...]:
    read = []
    for name, text in terms.items():
        match = re.match(r"\s*([+-]?)\s*(\d+(?:/\d+)?)?\s*(.*)", text)
        assert match is not None  # every part of the pattern is optional
        coefficient = sp.Rational(match[2] or 1) * (-1 if match[1] == "-" else 1)
        factors_of(match[3])
        read.append(Term(name, coefficient, match[3].strip()))
    return tuple(read)
