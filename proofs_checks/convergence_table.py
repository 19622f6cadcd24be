"""Laws of convergence as tables for papers: eps, value, error, local order, Richardson limit, floor.

One part an instance. The local order at a point is that of the step from the one before; the Richardson limit
eliminates the claimed powers of eps from all points up to there, without the claimed limit or constant. As terminal
text, CSV, Markdown, and LaTeX (booktabs).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from .laws import ConvergenceLaw
    from .mean_law import MeanLaw

_ESCAPED = str.maketrans(
    {sign: f"\\{sign}" for sign in "_%&#${}"}
    | {
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "\\": r"\textbackslash{}",
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
    }
)


@dataclass(frozen=True)
class Part:
    """The points of one instance under one law."""

    law: str
    instance: str
    parameter: str
    columns: dict[str, np.ndarray]


@dataclass(frozen=True)
class ConvergenceTable:
    """Every law of convergence of a claim, instance by instance."""

    claim: str
    parts: tuple[Part, ...]

    @staticmethod
    def of(claim: str, laws: Sequence[ConvergenceLaw | MeanLaw], most: int | None = None) -> ConvergenceTable:
        """The table of these laws, of at most so many instances of each."""
        return ConvergenceTable(claim, tuple(_part(law, i) for law in laws for i in range(len(law.instances))[:most]))

    def text(self) -> str:
        """Columns of plain text."""
        lines = []
        for part in self.parts:
            lines += [f"{self.claim}: {part.law}" + (f" ({part.instance})" if part.instance else "")]
            cells = [list(part.columns), *_shown(part)]
            widths = [max(len(row[k]) for row in cells) for k in range(len(part.columns))]
            lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
            lines.append("")
        return "\n".join(lines)

    def csv(self) -> str:
        """All digits, one line a point."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["claim", "law", "instance", "parameter", "at", *[*_HEADS][1:]])
        for part in self.parts:
            for row in zip(*part.columns.values(), strict=True):
                cells = ["" if np.isnan(value) else repr(float(value)) for value in row]
                writer.writerow([self.claim, part.law, part.instance, part.parameter, *cells])
        return stream.getvalue()

    def markdown(self) -> str:
        """A Markdown table an instance."""
        lines = []
        for part in self.parts:
            lines += [f"**{part.law}**" + (f", {part.instance}" if part.instance else ""), ""]
            lines += ["| " + " | ".join(part.columns) + " |", "|" + "---:|" * len(part.columns)]
            lines += ["| " + " | ".join(row) + " |" for row in _shown(part)] + [""]
        return "\n".join(lines)

    def latex(self) -> str:
        r"""A booktabs table, instances one below the other, no wider than article's text; \usepackage{booktabs}.

        A page of a paper holds three or four instances: `result.table(claim, most=1)` is a table of the first.
        """
        heads = list(self.parts[0].columns) if self.parts else []
        start = r"\begingroup\footnotesize\setlength{\tabcolsep}{4pt}\begin{tabular}{@{}" + "r" * len(heads) + "@{}}"
        lines = [start, r"\toprule", " & ".join(_LETTERS.get(head, _tex(head)) for head in heads) + r" \\"]
        for part in self.parts:
            title = part.law + (f": {part.instance}" if part.instance else "")
            lines += [r"\midrule", rf"\multicolumn{{{len(heads)}}}{{l}}{{{_tex(title)}}} \\"]
            lines += [" & ".join(_power(cell) for cell in row) + r" \\" for row in _shown(part, _IN_PRINT)]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}\endgroup", ""])


_HEADS = {"at": "", "value": ".10g", "error": ".3e", "local order": ".3f", "Richardson limit": ".10g", "floor": ".1e"}
"""Columns after the parameter, and how each is shown."""

_IN_PRINT = (".3g", ".7g", ".2e", ".3f", ".7g", ".0e")
"""The same columns where they share the width of a page."""

_LETTERS = {"eps": r"$\varepsilon$", "n": "$n$", "h": "$h$", "K": "$K$", "d": "$d$"}
"""Heads that are symbols in print."""


def _part(law: ConvergenceLaw | MeanLaw, i: int) -> Part:
    value, error, floor = law.measured[i], law.difference[i], law.floor[i]
    with np.errstate(all="ignore"):
        size = np.abs(error)
        local = np.log(size[1:] / size[:-1]) / np.log(law.eps[1:] / law.eps[:-1]) * law.along.sign
    local = np.concatenate([[np.nan], np.where(np.isfinite(local), local, np.nan)])
    at = 1 / law.eps if law.along.grows else law.eps
    limits = _richardson(value, law.eps, law.order, law.spacing)
    columns = dict(zip(_HEADS, (at, value, error, local, limits, floor), strict=True))
    columns = {(law.along.name if head == "at" else head): column for head, column in columns.items()}
    if hasattr(law, "means"):
        columns["standard error"] = columns.pop("floor")
    label = (
        law.instances.label(i)
        if hasattr(law.instances, "label")
        else ", ".join(map(str, law.instances.row(i).values()))
    )
    return Part(law.name, label, law.along.name, columns)


def _richardson(
    value: Float[np.ndarray, " e"], eps: Float[np.ndarray, " e"], order: float, spacing: float
) -> Float[np.ndarray, " e"]:
    """At each point the limit with as many powers eliminated as there are points before it, at most four."""
    ratio = float(eps[0] / eps[1])
    limits = np.full(value.size, np.nan)
    column = value
    for k in range(min(4, value.size - 1)):
        column = column[1:] + np.diff(column) / (ratio ** (order + k * spacing) - 1)
        limits[k + 1 :] = column
    return limits


def _shown(part: Part, formats: Sequence[str] = (".6g", *list(_HEADS.values())[1:])) -> list[list[str]]:
    rows = zip(*part.columns.values(), strict=True)
    whole = ".10g" if np.all(part.columns[part.parameter] % 1 == 0) else formats[0]  # 1024, not 1.02e+03
    formats = (whole, *formats[1:])
    return [["" if np.isnan(v) else format(v, f) for v, f in zip(row, formats, strict=True)] for row in rows]


def _tex(text: str) -> str:
    return text.translate(_ESCAPED)


def _power(cell: str) -> str:
    r"""1.234e-03 as $1.23\cdot10^{-3}$: three digits beside a power of ten."""
    if "e" not in cell:
        return f"${cell}$" if cell else ""
    digits, exponent = cell.split("e")
    shown = digits if len(digits.lstrip("-")) <= len("1.23") else f"{float(digits):.2f}"
    return rf"${shown}{{\cdot}}10^{{{int(exponent)}}}$"
