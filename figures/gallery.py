"""One page with every figure, the command that makes it and its numbers: `elbogap figures --gallery DIR`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from ..report.page import fragment, page
from ..report.style import svg
from .registry import Entry
from .words import Words


@dataclass(frozen=True)
class Shown:
    """A figure of the gallery: its image as inline SVG, its words, the command, and the files beside the page."""

    name: str
    title: str
    image: Markup
    caption: str
    command: str
    files: tuple[str, ...]


def shown(one: Entry, figure: Figure, words: Words, files: Sequence[Path], effort: str, seed: int) -> Shown:
    """The entry of a figure that has been written to `files`."""
    command = f"elbogap figures {one.name} --effort {effort} --seed {seed} --out DIR"
    image = svg(figure, words.description)
    title = one.title[0].upper() + one.title[1:]
    return Shown(one.name, title, image, words.caption, command, tuple(path.name for path in files))


def gallery_page(entries: Sequence[Shown], effort: str, seed: int) -> str:
    """The whole page; the files are linked by name, so that the folder can be moved."""
    body = fragment("gallery.html", entries=entries, effort=effort, seed=seed)
    return page("Figures", body, toc=[(one.name, one.title) for one in entries])
