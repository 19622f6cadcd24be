"""From a figure's name to its tables and its drawing: computed, kept from an earlier run, or recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.look import PAPER, Look
from ..report.style import style
from ..results import FOLDER, recorded
from ..shell.cache import cache_directory
from .curves import stamp
from .data import Data
from .registry import Entry
from .store import keep, kept, kept_path


@dataclass(frozen=True)
class Request:
    """How tables are to be had: `fresh` computes what is kept again; `recordings` is where recorded results lie."""

    effort: str
    seed: int
    programs: Programs
    fresh: bool = False
    recordings: Path = FOLDER


def tables(one: Entry, request: Request) -> Data:
    """The tables of a figure. RequestError if it draws a recorded result that does not exist."""
    if one.experiment:
        return Data.of(recorded(one.experiment, request.recordings), request.recordings)
    path = kept_path(cache_directory() / "figures", one.name, request.effort, request.seed)
    found = None if request.fresh else kept(path)
    if found is not None:
        return found
    data = one.load().compute(request.effort, request.seed, request.programs)
    keep(path, data)
    return data


def drawing(one: Entry, data: Data, look: Look = PAPER) -> Figure:
    """The figure in this look, stamped if its results are recorded."""
    with style(look):
        figure = one.load().draw(data)
        stamp(figure, data)
    figure.set_size_inches(*look.sized(*figure.get_size_inches()))
    return figure
