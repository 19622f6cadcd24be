"""A claim in words and formulas: its statement, its assumptions, then the derivation step by step."""

from __future__ import annotations

import textwrap
from pathlib import Path

from ..theory.registry import DERIVATIONS
from ..theory.render import explain_latex, explain_text
from ..theory.verdicts import run_all
from .claim import Claim
from .exact import STEP_TIME_LIMIT

WIDTH = 100


def explain(claim: Claim, *, latex: bool = False, cache_dir: Path | None = None) -> str:
    """The claim as Unicode text for a terminal, or as the body of a LaTeX document."""
    derivation = DERIVATIONS[claim.derivation]() if claim.derivation else None
    if latex:
        return _latex(claim, explain_latex(derivation) if derivation else "")
    lines = [claim.id, "=" * len(claim.id), claim.title, ""]
    lines += textwrap.wrap(claim.statement, WIDTH)
    lines += ["", *([f"In the paper: {claim.paper}"] if claim.paper else []), f"Source: {claim.source}"]
    lines += ["", "Assumptions"]
    lines += [f"  - {assumption}" for assumption in claim.assumptions]
    if derivation is None:
        lines += ["", "This claim has no symbolic derivation; its evidence is measured."]
    else:
        verdict = run_all([derivation.id], STEP_TIME_LIMIT, cache_dir)[derivation.id]
        lines += ["", "Derivation", explain_text(derivation, verdict)]
    return "\n".join(lines)


def _latex(claim: Claim, derivation: str) -> str:
    items = "\n".join(rf"\item {assumption}" for assumption in claim.assumptions)
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
