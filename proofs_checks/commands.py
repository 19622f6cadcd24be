"""The commands `verify`, `explain` and `false-alarms`: parameters in, a table or one JSON document out.

Everything heavy is imported inside the functions, after the request has been found valid. What is printed on
standard output is the result alone; progress goes to standard error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..shell import requests, terminal
from ..shell.cache import cache_directory, prepare_jax
from ..shell.files import try_all
from ..shell.options import Flag, Whole
from ..shell.progress import progress
from . import listing

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
        Ids of the claims to check, or their names in the paper ("Theorem 1"); all when none is named. `--list` shows
        them.
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
    if list_:
        _print_list()
        return 0
    requests.effort(effort)
    requests.seed(seed)
    for name in claims:
        listing.check(name)
    prepare_jax()
    chosen = [claim for name in claims for claim in known_claims(name)]
    with requests.out_folder(out):
        from .verify import forget, verify

        with progress() as notify:
            report = verify(
                [claim.id for claim in chosen] or None,
                effort=effort,
                seed=seed,
                progress=notify,
                certificate=out is not None,
                cache_dir=cache_directory(),
                keep_unfinished=True,
            )

        def show() -> None:
            if json:
                print(report.to_json(), flush=True)
            else:
                _print_report(report, tables=bool(claims), controls=controls)

        def write() -> None:
            for path in report.write(out) if out else ():
                if not json:
                    print(f"wrote {path}", flush=True)

        try_all(show, write)
        forget(effort, seed, cache_directory())
    return 0 if report.holds else 1


def explain_command(claim: str, /, *, latex: bool = False) -> int:
    """Show a claim: statement, assumptions, then each step of its derivation with the rule that checks it.

    Parameters
    ----------
    claim
        Id of the claim, or its name in the paper ("Theorem 1"); `elbogap verify --list` shows them.
    latex
        Print a LaTeX document body instead of Unicode.
    """
    print(listing.explained(claim, latex=latex))
    return 0


def false_alarms_command(
    *, seeds: Whole = 200, first: Whole = 0, trained: Flag = False, out: Path | None = None
) -> int:
    """Measure every claim on many seeds, and count the false alarms; a killed study goes on where it was.

    Parameters
    ----------
    seeds
        How many: first, first + 1, ...
    first
        The first seed; other than 0 only with --trained.
    trained
        Study the case that is trained on the spot, not what is measured.
    out
        Folder for false-alarms.json, or false-alarms-trained.json, the table as it is recorded in the package.
    """
    requests.whole("--seeds", seeds, 1, requests.LARGEST_SEED)
    requests.whole("--first", first, 0, requests.LARGEST_SEED - seeds if trained else 0)
    prepare_jax()
    from . import study, trained_study

    with requests.out_folder(out):
        with progress() as notify:
            if trained:
                found = trained_study.study_training(first, seeds, cache_dir=cache_directory(), progress=notify)
            else:
                found = study.study(seeds, cache_dir=cache_directory(), progress=notify)

        def show() -> None:
            title = f"false alarms on {seeds} seeds, {found.parameters['seconds']:.0f} s"
            rows = found.tables["rates" if trained else "claims"].records()
            terminal.console().print(terminal.records_table(title, rows))
            print("".join(f"{failure}\n" for failure in found.failures), end="", flush=True)

        def write() -> None:
            if out:
                print(f"wrote {found.write(out)}")

        try_all(show, write)
        (trained_study if trained else study).forget(cache_directory())
    return 1 if found.failures else 0


def known_claims(name: str) -> tuple[Claim, ...]:
    """The claims of this id or name in the paper; RequestError with the nearest id or name if there is none."""
    from .registry import CLAIMS, named

    in_the_paper = dict.fromkeys(claim.paper for claim in CLAIMS.values() if claim.paper)
    return named(name) or named(requests.known("claim", name, [*CLAIMS, *in_the_paper]))


def _print_list() -> None:
    claims = listing.listed()
    widths = [max(len(name) for name in names) for names in zip(*((c.id, c.paper) for c in claims), strict=True)]
    for claim in claims:
        print(f"{claim.id:<{widths[0]}}  {claim.paper:<{widths[1]}}  {claim.title}")


def _print_report(report: Report, *, tables: bool, controls: bool) -> None:
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
    for line in chances(report):
        console.print(line, markup=False)


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
    if any(report.laws.values()):
        lines.append(
            "left out: laws on random decoders, whose tolerances are computed error bounds; they fail falsely only if "
            "such a bound is wrong (`elbogap false-alarms` counts)"
        )
    if any(details.get("findings") for details in trained):
        lines.append("left out: recorded findings, the same on every seed; their intervals over runs have 95 %")
    return lines


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
        name = result.claim.id + (f"\n[dim]{escape(result.claim.paper)}[/]" if result.claim.paper else "")
        table.add_row(name, verdict, *cells, f"{rejected} / {len(result.controls)}")
    return table
