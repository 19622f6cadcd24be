"""The commands `elbogap verify`, `explain`, `false-alarms` and `new`: parameters in, a table or one document out.

Everything heavy is imported inside the functions, after the request has been found valid: a file of claims in NumPy
alone loads neither JAX nor SymPy. What is printed on standard output is the result alone; progress goes to standard
error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import RequestError
from ..shell import executors, requests, terminal
from ..shell.cache import cache_directory, prepare_jax
from ..shell.files import try_all
from ..shell.options import Flag, Whole
from ..shell.progress import progress
from . import listing

if TYPE_CHECKING:
    from ..results import Recorded
    from ..shell.executors import Executor
    from ..shell.progress import Progress
    from .claim import Claim
    from .compare import Comparison
    from .report import Report


def verify_command(
    *claims: str,
    effort: str = "quick",
    seed: Whole = 0,
    out: Path | None = None,
    json: bool = False,
    controls: Flag = False,
    tables: Flag = False,
    macros: Path | None = None,
    compare: Path | None = None,
    map_: Annotated[Path | None, Parameter(name="--map")] = None,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
    workers: Whole = 1,
    cluster: str | None = None,
) -> int:
    """Check claims: derive them, measure them on random instances, reject their false variants.

    A FILE.py is executed, and every claim in it is checked (`elbogap.theorem`; `elbogap new FILE.py` writes one).

    Parameters
    ----------
    claims
        Ids of claims or their names in the paper ("Theorem 1"), or FILE.py[:NAME] with claims of your own; all
        built-in ones when none is named.
    effort
        quick (two minutes at most), standard or full: how many instances, how many repetitions.
    seed
        Seed of everything random; the same seed gives the same digits.
    out
        Folder for report.html, report.json, the numbers as CSV and the certificate of the enclosures.
    json
        Print one JSON document instead of the table.
    controls
        Print the false variants as well, each with what rejected it.
    tables
        Print every law as a table: value, error, local order, Richardson limit, floor.
    macros
        File for the headline numbers as LaTeX macros: \\elbogapOrder{elbo-limit} and the like.
    compare
        An older report.json: say which verdicts, constants and counts changed; exit 1 if a claim lost its verdict.
    map_
        File for the map of claims (SVG): which uses which, by the steps that their derivations share.
    list_
        List the claims and stop.
    workers
        How many processes of this machine measure, beside the one for derivations.
    cluster
        Address of a Dask scheduler whose workers measure instead (extra `cluster`).
    """
    if list_:
        _print_list()
        return 0
    requests.effort(effort)
    requests.seed(seed)
    for name, path in (("--macros", macros), ("--map", map_)):
        if path is not None:
            requests.out_file(path, name)
    old = _old(compare)
    with executors.chosen(workers, cluster) as executor, ExitStack() as stack:
        chosen = _asked(claims)
        stack.enter_context(requests.out_folder(out))
        from .verify import forget, verify

        with progress() as notify:
            report = verify(
                chosen or None,
                effort=effort,
                seed=seed,
                progress=notify,
                certificate=out is not None,
                cache_dir=cache_directory(),
                keep_unfinished=True,
                executor=executor,
            )
        found: list[Comparison] = []

        def show() -> None:
            if json:
                print(report.to_json(), flush=True)
            else:
                from .terminal_report import print_report

                print_report(report, tables=bool(claims), controls=controls, curves=tables)

        def write() -> None:
            for path in _written(report, out, macros, map_):
                if not json:
                    print(f"wrote {path}", flush=True)

        def compare_with_old() -> None:
            if old is not None:
                from .compare import compared

                found.append(compared(old, report.document()))
                for line in found[0].lines:
                    terminal.notice(line) if json else terminal.say(line)

        try_all(show, write, compare_with_old)
        forget([result.claim.id for result in report.results], effort, seed, cache_directory())
    if found and found[0].lost:
        return 1
    return 0 if report.holds else 1


def _written(report: Report, out: Path | None, macros: Path | None, map_: Path | None) -> Iterator[Path]:
    """Write what was asked for, one file after the other."""
    from ..shell.files import write_by_rename

    yield from report.write(out) if out else ()
    if macros is not None:
        from .macros import macros_text

        yield write_by_rename(macros, macros_text(report))
    if map_ is not None:
        from .claim_map import map_svg

        yield write_by_rename(map_, map_svg([result.claim for result in report.results]))


def _old(path: Path | None) -> dict | None:
    """The document that is to be compared with."""
    if path is None:
        return None
    from ..report.schema import read

    return read(path)


def _asked(names: tuple[str, ...]) -> list[Claim]:
    """The claims of this request, files executed; JAX is made ready first if a built-in one is among them."""
    from .loading import claims_in, is_file

    for name in names:
        if not is_file(name):
            listing.check(name)
    if not names or not all(map(is_file, names)):
        prepare_jax()
    found: dict[str, Claim] = {}
    for name in names:
        for claim in claims_in(name) if is_file(name) else known_claims(name):
            if found.setdefault(claim.id, claim) is not claim:
                raise RequestError(f"claim {claim.id!r}: expected one claim with this id, got two")
    return list(found.values())


def explain_command(claim: str, /, *, latex: bool = False) -> int:
    """Show a claim: statement, assumptions, then each step of its derivation with the rule that checks it.

    Parameters
    ----------
    claim
        Id of the claim or its name in the paper ("Theorem 1"), or FILE.py[:NAME]; `elbogap verify --list` shows
        the built-in ones.
    latex
        Print a LaTeX document body instead of Unicode.
    """
    from .loading import claims_in, is_file

    if is_file(claim):
        from .explain import explain

        text = "\n\n".join(explain(one, latex=latex) for one in claims_in(claim))
    else:
        text = listing.explained(claim, latex=latex)
    print(text) if latex else terminal.say(text)
    return 0


def new_command(file: Path, /) -> int:
    """Write a file with a claim that holds as it stands, to be made into your own.

    Parameters
    ----------
    file
        The file to write; it must not exist.
    """
    from .new_claim import write_new

    print(write_new(file))
    return 0


def false_alarms_command(
    file: str | None = None,
    /,
    *,
    seeds: Whole = 200,
    first_seed: Annotated[Whole, Parameter(name=("--first-seed", "--first"))] = 0,
    trained: Flag = False,
    out: Path | None = None,
    workers: Whole = 1,
    cluster: str | None = None,
) -> int:
    """Measure every claim on many seeds, and count the false alarms; a killed study goes on where it was.

    Parameters
    ----------
    file
        FILE.py[:NAME] with claims of your own; the built-in ones if it is not given.
    seeds
        How many: the first seed and those that follow it.
    first_seed
        The first seed: one that nothing was chosen on makes the study a fresh one.
    trained
        Study the case that is trained on the spot, not what is measured.
    out
        Folder for the table as it is recorded in the package: false-alarms.json and the like.
    workers
        How many processes of this machine judge seeds.
    cluster
        Address of a Dask scheduler whose workers judge them instead (extra `cluster`).
    """
    requests.whole("--seeds", seeds, 1, requests.LARGEST_SEED)
    requests.whole("--first-seed", first_seed, 0, requests.LARGEST_SEED - seeds + 1)
    if file is not None and trained:
        raise RequestError("--trained: expected no FILE.py beside it, got one")
    if file is None:
        prepare_jax()
    else:
        from .own_study import claims_of

        claims_of(file)
    with requests.out_folder(out), executors.chosen(workers, cluster) as executor:
        with progress() as notify:
            found, forget = _study(file, trained, range(first_seed, first_seed + seeds), executor, notify)

        def show() -> None:
            title = f"false alarms on {seeds} seeds, {found.parameters['seconds']:.0f} s"
            rows = found.tables["rates" if trained else "claims"].records()
            terminal.console().print(terminal.records_table(title, rows))
            print("".join(f"{failure}\n" for failure in found.failures), end="", flush=True)

        def write() -> None:
            if out:
                print(f"wrote {found.write(out)}")

        try_all(show, write)
        forget()
    return 1 if found.failures else 0


def _study(
    file: str | None, trained: bool, seeds: range, executor: Executor, notify: Progress
) -> tuple[Recorded, Callable[[], None]]:
    """The study that was asked for, and what forgets the seeds that it keeps until it is written down."""
    count, first, cache_dir = len(seeds), seeds[0], cache_directory()
    if file is not None:
        from .own_study import study_own

        return study_own(file, count, first=first, progress=notify, executor=executor), lambda: None
    if trained:
        from . import trained_study

        found = trained_study.study_training(first, count, cache_dir=cache_dir, progress=notify, executor=executor)
        return found, partial(trained_study.forget, seeds, cache_dir)
    from . import study

    found = study.study(count, first=first, cache_dir=cache_dir, progress=notify, executor=executor)
    return found, partial(study.forget, seeds, cache_dir)


def known_claims(name: str) -> tuple[Claim, ...]:
    """The claims of this id or name in the paper; RequestError with the nearest id or name if there is none."""
    from .registry import CLAIMS, named

    in_the_paper = dict.fromkeys(claim.paper for claim in CLAIMS.values() if claim.paper)
    return named(name) or named(requests.known("claim", name, [*CLAIMS, *in_the_paper]))


def _print_list() -> None:
    claims = listing.listed()
    widths = [max(len(name) for name in names) for names in zip(*((c.id, c.paper) for c in claims), strict=True)]
    for claim in claims:
        terminal.say(f"{claim.id:<{widths[0]}}  {claim.paper:<{widths[1]}}  {claim.title}")
