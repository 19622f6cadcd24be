"""Plausible false variants, made by machine: flip a sign, drop a term, change a factor, swap indices, shift an order.

A check that cannot fail proves nothing. `mutations` lists named variants of an expression, `formula_mutations` of an
index formula, `prediction_mutations` of an exported prediction, `step_mutations` of a derivation's step. Variants
that happen to equal the original (a symmetric tensor with its indices swapped) are not listed: each one differs from
it at a point or as a polynomial.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import sympy as sp
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from .algebra.indices import Formula, Term, factors_of
from .predictions import Prediction
from .proof.derivation import Bound, Step, entries
from .proof.zero_test import nonzero_point

# An expression of thousands of terms is sampled: its first, middle and last terms.
TERMS = 3


def differs(one: Any, other: Any) -> bool:
    """Whether two entries are certainly different: as ring elements, or at a random point."""
    if isinstance(one, PolyElement | FracElement):
        return bool(one != other)
    difference = sp.sympify(one) - sp.sympify(other)
    if difference.has(sp.Integral, sp.Derivative, sp.Sum):
        difference = difference.doit()
    return nonzero_point(difference) is not None


def _sampled(items: list[Any]) -> list[tuple[int, Any]]:
    places = range(len(items)) if len(items) <= TERMS else (0, len(items) // 2, len(items) - 1)
    return [(place, items[place]) for place in places]


def mutations(expression: Any) -> dict[str, Any]:
    """Named false variants of a SymPy expression or ring element, each different from it."""
    if isinstance(expression, FracElement):
        denominator = expression.denom
        made = {name: variant / denominator for name, variant in _polynomial(expression.numer)}
    elif isinstance(expression, PolyElement):
        made = dict(_polynomial(expression))
    else:
        made = dict(_expression(sp.sympify(expression)))
    return {name: variant for name, variant in made.items() if differs(variant, expression)}


def plain_mutations(expression: sp.Expr) -> dict[str, sp.Expr]:
    """Named variants of a formula: each term dropped, flipped, doubled and halved, and two symbols exchanged.

    Terms are those of the expression as written (not expanded); none is compared with the original.
    """
    terms = list(sp.Add.make_args(expression))
    made: dict[str, sp.Expr] = {}
    for term in terms:
        shown = str(term)
        if len(terms) > 1:
            made[f"without {shown}"] = expression - term
        made[f"the sign of {shown}"] = expression - 2 * term
        made[f"twice {shown}"] = expression + term
        made[f"half of {shown}"] = expression - term / 2
    symbols = sorted(expression.free_symbols, key=str)
    for one, other in combinations(symbols, 2):
        made[f"{one} and {other} exchanged"] = expression.xreplace({one: other, other: one})
    return made


def _polynomial(element: PolyElement) -> Iterator[tuple[str, Any]]:
    ring = element.ring
    yield "add one", element + 1
    for place, (monomial, coefficient) in _sampled(element.terms()):
        term = ring.from_dict({monomial: coefficient})
        yield f"flip the sign of term {place}", element - 2 * term
        yield f"drop term {place}", element - term
        yield f"double term {place}", element + term
        if ring.gens:
            yield f"shift the order of term {place}", element - term + term * ring.gens[0]
    used = [k for k, powers in enumerate(zip(*element.itermonoms(), strict=True)) if any(powers)] if element else []
    if len(used) > 1:
        first, last = ring.gens[used[0]], ring.gens[used[-1]]
        yield f"swap {first} and {last}", element.compose([(first, last), (last, first)])


def _expression(expression: sp.Expr) -> Iterator[tuple[str, Any]]:
    terms = list(sp.Add.make_args(expression))
    yield "add one", expression + 1
    for place, term in _sampled(terms):
        yield f"flip the sign of term {place}", expression - 2 * term
        yield f"drop term {place}", expression - term
        yield f"double term {place}", expression + term
        symbols = sorted(term.free_symbols, key=str)
        if symbols:
            yield f"shift the order of term {place}", expression - term + term * symbols[0]
    if expression.has(sp.log):
        yield "drop the halves", 2 * expression
    symbols = sorted(expression.free_symbols, key=str)
    if len(symbols) > 1:
        pair = {symbols[0]: symbols[-1], symbols[-1]: symbols[0]}
        yield f"swap {symbols[0]} and {symbols[-1]}", expression.xreplace(pair)
    for base in sorted({str(s).split("_")[0] for s in symbols}):
        transposed = {s: _reversed_index(s) for s in symbols if str(s).split("_")[0] == base}
        if set(transposed.values()) <= set(symbols) and any(a != b for a, b in transposed.items()):
            yield f"swap rows and columns of {base}", expression.xreplace(transposed)


def _reversed_index(symbol: sp.Symbol) -> sp.Symbol:
    base, _, index = str(symbol).partition("_")
    if len(index) != 2:
        return symbol
    return sp.Symbol(f"{base}_{index[::-1]}", **symbol._assumptions_orig)


def formula_mutations(formula: Formula) -> dict[str, Formula]:
    """Variants of an index formula, by term: sign, factor, dropped, two indices of a product exchanged."""
    made: dict[str, Formula] = {}
    for term in formula.terms:
        made[f"flip the sign of {term.name}"] = formula.replace_term(term.name, coefficient=-term.coefficient)
        made[f"double {term.name}"] = formula.replace_term(term.name, coefficient=2 * term.coefficient)
        made[f"halve {term.name}"] = formula.replace_term(term.name, coefficient=term.coefficient / 2)
        if len(formula.terms) > 1:
            made[f"drop {term.name}"] = replace(formula, terms=tuple(t for t in formula.terms if t != term))
        for one, other, product in _exchanged(term):
            made[f"swap indices {one} and {other} in {term.name}"] = formula.replace_term(term.name, product=product)
    return made


def _exchanged(term: Term) -> Iterator[tuple[str, str, str]]:
    """Exchange the last index of a factor with that of a later one, at the first place where they differ."""
    factors = factors_of(term.product)
    for k, (name, indices) in enumerate(factors[:-1]):
        for later, (other_name, other_indices) in enumerate(factors[k + 1 :], k + 1):
            if indices and other_indices and indices[-1] != other_indices[-1]:
                one, other = indices[-1], other_indices[-1]
                changed = list(factors)
                changed[k] = (name, indices[:-1] + other)
                changed[later] = (other_name, other_indices[:-1] + one)
                yield one, other, " ".join(f"{n}_{i}" if i else n for n, i in changed)
                return


def prediction_mutations(prediction: Prediction) -> dict[str, Prediction]:
    """Variants of a prediction by named term: dropped, flipped, doubled, halved."""
    made: dict[str, Prediction] = {}
    for name in prediction.terms:
        factors = {"flip the sign of": -1, "double": 2, "halve": sp.Rational(1, 2)}
        if len(prediction.terms) > 1:
            factors["drop"] = 0
        for words, factor in factors.items():
            made[f"{words} {name}"] = prediction.with_terms(**{name: factor})
    return made


def _cases(side: Any) -> dict[Any, Any] | None:
    """The cases of a side made of index formulas only, else None."""
    if isinstance(side, Bound):
        return {(): side}
    if isinstance(side, dict) and side and all(isinstance(case, Bound) for case in side.values()):
        return side
    return None


def step_mutations(step: Step, most: int | None = None) -> dict[str, Step]:
    """False variants of a step: of its right side, entry by entry or formula by formula, and of its certificate.

    `most` bounds the number of entries that are mutated (the first ones that are not zero come first). Argued steps
    have none.
    """
    if step.argued:
        return {}
    cases = _cases(step.right)
    if cases is not None:
        return _formula_steps(step, cases, most)
    left, right = dict(entries(step.left)), dict(entries(step.right))
    places = sorted(right, key=lambda place: right[place] == 0)[:most]
    made = {}
    for place in places:
        for name, variant in mutations(right[place]).items():
            made[f"{name} of entry {place}"] = replace(step, left=left, right=right | {place: variant})
    if step.relation == ">=":
        terms = [entry for _, entry in entries(step.certificate)]
        made["drop a term of the certificate"] = replace(step, certificate=tuple(terms[1:]))
        made["flip a term of the certificate"] = replace(step, certificate=(-terms[0], *terms[1:]))
    return {name: variant for name, variant in made.items() if _still_false(step, variant)}


def _still_false(step: Step, variant: Step) -> bool:
    """Dropping or flipping a vanishing certificate term changes nothing and is no mutation."""
    if variant.certificate is step.certificate:
        return True
    before, after = ([entry for _, entry in entries(s.certificate)] for s in (step, variant))
    return differs(sum(before, sp.Integer(0)), sum(after, sp.Integer(0)))


def _formula_steps(step: Step, cases: dict[Any, Bound], most: int | None) -> dict[str, Step]:
    formula = next(iter(cases.values())).formula
    planted = list(formula_mutations(formula).items())
    chosen = list(cases)
    if most is not None:  # the second case: in one dimension exchanged indices change nothing
        planted, chosen = planted[:: max(1, len(planted) // (6 * most))], chosen[:2][-1:]
    single = isinstance(step.right, Bound)
    left = {place: entry for place, entry in entries(step.left) if single or place[0] in chosen}
    truth = dict(entries({case: cases[case] for case in chosen} if not single else step.right))
    made = {}
    for name, variant in planted:
        changed: Any = {case: replace(cases[case], formula=variant) for case in chosen}
        try:
            right = dict(entries(changed[()] if single else changed))
        except ValueError:  # the exchanged indices run over different dimensions
            continue
        if any(right[place] != truth[place] for place in truth):
            made[name] = replace(step, left=left, right=right)
    return made
