"""A claim in words and formulas: its statement, its assumptions, then the derivation step by step."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from ..theory.proof.derivation import Derivation, check
from ..theory.registry import DERIVATIONS
from ..theory.render import explain_latex, explain_text
from ..theory.verdicts import run_all
from .claim import Claim
from .exact import STEP_TIME_LIMIT

WIDTH = 100


def explain(claim: Claim, *, latex: bool = False, cache_dir: Path | None = None) -> str:
    """The claim as Unicode text for a terminal, or as the body of a LaTeX document."""
    derivation = derivation_of(claim)
    if latex:
        return _latex(claim, explain_latex(derivation) if derivation else "")
    lines = [claim.id, "=" * len(claim.id), claim.title, ""]
    lines += textwrap.wrap(claim.statement, WIDTH) if claim.statement != claim.title else []
    lines += ["", *([f"In the paper: {claim.paper}"] if claim.paper else []), f"Source: {claim.source}"]
    lines = [line for line in lines if line != "Source: "]
    if claim.assumptions:
        lines += ["", "Assumptions"]
        lines += [f"  - {assumption}" for assumption in claim.assumptions]
    if derivation is None:
        lines += ["", "This claim has no symbolic derivation; its evidence is measured."]
    else:
        if isinstance(claim.derivation, str):
            verdict = run_all([derivation.id], STEP_TIME_LIMIT, cache_dir)[derivation.id]
        else:
            verdict = check(derivation, time_limit=STEP_TIME_LIMIT)
        lines += ["", "Derivation", explain_text(derivation, verdict)]
    return "\n".join(lines)


def derivation_of(claim: Claim) -> Derivation | None:
    """The derivation of a claim: that of `theory`, or its own steps."""
    if isinstance(claim.derivation, str):
        return DERIVATIONS[claim.derivation]()
    if not claim.derivation:
        return None
    steps: Any = claim.derivation  # a sequence here, which a type checker takes for a str too
    return Derivation(claim.id, claim.title, tuple(steps))


def _latex(claim: Claim, derivation: str) -> str:
    items = "\n".join(rf"\item {assumption}" for assumption in claim.assumptions or ("none",))
    return "\n".join(
        [
            rf"\section*{{{claim.title}}}",
            claim.statement,
            rf"\[ {claim.latex} \]",
            r"\begin{itemize}",
            items,
            r"\end{itemize}",
            derivation,
        ]
    )
