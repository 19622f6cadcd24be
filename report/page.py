"""Self-contained HTML pages: no request to any network, no JavaScript, light and dark, phone's width to print.

Templates are in `templates/`, rendered by jinja2 with escaping on: a `str` is text and is escaped, a `Markup` is HTML
and is not. `page` gives the whole document; `table`, `mathml` and `fragment` give `Markup` for its body, as does
`style.svg`. A `Markup` added to a `str` escapes the `str`, so HTML of one's own is wrapped in `Markup` as well.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..shell.typography import typeset
from .formula import formula

TEMPLATES = Path(__file__).parent / "templates"
_SPACED = re.compile(r"\\(log|det|exp|max|min|sinh?|cosh?|tanh?)(?![A-Za-z])(?=\s*[A-Za-z0-9\\|])")
"""Operators that need a thin space after them."""
LONG_FORMULA = 24
"""Characters of LaTeX above which an inline formula gets a box: shorter ones fit a phone at any font."""
LONG = 24
"""Characters from which a cell is text rather than a word."""
_NOT_A_NUMBER = "–"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters["typeset"] = typeset
    return made


def fragment(template: str, **context: Any) -> Markup:
    """A template of `templates/` filled in; what is not `Markup` in the context is escaped."""
    return Markup(_environment().get_template(template).render(**context))


def page(title: str, body: str, *, toc: Sequence[tuple[str, str]] = ()) -> str:
    """A whole HTML document. `body` is HTML and taken as it is; `toc`: pairs (id of a heading, its text)."""
    css = Markup((TEMPLATES / "page.css").read_text())
    return str(fragment("page.html", title=title, body=Markup(body), toc=list(toc), css=css))


def mathml(latex: str, *, display: bool = True) -> Markup:
    """A LaTeX formula as MathML; what may be wider than a phone scrolls in its own box. Alignment marks are dropped.

    latex2mathml prints the `&` of aligned environments as text, so each line of one becomes a formula of its own.
    """
    latex = _SPACED.sub(r"\\\1\\,", latex)
    body = re.sub(r"\\(begin|end)\{(aligned|gathered|align\*?|split)\}", "", latex)
    if r"\begin" not in body:  # in a matrix or in cases, the marks that are left mean something
        body = body.replace("&", " ")
    lines = re.split(r"\\\\(?:\[[^\]]*\])?", body) if body != latex else [latex]
    lines = [line.strip() for line in lines]
    if not display:
        shown = formula(" ".join(lines))
        # A browser does not break a line inside a formula, whatever the font.
        return Markup(f'<span class="math">{shown}</span>' if len(latex) > LONG_FORMULA else shown)
    shown = "".join(formula(line, display="block") for line in lines if line)
    return Markup(f'<div class="math">{shown}</div>')


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    explained: Mapping[str, str] | None = None,
) -> Markup:
    """An HTML table that scrolls inside its own box. Numbers are right-aligned, floats shown to four digits.

    explained: what columns (or rows) mean, by name; it stands below the table.
    """
    kinds = [_kind([row[i] for row in rows]) for i, _ in enumerate(columns)]
    label = caption or f"Table: {', '.join(map(str, columns))}"
    shown = [[_cell(value) for value in row] for row in rows]
    return fragment(
        "table.html", columns=columns, rows=shown, kinds=kinds, caption=caption, label=label, explained=explained or {}
    )


def csv_link(columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> Markup:
    """A link by which a page hands out a table as a CSV file: the file is in the link, nothing is requested."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([columns, *([_plain(cell) for cell in row] for row in rows)])
    data = base64.b64encode(stream.getvalue().encode()).decode()
    return Markup('<p class="csv"><a download="{}" href="data:text/csv;base64,{}">{}</a></p>').format(name, data, name)


def _plain(cell: Any) -> Any:
    """The text of a cell, every digit of a number; a text that a spreadsheet would run as a formula is quoted."""
    if isinstance(cell, Markup):
        return cell.striptags()
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+@" else cell


def _kind(cells: Sequence[Any]) -> str:
    """The class of a column: numbers are right-aligned, long text keeps a width at which it can be read."""
    if cells and all(_is_number(cell) or cell is None for cell in cells):
        return "number"
    return "long" if any(isinstance(cell, str) and len(Markup(cell).striptags()) > LONG for cell in cells) else ""


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__float__")


def _cell(value: Any) -> Any:
    if value is None:
        return _NOT_A_NUMBER
    if isinstance(value, float) or (_is_number(value) and not isinstance(value, int)):
        return f"{float(value):.4g}"
    return value
