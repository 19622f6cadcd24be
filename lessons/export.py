"""Lessons as static pages, which need no server, no network and no JavaScript.

Where a lesson shows something that depends on a slider, its page shows it at the slider's presets: radio buttons choose
one on a screen (`:has` in the page's style), and print shows all of them, each with a caption.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ..report.page import fragment, page
from ..report.style import power_of_ten
from .catalogue import Lesson, lessons
from .notebook import Shown, Slider

_PREFIX = re.compile(r"\bid=\"(f[0-9a-f]{8})-title\"")


def lesson_page(one: Lesson, shown: Sequence[Shown], sliders: Sequence[Slider]) -> str:
    """The whole page of a lesson from what it shows `at_presets`."""
    parts = []
    groups = groupby(shown, key=lambda cell: tuple(sorted({name for name, _ in cell.other})))
    for number, (names, group) in enumerate(groups):
        followed = [slider for slider in sliders if slider.name in names]
        parts.append(_presets(number, list(group), followed) if followed else _plain(list(group)))
    body = fragment("lesson.html", command=f"elbogap lessons {one.name}", body=Markup(_distinct("".join(parts))))
    return page(f"{one.number}. {one.title}", _with_neighbours(one, body))


def index(chosen: Sequence[Lesson]) -> str:
    """The page that lists the lessons."""
    return page("Lessons", fragment("lessons.html", lessons=chosen))


def _plain(group: Sequence[Shown]) -> str:
    return "".join(cell.start for cell in group)


def _presets(number: int, group: Sequence[Shown], sliders: Sequence[Slider]) -> str:
    """Consecutive cells that depend on the same sliders: a panel for the start and one for each other preset."""
    panels = [_panel(", ".join(f"{one.label} = {_text(one.start)}" for one in sliders), _plain(group), chosen=True)]
    for slider in sliders:
        others = []
        for value in slider.values:
            inside = "".join(cell.other.get((slider.name, value), cell.start) for cell in group)
            others.append(_panel(f"{slider.label} = {_text(value)}", inside, chosen=value == slider.start))
        # One slider: its values in their order. Several: the start first, then what each changes alone.
        panels = others if len(sliders) == 1 else panels + [one for one in others if not one["chosen"]]
    return str(fragment("presets.html", group=f"presets-{number}", panels=panels))


def _panel(caption: str, inside: str, *, chosen: bool) -> dict[str, Any]:
    return {"caption": Markup(caption), "inside": Markup(inside), "chosen": chosen}


def _text(value: Any) -> str:
    if isinstance(value, float) and 0 < value < 0.1:
        return power_of_ten(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}".replace("-", "−") if number else str(value)


def _distinct(html: str) -> str:
    """The same figure may stand in several panels; each after the first gets ids of its own."""
    seen: Counter[str] = Counter()
    pieces = re.split(r"(?=<svg\b)", html)
    for i, piece in enumerate(pieces):
        if match := _PREFIX.search(piece):
            seen[match[1]] += 1
            if seen[match[1]] > 1:
                pieces[i] = piece.replace(f"{match[1]}-", f"{match[1]}-{seen[match[1]]}-")
    return "".join(pieces)


def _with_neighbours(one: Lesson, body: Markup) -> Markup:
    everything = lessons()
    at = everything.index(one)
    before, after = everything[at - 1 : at] if at else (), everything[at + 1 : at + 2]
    return body + fragment("lesson-links.html", before=before, after=after)
