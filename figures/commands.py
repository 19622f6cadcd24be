"""The command `elbogap figures`: figures and their numbers into a folder.

Everything heavy is imported after the request has been found valid. The paths written are the result, on standard
output; progress and what had to be left out go to standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import RequestError
from ..report.look import Look, look
from ..shell import requests
from ..shell.cache import cache_directory, prepare_jax
from ..shell.options import Real, Whole
from ..shell.progress import progress
from ..shell.terminal import notice, say
from .registry import FIGURES, Entry, entry

if TYPE_CHECKING:
    from .data import Data
    from .gallery import Shown
    from .making import Request

FORMATS = ("pdf", "svg", "png")


def figures_command(
    *names: str,
    out: Path | None = None,
    format: str = "pdf,svg,png",
    effort: str = "quick",
    seed: Whole = 0,
    recompute: bool = False,
    decoder: str | None = None,
    latent_dim: Whole | None = None,
    claim: str | None = None,
    style: str = "paper",
    width: Real | None = None,
    font_size: Real | None = None,
    gallery: Path | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> int:
    """Draw figures, with their numbers as CSV.

    Parameters
    ----------
    names
        Figures to draw; all when none is named. `--list` shows them.
    out
        Folder for the files; made if it does not exist.
    format
        Formats, separated by commas: some of pdf, svg, png.
    effort
        quick, standard or full: how many random decoders are measured.
    seed
        Seed of the random decoders; the same seed gives the same digits.
    recompute
        Compute again what is kept, and train again what is recorded (hours at --effort full).
    decoder
        FILE.py:NAME of a decoder of your own, for the figure `convergence`.
    latent_dim
        Its latent dimension.
    claim
        FILE.py[:NAME] with claims of your own, for the figure `convergence`; the file is executed.
    style
        paper, or slides: smaller figures with larger text.
    width
        Width of every figure in inches; the height follows.
    font_size
        Size of the text in points.
    gallery
        Folder for the figures and index.html, a page that shows each with its command and its numbers.
    list_
        List the figures and stop.
    """
    if list_:
        return _list()
    chosen = [entry(name) for name in dict.fromkeys(names)] or list(FIGURES.values())
    formats = _formats(format)
    requests.effort(effort)
    requests.seed(seed)
    if latent_dim is not None:
        requests.whole("--latent-dim", latent_dim, 1)
    if (decoder is None) != (latent_dim is None) or (decoder and [one.name for one in chosen] != ["convergence"]):
        raise RequestError("--decoder: expected `figures convergence --decoder FILE.py:NAME --latent-dim D`")
    if claim is not None and ([one.name for one in chosen] != ["convergence"] or decoder or gallery):
        raise RequestError("--claim: expected `figures convergence --claim FILE.py[:NAME] --out DIR`")
    chosen_look = look(style, width, font_size)
    if out is not None and gallery is not None:
        raise RequestError("--gallery: expected it in place of --out, got both")
    out = out or gallery
    if out is None:
        raise RequestError("--out: expected a folder for the figures, got none")
    with requests.out_folder(out):
        if claim is not None:
            from .own_claim import claim_figures

            for path in claim_figures(claim, effort, seed, out, formats, chosen_look):
                print(path)
            return 0
        prepare_jax()
        from ..proofs_checks.programs import Programs
        from ..results import FOLDER
        from .making import Request
        from .own_decoder import own_tables

        own = own_tables(decoder, latent_dim, seed) if decoder and latent_dim is not None else None
        recordings = _trained_again(chosen, effort, seed, out / "recorded") if recompute else FOLDER
        programs = Programs(cache_directory() / "traces", optimise=effort != "quick")
        request = Request(effort, seed, programs, recompute, recordings)
        drawn = _draw(chosen, own, request, Files(out, formats, chosen_look))
        if gallery is not None:
            from ..shell.files import write_by_rename
            from .gallery import gallery_page

            print(write_by_rename(out / "index.html", gallery_page(drawn, effort, seed)))
    return 1 if len(drawn) < len(chosen) else 0


def _list() -> int:
    width = max(map(len, FIGURES))
    for known in FIGURES.values():
        say(f"{known.name:<{width}}  {known.title}{' (recorded)' if known.experiment else ''}")
    return 0


@dataclass(frozen=True)
class Files:
    """Where figures are written, in which formats and in which look."""

    folder: Path
    formats: list[str]
    look: Look


def _draw(chosen: list[Entry], own: Data | None, request: Request, files: Files) -> list[Shown]:
    """Write the figures and print their paths; those that were not left out."""
    from .gallery import shown
    from .making import drawing, tables
    from .store import write
    from .words import words

    drawn = []
    with progress() as notify:
        for done, one in enumerate(chosen):
            notify(done, len(chosen), one.name)
            try:
                data = own or tables(one, request)
            except RequestError as error:
                if len(chosen) == 1:
                    raise
                notice(f"left out {one.name}: {error}")
                continue
            name = f"{one.name}-{data.parameters['decoder']}" if own else one.name
            figure = drawing(one, data, files.look)
            said = words(one.load().CAPTION, figure)
            written = write(files.folder, name, data, figure, files.formats, said, files.look)
            drawn.append(shown(one, figure, said, written, request.effort, request.seed))
            for path in written:
                print(path)
        notify(len(chosen), len(chosen), "done")
    return drawn


def _formats(text: str) -> list[str]:
    asked = list(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not asked or set(asked) - set(FORMATS):
        raise RequestError(f"--format: expected some of {', '.join(FORMATS)}, got {requests.shown(text)}")
    return asked


def _trained_again(chosen: list[Entry], effort: str, seed: int, folder: Path) -> Path:
    """Train the experiments of these figures; `folder`, with the recordings."""
    if experiments := [one.experiment for one in chosen if one.experiment]:
        from ..training.commands import record_command

        record_command(*experiments, effort=effort, seed=seed, out=folder)
    return folder
