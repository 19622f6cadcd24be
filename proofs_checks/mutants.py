"""Controls that a machine makes of a formula of one's own: terms dropped, signs flipped, factors changed.

The variants come from `theory.mutation`. One that equals the original as a formula, or at every instance of the run (a
term that vanishes on all of them), is no false statement: it is left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RequestError
from .claim import Claim, Control
from .statements import Run
from .values import MeasuringError, formula_values, parsed

SAME = 1e-9
"""Relative difference below which a variant's values are the original's: far below what any law resolves."""


@dataclass(frozen=True)
class Mutants:
    """The controls made, and how many variants were left out because they equal the original."""

    controls: tuple[Control, ...]
    equal: int


def mutants_of(claim: Claim, run: Run) -> Mutants:
    """All mutants that a claim asks for, as controls."""
    controls: list[Control] = []
    equal = 0
    taken = {one.id for one in claim.planted}
    for asked in claim.mutated:
        statement = claim.statements[asked["of"]]
        field = asked["field"]
        variants, same = _variants(getattr(statement, field), run, f"claim {claim.id}, mutants of {field}")
        equal += same
        for name, expression in list(variants.items())[: asked["most"]]:
            key = f"mutant-{len(controls) + 1}"
            if key not in taken:
                law = statement.vary(**{field: expression}).law(run)
                controls.append(Control(key, f"{field}, {name}: {expression}", law))
    return Mutants(tuple(controls), equal)


def _variants(formula: Any, run: Run, what: str) -> tuple[dict[str, Any], int]:
    """Named variants that differ from the formula at some instance, and how many do not."""
    from ..theory.mutation import plain_mutations

    if not (isinstance(formula, str) or hasattr(formula, "free_symbols")):
        raise RequestError(f"{what}: expected a formula in SymPy's notation, got {type(formula).__name__}")
    expression = parsed(formula, what, run.rows.records[0])
    original = formula_values(expression, run.rows, what)
    kept: dict[str, Any] = {}
    equal = 0
    for name, variant in plain_mutations(expression).items():
        try:
            values = formula_values(variant, run.rows, what)
        except MeasuringError:  # no real number at some instance
            continue
        if variant == expression or np.allclose(values, original, rtol=SAME, atol=0.0):
            equal += 1
        elif np.all(np.isfinite(values)) and not any(variant == other for other in kept.values()):
            kept[name] = variant
    return kept, equal
