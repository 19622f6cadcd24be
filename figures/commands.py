"""The command `elbogap figures`: figures and their numbers into a folder.

Everything heavy is imported after the request has been found valid. The paths written are the result, on standard
output; progress and what had to be left out go to standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import RequestError
from ..shell.cache import cache_directory, prepare_jax
from ..shell.progress import progress
from .registry import FIGURES, Entry, entry

EFFORTS = ("quick", "standard", "full")
LARGEST_SEED = 2**31 - 1


def figures_command(
    *names: str,
    out: Path | None = None,
    format: str = "pdf,svg,png",
    effort: str = "quick",
    seed: int = 0,
    recompute: bool = False,
    decoder: str | None = None,
    latent_dim: int | None = None,
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
    list_
        List the figures and stop.
    """
    if list_:
        width = max(map(len, FIGURES))
        for known in FIGURES.values():
            print(f"{known.name:<{width}}  {known.title}{' (recorded)' if known.experiment else ''}")
        return 0
    chosen = [entry(name) for name in dict.fromkeys(names)] or list(FIGURES.values())
    formats = _formats(format)
    if effort not in EFFORTS:
        raise RequestError(f"--effort: expected one of {', '.join(EFFORTS)}, got {effort!r}")
    if not 0 <= seed <= LARGEST_SEED:
        raise RequestError(f"--seed: expected an integer from 0 to {LARGEST_SEED}, got {seed}")
    if (decoder is None) != (latent_dim is None) or (decoder and [one.name for one in chosen] != ["convergence"]):
        raise RequestError("--decoder: expected `figures convergence --decoder FILE.py:NAME --latent-dim D`")
    if out is None:
        raise RequestError("--out: expected a folder for the figures, got none")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out: expected a folder that can be written, got {str(out)!r} ({error})") from None
    prepare_jax()
    from ..proofs_checks.programs import Programs
    from ..results import FOLDER
    from .making import Request, drawing, tables
    from .own_decoder import own_tables
    from .store import write

    own = own_tables(decoder, latent_dim, seed) if decoder and latent_dim is not None else None
    recordings = _trained_again(chosen, effort, seed, out / "recorded") if recompute else FOLDER
    programs = Programs(cache_directory() / "traces", optimise=effort != "quick")
    request = Request(effort, seed, programs, recompute, recordings)
    missing = 0
    with progress() as notify:
        for done, one in enumerate(chosen):
            notify(done, len(chosen), one.name)
            try:
                data = own or tables(one, request)
            except RequestError as error:
                if len(chosen) == 1:
                    raise
                print(f"elbogap: left out {one.name}: {error}", file=sys.stderr)
                missing += 1
                continue
            name = f"{one.name}-{data.parameters['decoder']}" if own else one.name
            for path in write(out, name, data, drawing(one, data), formats):
                print(path)
        notify(len(chosen), len(chosen), "done")
    return 1 if missing else 0


def _formats(text: str) -> list[str]:
    known = ("pdf", "svg", "png")
    asked = list(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not asked or set(asked) - set(known):
        raise RequestError(f"--format: expected some of {', '.join(known)}, got {text!r}")
    return asked


def _trained_again(chosen: list[Entry], effort: str, seed: int, folder: Path) -> Path:
    """Train the experiments of these figures; `folder`, with the recordings."""
    if experiments := [one.experiment for one in chosen if one.experiment]:
        from ..training.commands import record_command

        record_command(*experiments, effort=effort, seed=seed, out=folder)
    return folder
