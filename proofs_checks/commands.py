"""The commands `elbogap verify` and `elbogap explain`: parameters in, a table or one JSON document out.

Everything heavy is imported inside the functions, after the request has been found valid. What is printed on
standard output is the result alone; progress goes to standard error.
"""

from __future__ import annotations

import difflib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import RequestError
from ..shell.cache import cache_directory, prepare_jax
from ..shell.progress import progress

if TYPE_CHECKING:
    from rich.table import Table

    from .claim import Claim
    from .report import Report

EFFORTS = ("quick", "standard", "full")
LARGEST_SEED = 2**32 - 1


def verify_command(
    *claims: str,
    effort: str = "quick",
    seed: int = 0,
    out: Path | None = None,
    json: bool = False,
    controls: Annotated[bool, Parameter(negative=())] = False,
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
    if effort not in EFFORTS:
        raise RequestError(f"--effort: expected one of {', '.join(EFFORTS)}, got {effort!r}")
    if not 0 <= seed <= LARGEST_SEED:
        raise RequestError(f"--seed: expected an integer from 0 to {LARGEST_SEED}, got {seed}")
    chosen = [known_claim(name) for name in claims]
    with _folder(out):
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


def false_alarms_command(*, seeds: int = 200, out: Path | None = None) -> int:
    """Measure every claim on many seeds, and count the false alarms; a killed study goes on where it was.

    Parameters
    ----------
    seeds
        How many: 0, 1, 2, ...
    out
        Folder for false-alarms.json, the table as it is recorded in the package.
    """
    prepare_jax()
    if seeds < 1:
        raise RequestError(f"--seeds: expected a positive number, got {seeds}")
    from rich.console import Console

    from .study import study

    with _folder(out):
        with progress() as notify:
            found = study(seeds, cache_dir=cache_directory(), progress=notify)
        table = found.tables["claims"]
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        rows = [{name: _cell(value) for name, value in zip(table.columns, row, strict=True)} for row in table.rows]
        console.print(_rows_table(f"false alarms on {seeds} seeds, {found.parameters['seconds']:.0f} s", rows))
        for failure in found.failures:
            console.print(failure, markup=False)
        if out:
            console.print(f"wrote {found.write(out)}", markup=False, soft_wrap=True)
    return 1 if found.failures else 0


def _cell(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def known_claim(name: str) -> Claim:
    """The claim with this id; RequestError with the nearest id if there is none."""
    from .registry import CLAIMS

    if name in CLAIMS:
        return CLAIMS[name]
    near = difflib.get_close_matches(name, CLAIMS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(CLAIMS)}"
    raise RequestError(f"unknown claim {name!r}: {hint}")


@contextmanager
def _folder(out: Path | None) -> Iterator[None]:
    """Make sure that `out` can be written before the work starts; leave nothing behind if the work fails."""
    if out is None:
        yield
        return
    made = next((path for path in [*reversed(out.parents), out] if not path.exists()), None)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise RequestError(f"--out: expected a folder that can be written, got {str(out)!r} ({reason})") from None
    try:
        yield
    except BaseException:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        raise


def _print_list(claims: list[Claim]) -> None:
    width = max(len(claim.id) for claim in claims)
    for claim in claims:
        print(f"{claim.id:<{width}}  {claim.title}")


def _print_report(report: Report, written: list[Path], *, tables: bool, controls: bool) -> None:
    """The table; with `tables` those of claims that have one of their own, with `controls` every control."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)
    console.print(report_table(report))
    for result in report.results:
        rows = result.evidence["measured"].details.get("table")
        if tables and rows:
            console.print(_rows_table(f"{result.claim.id}: {result.claim.title}", rows))
    if controls:
        console.print(_rows_table("controls: false variants, and what rejected each", _control_rows(report)))
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


def _rows_table(title: str, rows: list[dict[str, str]]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table


def report_table(report: Report) -> Table:
    """The table claim by kind of evidence, with figures."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from .verdict import KINDS

    colours = {"holds": "green", "fails": "bold red", "inconclusive": "yellow"}
    shown = [kind for kind in KINDS if any(r.evidence[kind].verdict != "n/a" for r in report.results)]
    table = Table(box=box.SIMPLE_HEAD, show_lines=False, pad_edge=False)
    for heading in ("claim", "verdict", *shown, "controls rejected"):
        table.add_column(heading, overflow="fold")
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
