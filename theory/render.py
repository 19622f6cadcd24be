"""Print a derivation: as text for the terminal, as LaTeX for a document body, as MathML for a page.

Each step shows left relation right, the rule, the assumptions and its status. Formulas in index notation are printed
from the same object that is checked; indices that do not occur on the left are summed. Without a verdict, steps say
whether they are checked by machine or argued. The notation table lists the symbols that occur, beside the paper's.
"""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ..shell.typography import typeset
from .algebra.indices import Formula, factors_of
from .notation import Symbol, lookup
from .proof.derivation import Bound, Derivation, DerivationVerdict, Shown, Step, content, entries
from .proof.unicode_text import unicode_text

WIDTH = 100
MARKS = {"proved": "✓", "evaluated": "≈", "argued": "¶", "refuted": "✗", "timed out": "⧖", "machine": "·"}
_LINE = 60  # characters of plain text, so that a display line fits on a page
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def escape_latex(text: str) -> str:
    """Plain text with LaTeX's special characters escaped."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def side_lines(side: Any) -> list[str]:
    """LaTeX of a side, one entry a display line; index formulas are printed once for all their cases."""
    if isinstance(side, Shown):
        latex = side.latex
        if isinstance(latex, Formula):
            return _formula_lines(latex)
        parts = latex.split(r",\quad ")
        return [f"{part}," for part in parts[:-1]] + parts[-1:]
    if isinstance(side, Bound):
        return _formula_lines(side.formula)
    if isinstance(side, Mapping) and side and all(isinstance(case, Bound) for case in side.values()):
        return _formula_lines(next(iter(side.values())).formula)
    value = content(side)
    if isinstance(value, np.ndarray | Mapping | tuple | list | sp.NDimArray | sp.MatrixBase):
        shown = [_expression_latex(entry) for _, entry in list(entries(value))[:4]]
        return [r",\quad ".join(shown) + (r",\ \ldots" if len(list(entries(value))) > 4 else "")]
    return [_expression_latex(value)]


def _formula_lines(formula: Formula) -> list[str]:
    lines: list[str] = [""]
    length = 0
    for term in formula.terms:
        if length and length + len(term.text()) > _LINE:
            lines.append("")
            length = 0
        lines[-1] = f"{lines[-1]} {term.latex()}".strip()
        length += len(term.text())
    lines[0] = lines[0].removeprefix("+ ")
    return [f"{formula.left_latex()} = {lines[0]}", *(rf"\quad {line}" for line in lines[1:])]


def _expression_latex(entry: Any) -> str:
    if isinstance(entry, PolyElement | FracElement):
        return (
            r"\text{polynomial}"
            if len(str(entry)) > 80
            else sp.latex(entry.as_expr(), symbol_names=_names(entry.as_expr()))
        )
    expression = sp.sympify(entry)
    return sp.latex(expression, symbol_names=_names(expression))


def _names(expression: sp.Expr) -> dict[sp.Symbol, str]:
    """LaTeX of the symbols in an expression by the notation table: ``A_01`` becomes A_{01}."""
    names = {}
    for symbol in expression.free_symbols:
        base, _, index = str(symbol).partition("_")
        latex = lookup(base).latex
        names[symbol] = f"{{{latex}}}_{{{index}}}" if index else latex
    return names


def statuses(derivation: Derivation, verdict: DerivationVerdict | None) -> list[str]:
    """One status a step: from the verdict, or "machine" (to be checked) and "argued"."""
    if verdict is None:
        return ["argued" if step.argued else "machine" for step in derivation.steps]
    return [step.status for step in verdict.steps]


def symbols_used(derivation: Derivation) -> list[Symbol]:
    """Rows of the notation table for every symbol in the derivation's sides; KeyError if one is missing."""
    names: set[str] = set()
    for step in derivation.steps:
        for side in (step.left, step.right, step.certificate):
            for part in side.values() if isinstance(side, Mapping) else [side]:
                formula = part.formula if isinstance(part, Bound) else getattr(part, "latex", None)
                if isinstance(formula, Formula):
                    names |= {formula.symbol}
                    names |= {name for term in formula.terms for name, _ in factors_of(term.product)}
            if side is None:
                continue
            for _, entry in entries(side):
                names |= _symbol_names(entry)
    rows = {lookup(name).code: lookup(name) for name in sorted(names)}
    return list(rows.values())


def _symbol_names(entry: Any) -> set[str]:
    if isinstance(entry, FracElement):
        return _symbol_names(entry.numer) | _symbol_names(entry.denom)
    if isinstance(entry, PolyElement):
        used = [any(powers) for powers in zip(*entry.itermonoms(), strict=True)] if entry else []
        return {str(symbol) for symbol, occurs in zip(entry.ring.symbols, used, strict=False) if occurs}
    expression = sp.sympify(entry)
    functions = {str(node.func) for node in expression.atoms(sp.core.function.AppliedUndef)}
    return {str(symbol) for symbol in expression.free_symbols} | functions


