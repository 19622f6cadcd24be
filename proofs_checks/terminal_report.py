"""A report in the terminal: the table claim by kind of evidence, why a claim does not hold, tables of laws."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..shell import terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .report import Report


def print_report(report: Report, *, tables: bool, controls: bool, curves: bool = False) -> None:
    """The table; with `tables` those of claims that have one of their own, with `controls` every control.

    curves: every law of convergence as a table of its points.
    """
    console = terminal.console()
    _body(console, report, tables=tables, controls=controls)
    if curves:
        for name in filter(report.has_curves, report.laws):
            print(report.table(name).text())


def report_text(report: Report) -> str:
    """What `print(report)` shows."""
    stream = io.StringIO()
    _body(terminal.console(terminal.PAGE, stream), report, tables=False, controls=False)
    return stream.getvalue().rstrip()


def _body(console: Console, report: Report, *, tables: bool, controls: bool) -> None:
    console.print(report_table(report))
    for result in report.results:
        rows = result.evidence["measured"].details.get("table")
        if tables and rows:
            console.print(terminal.records_table(f"{result.claim.id}: {result.claim.title}", rows))
    if controls:
        console.print(terminal.records_table("controls: false variants, and what rejected each", _control_rows(report)))
    for result in report.results:
        _why(console, report, result.claim.id)
    held = sum(result.verdict == "holds" for result in report.results)
    total = f"{held} of {len(report.results)} claims hold, {report.rejected} of {report.planted} controls rejected"
    console.print(f"{total} (effort {report.effort}, seed {report.seed})")
    for line in chances(report):
        console.print(line, markup=False)


def _why(console: Console, report: Report, claim: str) -> None:
    """One line for each kind of evidence, law and control of a claim that does not stand."""
    result = report.result(claim)
    for kind, evidence in result.evidence.items():
        if evidence.verdict in ("fails", "inconclusive"):
            reason = evidence.details.get("reason") or evidence.summary
            console.print(f"{claim}: {kind} {evidence.verdict}: {reason}", markup=False, soft_wrap=True)
        for error in evidence.details.get("errors", [])[1:]:
            console.print(f"{claim}: {error}", markup=False, soft_wrap=True)
    if not result.controls:
        console.print(f"{claim}: inconclusive: no controls (a check that cannot fail shows nothing)", markup=False)
    for control in result.controls:
        if not control.rejected:
            said = f"is undecided: {control.undecided}" if control.undecided else f"survived: {control.statement}"
            console.print(f"{claim}: control {control.id} {said}", markup=False, soft_wrap=True)
    if equal := result.evidence["measured"].details.get("equal_mutants"):
        console.print(f"{claim}: {equal} mutants that equal the original were left out", markup=False)


def chances(report: Report) -> list[str]:
    """The chance that a true claim fails, by kind of randomised decision; what no bound covers is named."""
    lines = []
    if report.false_alarm:
        lines.append(f"chance of a false alarm: at most {report.false_alarm:.0e} where samples are averaged (a bound)")
    trained = [result.evidence["trained"].details for result in report.results]
    for rates in (details["false_alarm"] for details in trained if details.get("false_alarm")):
        lines.append(
            f"chance of a false alarm: below {rates['rate_below']:.1e} for the case trained now "
            f"({rates['false_alarms']} of {rates['seeds']} seeds, 95 % confidence); no verdict: "
            f"{rates['inconclusive']} of {rates['seeds']}"
        )
    if any(result.claim.laws and report.laws.get(result.claim.id) for result in report.results):
        lines.append(
            "left out: laws on random decoders, whose tolerances are computed error bounds; they fail falsely only if "
            "such a bound is wrong (`elbogap false-alarms` counts)"
        )
    if any(details.get("findings") for details in trained):
        lines.append("left out: recorded findings, the same on every seed; their intervals over runs have 95 %")
    return lines


def _control_rows(report: Report) -> list[dict[str, str]]:
    return [
        {
            "claim": result.claim.id,
            "false variant": one.statement,
            "rejected by": one.by or _not_rejected(one.undecided),
        }
        for result in report.results
        for one in result.controls
    ]


def _not_rejected(undecided: str) -> str:
    return f"undecided: {undecided}" if undecided else "nothing: it survived"


def report_table(report: Report) -> Table:
    """The table claim by kind of evidence, with figures."""
    from rich.markup import escape
    from rich.text import Text

    from .verdict import KINDS

    colours = {"holds": "green", "fails": "bold red", "inconclusive": "yellow"}
    shown = [kind for kind in KINDS if any(r.evidence[kind].verdict != "n/a" for r in report.results)]
    table = terminal.plain_table(("claim", "verdict", *shown, "controls rejected"))
    for result in report.results:
        cells = []
        for kind in shown:
            evidence = result.evidence[kind]
            colour = colours.get(evidence.verdict, "dim")
            cells.append(
                f"[{colour}]{evidence.verdict}[/]" + (f"\n{escape(evidence.summary)}" if evidence.summary else "")
            )
        rejected = sum(control.rejected for control in result.controls)
        verdict = f"[{colours[result.verdict]}]{result.verdict}[/]"
        paper = f"\n{result.claim.paper}" if result.claim.paper else ""
        name = Text.assemble(result.claim.id, (paper, "dim"))
        table.add_row(name, verdict, *cells, f"{rejected} / {len(result.controls)}")
    return table
