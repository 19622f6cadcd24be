"""What `verify` measures, in units of work for an executor: a claim judged, or a batch of the shared table measured.

Which batches a claim needs shows when it is judged: a worker that has not got one answers with those it misses, they
are measured as units of their own, and the claim is judged again with them. What programs found comes back with every
outcome and is kept beside this process, so that a run that was killed goes on where it was; a worker needs no folder in
common with it. Each number is made by the same program from the same random numbers as in a local run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from ..shell.cache import cache_directory, prepare_once
from ..shell.executors import Executor
from ..shell.kept import keep, read_kept
from .batch import Batch
from .draws import Draws
from .formulas import kept_in
from .measurements import EFFORTS, Measurements, measure_batch
from .own import Judged, judge_measured, judge_own
from .programs import Programs
from .registry import CLAIMS

Place = tuple[str, int]
"""(family, d): a batch of the shared table."""


@dataclass(frozen=True)
class Part:
    """A unit: the claim or the batch, in the run of this effort and seed; what it may need of what is there already."""

    effort: str
    seed: int
    what: str | Place
    table: Mapping[Place, Batch] = field(default_factory=dict)
    found: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a part: a claim judged or a batch measured, or the batches that are missing.

    used: the batches that the claim asked for, in order; programs: those that it ran; found: what they found.
    """

    judged: Judged | None = None
    batch: Batch | None = None
    missing: tuple[Place, ...] = ()
    used: tuple[Place, ...] = ()
    programs: tuple[str, ...] = ()
    found: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Elsewhere:
    """What was judged elsewhere: claims by id, the part of the shared table that they use, the programs that ran."""

    judged: dict[str, Judged] = field(default_factory=dict)
    table: dict[Place, Batch] = field(default_factory=dict)
    programs: list[str] = field(default_factory=list)


class _Missing(Exception):
    """Raised where a claim asks for batches that were not sent."""


class _Sent(Measurements):
    """Measurements whose table is what was sent."""

    used: tuple[Place, ...] = ()

    def of_families(self, *families: str) -> tuple[Batch, ...]:
        """The part of the table that belongs to these families."""
        wanted = tuple(place for place in self.effort.batches if place[0] in families)
        if missing := [place for place in wanted if place not in self._kept]:
            raise _Missing(*missing)
        self.used += wanted
        return super().of_families(*families)


def work(part: Part) -> Outcome:
    """Do a part, in whatever process."""
    prepare_once()
    cache = cache_directory()
    with TemporaryDirectory() as name, kept_in(cache / "formulas"):
        for file, content in part.found.items():
            keep(Path(name, file), content)
        programs = Programs(cache / "traces", Path(name), optimise=part.effort != "quick")
        measured = _Sent(EFFORTS[part.effort], part.seed, programs=programs)
        measured.adopt(part.table)
        judged = batch = None
        missing: tuple[Place, ...] = ()
        if not isinstance(part.what, str):
            family, d = part.what
            batch = measure_batch(programs, measured.rng("gaps", family, d), family, d, measured.effort)
        elif (claim := CLAIMS[part.what]).laws is None:
            judged = judge_own(claim, Draws(part.seed, part.effort))
        else:
            try:
                judged = judge_measured(claim, measured)
            except _Missing as error:
                missing = error.args
        return Outcome(judged, batch, missing, measured.used, tuple(programs.names), _read(Path(name)))


def _read(folder: Path | None) -> dict[str, bytes]:
    """What programs found, by the name of its file."""
    paths = sorted(folder.glob("*.npz")) if folder is not None else []
    return {path.name: content for path in paths if (content := read_kept(path, bytes)) is not None}


def judge_elsewhere(
    claims: Sequence[str], effort: str, seed: int, executor: Executor, kept: Path | None, tell: Callable[[str], None]
) -> Elsewhere:
    """Judge built-in claims by an executor; kept: the folder of what programs found, None for nowhere."""
    found = {name: _read(kept) for name in claims}
    resumed = _read(kept)
    done: dict[str, Outcome] = {}
    of_batch: dict[Place, Outcome] = {}

    def answers(parts: Sequence[Part]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for index, outcome in executor.map(work, parts):
            what = parts[index].what
            tell(what if isinstance(what, str) else f"measured {what[0]}, d = {what[1]}")
            if kept is not None:
                for file in outcome.found.keys() - parts[index].found.keys():
                    keep(kept / file, outcome.found[file])
            outcomes[index] = outcome
        return [outcomes[index] for index in range(len(parts))]

    table: dict[Place, Batch] = {}
    while waiting := [name for name in claims if name not in done]:
        outcomes = answers([Part(effort, seed, name, table, found[name]) for name in waiting])
        missing: dict[Place, None] = {}
        for name, outcome in zip(waiting, outcomes, strict=True):
            if outcome.judged is not None:
                done[name] = outcome
            found[name] = dict(outcome.found)
            missing |= dict.fromkeys(outcome.missing)
        places = sorted(missing, key=lambda place: -place[1])  # what takes longest first
        of_batch |= zip(places, answers([Part(effort, seed, place, found=resumed) for place in places]), strict=True)
        table = {place: outcome.batch for place, outcome in of_batch.items() if outcome.batch is not None}
    used = dict.fromkeys(place for name in claims for place in done[name].used)  # in the order of a local run
    return Elsewhere(
        {name: outcome.judged for name, outcome in done.items() if outcome.judged is not None},
        {place: table[place] for place in used},
        [program for outcome in (*done.values(), *(of_batch[place] for place in used)) for program in outcome.programs],
    )