def explain_text(derivation: Derivation, verdict: DerivationVerdict | None = None) -> str:
    """The derivation as Unicode text, about 100 columns wide."""
    lines = [derivation.title, "═" * min(len(derivation.title), WIDTH), ""]
    for number, (step, status) in enumerate(zip(derivation.steps, statuses(derivation, verdict), strict=True), 1):
        lines += _wrapped(f"{number}. {step.rule}", "", "   ")
        if step.argued:
            lines += _wrapped(step.note, "     ", "     ")
        else:
            left, right = side_lines(step.left), side_lines(step.right)
            lines += _wrapped(unicode_text(" ".join(left)), "     ", "       ")
            relation = "=" if step.relation == "=" else "≥"
            lines += _wrapped(f"{relation} {unicode_text(' '.join(right))}", "       ", "         ")
            if step.note:
                lines += _wrapped(step.note, "     ", "     ")
        if step.assumptions:
            lines += _wrapped("Assumes: " + "; ".join(step.assumptions) + ".", "     ", "     ")
        detail = f" ({verdict.steps[number - 1].detail})" if verdict and not step.argued else ""
        lines += [*_wrapped(f"{MARKS[status]} {_STATUS_WORDS[status]}{detail}", "     ", "       "), ""]
    lines += ["Notation (ours | the paper's | meaning; indices that do not occur on the left are summed)"]
    for row in symbols_used(derivation):
        lines.append(f"  {unicode_text(row.latex):8} | {unicode_text(row.paper):10} | {row.meaning}")
    return "\n".join(lines)


_STATUS_WORDS = {
    "proved": "proved by machine",
    "evaluated": "evaluated to 50 digits, not proved",
    "argued": "argued, not checked by machine",
    "refuted": "REFUTED",
    "timed out": "TIMED OUT",
    "machine": "decided by machine",
}


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False) or [first]


def explain_latex(derivation: Derivation, verdict: DerivationVerdict | None = None) -> str:
    r"""The derivation as a LaTeX document body (needs amsmath); every display is an align*."""
    out = [rf"\section*{{{escape_latex(derivation.title)}}}"]
    for number, (step, status) in enumerate(zip(derivation.steps, statuses(derivation, verdict), strict=True), 1):
        out.append(rf"\paragraph{{{number}.}} {escape_latex(_sentence(step.rule))} \emph{{{_STATUS_WORDS[status]}}}")
        if not step.argued:
            relation = "=" if step.relation == "=" else r"\ge"
            left, right = side_lines(step.left), side_lines(step.right)
            body = [f"& {line}" for line in left] + [rf"&\quad {relation} {right[0]}"]
            body += [rf"&\qquad {line}" for line in right[1:]]
            out += [r"\begin{align*}", " \\\\\n".join(body), r"\end{align*}"]
        if step.note:
            out.append(escape_latex(step.note))
        if step.assumptions:
            out.append(r"Assumes: " + escape_latex("; ".join(step.assumptions)) + ".")
    rows = [
        rf"${row.latex}$ & {f'${row.paper}$' if row.paper else ''} & {escape_latex(row.meaning)} \\"
        for row in symbols_used(derivation)
    ]
    out += [r"\paragraph{Notation.} Indices that do not occur on the left are summed.", ""]
    out += [r"\begin{tabular}{lll}", r"ours & paper & meaning \\", *rows, r"\end{tabular}"]
    return "\n".join(out) + "\n"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."


def explain_mathml(derivation: Derivation, verdict: DerivationVerdict | None = None) -> str:
    """The derivation as an HTML fragment with MathML formulas (latex2mathml)."""
    from html import escape

    from latex2mathml.converter import convert

    def shown(text: str) -> str:
        return escape(typeset(text))

    out = [
        f'<section class="derivation" id="derivation-{escape(derivation.id)}"><h3>{shown(derivation.title)}</h3><ol>'
    ]
    for step, status in zip(derivation.steps, statuses(derivation, verdict), strict=True):
        out.append(f'<li class="{status.replace(" ", "-")}"><p>{shown(_sentence(step.rule))}</p>')
        if not step.argued:
            relation = "=" if step.relation == "=" else r"\ge"
            left, right = side_lines(step.left), side_lines(step.right)
            lines = [*left, f"{relation} {right[0]}", *right[1:]]
            out += [f'<div class="math">{convert(line, display="block")}</div>' for line in lines]
        out += [f"<p>{shown(text)}</p>" for text in _remarks(step)]
        out.append(f"<p><em>{_STATUS_WORDS[status]}</em></p></li>")
    return "\n".join([*out, "</ol></section>"])


def _remarks(step: Step) -> list[str]:
    assumed = [f"Assumes: {'; '.join(step.assumptions)}."] if step.assumptions else []
    return [*([step.note] if step.note else []), *assumed]
