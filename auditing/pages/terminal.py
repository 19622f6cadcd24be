"""The audit as a page in the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ...shell import terminal
from ..findings import Findings
from .sentences import (
    condition_rows,
    encoder_rows,
    gap_rows,
    headline,
    inference_rows,
    latent_rows,
    noise,
    remarks,
    rotation_rows,
    translation_rows,
    units_title,
    worst_rows,
)

if TYPE_CHECKING:
    from rich.console import Console

_MOST_LATENTS = 32


def plain_text(findings: Findings) -> str:
    """The page without colours."""
    stream = io.StringIO()
    print_report(findings, terminal.console(terminal.PAGE, stream))
    return stream.getvalue()


def print_report(findings: Findings, console: Console) -> None:
    """Print findings, the account of the gap, latents, rotations, worst points, units and remarks."""
    document = findings.document
    asked = document["parameters"]
    shape = "x".join(map(str, asked["output_shape"])) or "1"
    console.print(
        f"Audit of a decoder with {asked['latent_dim']} latents and {shape} outputs, "
        f"{noise(asked)}, {asked['prior']} prior",
        style="bold",
    )
    console.print()
    _pairs(console, headline(document))
    if gap := document["gap"]:
        title = f"log p - ELBO, nat a point, mean over {gap['points']} points"
        _table(console, title, ["part", "mean", "95 % interval", "reduced by"], gap_rows(gap))
    columns, rows = latent_rows(document)
    _table(console, "Latents", columns, rows[:_MOST_LATENTS])
    if len(rows) > _MOST_LATENTS:
        console.print(f"... and {len(rows) - _MOST_LATENTS} more (--json has all)")
    columns, rows = encoder_rows(document)
    if rows:
        _table(console, "The encoder beside the best one", columns, rows[:_MOST_LATENTS])
    if rotations := rotation_rows(document):
        _table(console, "Rotating a pair of latents", ["latents", "degrees", "saves (nat)"], rotations)
    if rows := inference_rows(document):
        _table(console, "Variational inference, medians over the account's points", ["", "value", "beside"], rows)
    columns = ["point", "contrast", "finite-noise", "z"]
    _table(console, "Points of the largest contrast", columns, worst_rows(document))
    _table(console, "What the theorem assumes", ["condition", "", "seen"], condition_rows(document))
    _table(console, units_title(document), ["name", "value", "where"], translation_rows(document))
    _pairs(console, [("note", remark) for remark in remarks(document)])


def _pairs(console: Console, pairs: list[tuple[str, str]]) -> None:
    """Subjects in one column, sentences beside them, wrapped within theirs."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="bold")
    grid.add_column()
    for subject, sentence in pairs:
        grid.add_row(subject, escape(sentence))
    console.print(grid)


def _table(console: Console, title: str, columns: list[str], rows: list[list[str]]) -> None:
    from rich.markup import escape

    table = terminal.plain_table(columns, title=title, title_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print()
    console.print(table)
