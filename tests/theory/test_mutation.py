"""Planted errors: every step of every derivation notices wrong signs, factors, indices, orders and missing terms."""

import random
from functools import cache

import numpy as np
import pytest
import sympy as sp
from elbogap.theory.algebra.gaussian_moments import in_ring
from elbogap.theory.algebra.indices import formula
from elbogap.theory.algebra.tensors import independent, symmetric
from elbogap.theory.mutation import differs, formula_mutations, mutations, prediction_mutations, step_mutations
from elbogap.theory.predictions import prediction
from elbogap.theory.proof.derivation import Step, argued, check_step
from elbogap.theory.registry import DERIVATIONS, derivation

X, Y = sp.symbols("x y", real=True)


@cache
def _first_occurrences() -> dict[str, list[tuple[int, Step]]]:
    """The steps of each derivation that no earlier one shares, so that none is planted twice."""
    seen: set[str] = set()
    found: dict[str, list[tuple[int, Step]]] = {}
    for claim in sorted(DERIVATIONS):
        numbered = enumerate(derivation(claim).steps, 1)
        found[claim] = [(number, step) for number, step in numbered if step.rule not in seen]
        seen |= {step.rule for _, step in found[claim]}
    return found


def _survivors(claim: str, most: int | None, sample: int | None) -> list[tuple[int, str, str]]:
    """Planted errors that were not refuted, and steps in which none could be planted."""
    generator = random.Random(claim)
    survivors = []
    for number, step in _first_occurrences()[claim]:
        planted = list(step_mutations(step, most).items())
        if not planted and not step.argued:
            survivors.append((number, "nothing planted", step.rule))
        if sample is not None and len(planted) > sample:
            planted = generator.sample(planted, sample)
        for name, variant in planted:
            status = check_step(variant, number, limit=60).status
            if status != "refuted":
                survivors.append((number, name, status))
    return survivors


@pytest.mark.parametrize("claim", sorted(DERIVATIONS))
def test_a_sample_of_planted_errors_is_caught_in_every_step(claim):
    """Three errors planted in each step of each derivation are refuted."""
    assert _survivors(claim, most=1, sample=3) == []


@pytest.mark.slow
@pytest.mark.parametrize("claim", sorted(DERIVATIONS))
def test_every_planted_error_is_caught(claim):
    """All machine-made errors in all components of all steps are refuted."""
    assert _survivors(claim, most=None, sample=None) == []


def test_expression_mutations_are_named_and_different():
    """Signs, dropped terms, factors, orders and exchanged symbols are all planted, and none equals the original."""
    expression = 3 * X**2 * Y - Y / 2 + sp.log(1 + X**2)
    made = mutations(expression)
    assert {"add one", "flip the sign of term 0", "drop term 1", "double term 0", "swap x and y"} <= set(made)
    assert any(name.startswith("shift the order") for name in made)
    assert all(differs(variant, expression) for variant in made.values())


def test_variants_equal_to_the_original_are_not_planted():
    """Exchanging the symbols of a symmetric expression is no error and is not listed."""
    assert "swap x and y" not in mutations(X**2 + Y**2)
    assert "swap x and y" in mutations(X**2 - Y**2)


def test_rows_and_columns_are_swapped():
    """A quantity of the columns becomes one of the rows."""
    jacobian = independent("J", (2, 2))
    columns = sp.log(jacobian[0, 0] ** 2 + jacobian[1, 0] ** 2)
    rows = sp.log(jacobian[0, 0] ** 2 + jacobian[0, 1] ** 2)
    full = columns + jacobian[0, 1] - jacobian[0, 1]
    assert full == columns
    made = mutations(columns + sp.log(jacobian[0, 1] ** 2 + jacobian[1, 1] ** 2) / 3)
    expected = rows + sp.log(jacobian[1, 0] ** 2 + jacobian[1, 1] ** 2) / 3
    assert not differs(made["swap rows and columns of J"], expected)


def test_formula_mutations_change_the_value():
    """Each variant of an index formula is another formula; exchanged indices are among them."""
    original = formula("q", form="1/2 M_ab u_a v_b", linear="-w_a u_a")
    made = formula_mutations(original)
    assert {"flip the sign of form", "double linear", "halve form", "drop linear"} <= set(made)
    _, known = in_ring({name: independent(name, (2,)) for name in "uvw"} | {"M": independent("M", (2, 2))})
    for name, variant in made.items():
        assert variant.total(known) != original.total(known), name
    swapped = {name: variant.terms for name, variant in made.items() if "swap" in name}
    assert [(name, terms[0].product) for name, terms in swapped.items()] == [
        ("swap indices b and a in form", "M_aa u_b v_b")
    ]


def test_polynomial_mutations_stay_in_the_ring():
    """Ring elements have variants in the same ring."""
    _, known = in_ring({"V": symmetric("V", 2, 2)})
    element = known["V"][0, 0] * known["V"][1, 1] - known["V"][0, 1] ** 2
    made = mutations(element)
    assert len(made) >= 8
    assert all(variant != element for variant in made.values())


def test_prediction_mutations_are_named_by_term():
    """Controls are generated from the names of the terms, and evaluate to something else."""
    made = prediction_mutations(prediction("contrast", 2))
    assert {"drop volume", "flip the sign of columns", "double volume", "halve columns"} <= set(made)
    point = dict(zip(made["drop volume"].arguments["J"].ravel(), [1, 2, 3, 4], strict=True))
    truth = prediction("contrast", 2).expression.subs(point).evalf()
    for variant in made.values():
        assert abs(variant.expression.subs(point).evalf() - truth) > sp.Rational(1, 10**6)


def test_certificates_are_mutated_too():
    """A certificate without one of its squares, or with a square subtracted, is refuted."""
    step = Step(X**2 + Y**2, 0, "squares", relation=">=", certificate=(X**2, Y**2))
    made = step_mutations(step)
    assert {"drop a term of the certificate", "flip a term of the certificate"} <= set(made)
    assert all(check_step(variant).status == "refuted" for variant in made.values())
    assert step_mutations(argued("words", "so it is")) == {}


def test_array_entries_are_mutated_one_by_one():
    """Every component of an array is planted with its own errors."""
    step = Step(np.array([X, Y], dtype=object), np.array([X, Y], dtype=object), "same")
    made = step_mutations(step)
    assert {name.rsplit("of entry ", 1)[1] for name in made} == {"((0,),)", "((1,),)"}
    assert len(step_mutations(step, 1)) < len(made)
