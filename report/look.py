"""How large a figure is and how large its text: for a paper, for slides, or as asked.

Figures are drawn in inches and points for a paper: COLUMN wide where they have one panel, PAGE wide otherwise, with
text of `PAPER.font` points. A `Look` maps these sizes to others. A slide of beamer has some 4.6 inches of text, so text
is larger in proportion; a figure for a slide is made at that size, not enlarged afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import matplotlib

from ..errors import RequestError
from ..shell import requests

COLUMN, PAGE = 3.4, 6.8
"""Widths, in inches, of one column and of the text block of a paper."""
NARROWEST, WIDEST = 1.5, 40.0
"""Inches within which a figure can be drawn: below, labels do not fit; above, nobody prints it."""
SMALLEST, LARGEST = 4.0, 48.0
"""Points within which text can be read and set."""


@dataclass(frozen=True)
class Look:
    """Widths in inches of figures of one panel and of several, the text's size in points, and the height's share."""

    column: float
    page: float
    font: float
    height: float = 1.0

    def sized(self, width: float, height: float) -> tuple[float, float]:
        """The size of a figure that is drawn width x height for a paper."""
        narrow = width <= COLUMN
        return width * (self.column / COLUMN if narrow else self.page / PAGE), height * self.height

    def settings(self) -> dict[str, float]:
        """Matplotlib settings of the text that differ from the paper's."""
        share = self.font / PAPER.font
        return {name: size * share for name, size in _TEXT.items()}


_TEXT = {
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 6.8,
    "ytick.labelsize": 6.8,
    "legend.fontsize": 6.8,
}
PAPER = Look(COLUMN, PAGE, _TEXT["font.size"])
SLIDES = Look(3.6, 4.6, 8.5, 1.05)
LOOKS = {"paper": PAPER, "slides": SLIDES}


def points(size: float) -> float:
    """A text size given for a paper, in the look that is in force."""
    return size * matplotlib.rcParams["font.size"] / PAPER.font


def look(name: str, width: float | None = None, font: float | None = None) -> Look:
    """The look of this name, with every figure `width` inches wide and text of `font` points if these are given.

    The height follows the width. RequestError for an unknown name, and for sizes that cannot be drawn.
    """
    chosen = LOOKS[requests.one_of("--style", name, LOOKS)]
    if font is not None:
        if not SMALLEST <= requests.number("--font-size", font) <= LARGEST:
            raise RequestError(f"--font-size: expected {SMALLEST:g} to {LARGEST:g} points, got {font:g}")
        chosen = replace(chosen, font=font)
    if width is not None:
        if not NARROWEST <= requests.number("--width", width) <= WIDEST:
            raise RequestError(f"--width: expected {NARROWEST:g} to {WIDEST:g} inches, got {width:g}")
        chosen = replace(chosen, column=width, page=width, height=max(1.0, width / PAGE) * chosen.height)
    return chosen
