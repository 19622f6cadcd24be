"""The commands `elbogap verify` and `elbogap explain`: parameters in, a table or one JSON document out.

Everything heavy is imported inside the functions, after the request has been found valid. What is printed on
standard output is the result alone; progress goes to standard error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..shell import requests, terminal
from ..shell.cache import cache_directory, prepare_jax
from ..shell.options import Flag, Whole
from ..shell.progress import progress

if TYPE_CHECKING:
    from rich.table import Table

    from .claim import Claim
    from .report import Report


def verify_command(
    *claims: str,
    effort: str = "quick",
    seed: Whole = 0,
    out: Path | None = None,
    json: bool = False,
    controls: Flag = False,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> int:
    """Check claims: derive them, measure them on random decoders, reject their false variants.

    Parameters
    ----------
    claims
        Ids of the claims to check; all when none is named. `--list` shows them.
    effort
        quick (two minutes at most), standard or full.
    seed
        Seed of the random decoders; the same seed gives the same digits.
    out
        Folder for report.html, report.json, the numbers as CSV and the certificate of the enclosures.
    json
        Print one JSON document instead of the table.
    controls
        Print the false variants as well, each with what rejected it.
    list_
        List the claims and stop.
    """
    prepare_jax()
    from .registry import CLAIMS

    if list_:
        _print_list(list(CLAIMS.values()))
        return 0
    requests.effort(effort)
    requests.seed(seed)
    chosen = [known_claim(name) for name in claims]
    with requests.out_folder(out):
        from .verify import verify

        with progress() as notify:
            report = verify(
                [claim.id for claim in chosen] or None,
                effort=effort,
                seed=seed,
                progress=notify,
                certificate=out is not None,
                cache_dir=cache_directory(),
            )
        written = report.write(out) if out else []
    if json:
        print(report.to_json())
    else:
        _print_report(report, written, tables=bool(claims), controls=controls)
    return 0 if report.holds else 1


def explain_command(claim: str, /, *, latex: bool = False) -> int:
    """Show a claim: statement, assumptions, then each step of its derivation with the rule that checks it.

    Parameters
    ----------
    claim
        Id of the claim; `elbogap verify --list` shows them.
    latex
        Print a LaTeX document body instead of Unicode.
    """
    from .explain import explain

    print(explain(known_claim(claim), latex=latex, cache_dir=cache_directory() / "derivations"))
    return 0


def false_alarms_command(*, seeds: Whole = 200, out: Path | None = None) -> int:
    """Measure every claim on many seeds, and count the false alarms; a killed study goes on where it was.

    Parameters
    ----------
    seeds
        How many: 0, 1, 2, ...
    out
        Folder for false-alarms.json, the table as it is recorded in the package.
    """
    requests.whole("--seeds", seeds, 1)
    prepare_jax()
    from .study import study

    with requests.out_folder(out):
        with progress() as notify:
            found = study(seeds, cache_dir=cache_directory(), progress=notify)
        table = found.tables["claims"]
        console = terminal.console()
        title = f"false alarms on {seeds} seeds, {found.parameters['seconds']:.0f} s"
        console.print(terminal.records_table(title, table.records()))
        for failure in found.failures:
            console.print(failure, markup=False)
        if out:
            console.print(f"wrote {found.write(out)}", markup=False, soft_wrap=True)
    return 1 if found.failures else 0


def known_claim(name: str) -> Claim:
    """The claim with this id; RequestError with the nearest id if there is none."""
    from .registry import CLAIMS

    return CLAIMS[requests.known("claim", name, CLAIMS)]


def _print_list(claims: list[Claim]) -> None:
    width = max(len(claim.id) for claim in claims)
    for claim in claims:
        print(f"{claim.id:<{width}}  {claim.title}")


def _print_report(report: Report, written: list[Path], *, tables: bool, controls: bool) -> None:
    """The table; with `tables` those of claims that have one of their own, with `controls` every control."""
    console = terminal.console()
    console.print(report_table(report))
    for result in report.results:
        rows = result.evidence["measured"].details.get("table")
        if tables and rows:
            console.print(terminal.records_table(f"{result.claim.id}: {result.claim.title}", rows))
    if controls:
        console.print(terminal.records_table("controls: false variants, and what rejected each", _control_rows(report)))
    for result in report.results:
        for kind, evidence in result.evidence.items():
            if evidence.verdict in ("fails", "inconclusive"):
                reason = evidence.details.get("reason") or evidence.summary
                console.print(f"{result.claim.id}: {kind} {evidence.verdict}: {reason}", markup=False)
        for control in result.controls:
            if not control.rejected:
                line = f"{result.claim.id}: control {control.id} survived: {control.statement}"
                console.print(line, markup=False)
    held = sum(result.verdict == "holds" for result in report.results)
    total = f"{held} of {len(report.results)} claims hold, {report.rejected} of {report.planted} controls rejected"
    console.print(f"{total} (effort {report.effort}, seed {report.seed})")
    if report.false_alarm:
        console.print(f"chance of a false alarm: at most {report.false_alarm:.0e} (all randomised decisions together)")
    for path in written:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)


def _control_rows(report: Report) -> list[dict[str, str]]:
    return [
        {"claim": result.claim.id, "false variant": one.statement, "rejected by": one.by or "nothing: it survived"}
        for result in report.results
        for one in result.controls
    ]


def report_table(report: Report) -> Table:
    """The table claim by kind of evidence, with figures."""
    from rich.markup import escape

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
        table.add_row(result.claim.id, verdict, *cells, f"{rejected} / {len(result.controls)}")
    return table
