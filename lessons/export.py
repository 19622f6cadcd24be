"""Lessons as static pages, alive without a server and without any network: one file each, with one script of its own.

Where a lesson shows something that depends on sliders, its page holds it at every combination of the sliders' presets;
moving a slider chooses among them. Answers are checked by the page (see `offline`), predictions are asked before what
they are about is shown, and a solution opens after a try. Without JavaScript the page shows everything at the start.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, product
from typing import Any

from markupsafe import Markup

from ..report.page import TEMPLATES, fragment, mathml, page, table
from ..report.style import power_of_ten
from .answers import ANSWERS, right_answers
from .catalogue import Lesson, lessons
from .notebook import Run, Shown, Slider
from .offline import Attempt

_LETTER = re.compile(r'<path id="f[0-9a-f]{8}-(DejaVu[^"]*)"([^>]*)/>')
_PREFIX = re.compile(r"\bid=\"(f[0-9a-f]{8})-title\"")


def with_exercises(name: str, begun: Run) -> Run:
    """The run of a lesson with each exercise in the form of a page that checks answers by itself.

    An exercise is asked with the sliders at their start: moving one does not change its answer.
    """
    right = right_answers(name, begun.values)
    asked = begun.again(**{f"{one}_answer": Attempt(right[one], ANSWERS[name][one][1]) for one in right})
    exercises = {f"{one}_right" for one in right}
    graph = [replace(cell, reads=frozenset()) if cell.defines & exercises else cell for cell in asked.graph]
    return replace(asked, graph=graph)


def lesson_page(one: Lesson, shown: Sequence[Shown], sliders: Sequence[Slider]) -> str:
    """The whole page of a lesson from what it shows `at_presets`."""
    parts = []
    for names, found in groupby(shown, key=lambda piece: piece.names):
        group = list(found)
        followed = [slider for slider in sliders if slider.name in names]
        parts.append(_moving(group, followed) if followed else "".join(piece.start for piece in group))
    body = fragment("lesson.html", command=f"elbogap lessons {one.name}", body=Markup(_distinct("".join(parts))))
    script = Markup((TEMPLATES / "lesson.js").read_text())
    return page(
        f"{one.number}. {one.title}", _with_neighbours(one, body) + Markup("<script>{}</script>").format(script)
    )


def index(chosen: Sequence[Lesson]) -> str:
    """The page that lists the lessons."""
    return page("Lessons", fragment("lessons.html", lessons=chosen))


def symbols_page() -> str:
    """The sheet of symbols: what each letter of the lessons means, the paper's symbol, and the name in code."""
    from ..theory.notation import TABLE

    def shown(latex: str) -> Markup:
        return mathml(latex, display=False) if latex else Markup("")

    rows = [
        [shown(one.latex), one.meaning, shown(one.paper), Markup("<code>{}</code>").format(one.code)] for one in TABLE
    ]
    words = Markup(
        "<p>Every letter that the lessons, the claims and the code share. Where the paper (arXiv 2206.02416) has"
        ' another symbol, it stands beside ours.</p><p><a href="index.html">All lessons</a></p>'
    )
    return page("Sheet of symbols", words + table(["symbol", "meaning", "in the paper", "in code"], rows))


def _moving(group: Sequence[Shown], sliders: Sequence[Slider]) -> str:
    """Consecutive pieces that the same sliders move: the sliders, and below them each piece at every setting."""
    controls = [
        {
            "name": one.name,
            "label": Markup(one.label),
            "most": len(one.values) - 1,
            "start": one.values.index(one.start),
        }
        | {"values": [str(_text(value)) for value in one.values]}
        for one in sliders
    ]
    pieces = []
    for piece in group:
        panels: dict[str, list[str]] = {}
        for indices in product(*(range(len(one.values)) for one in sliders)):
            chosen = ((one, one.values[i]) for one, i in zip(sliders, indices, strict=True))
            at = tuple((one.name, value) for one, value in chosen if value != one.start)
            panels.setdefault(piece.at(at), []).append("-".join(map(str, indices)))
        start = "-".join(str(one["start"]) for one in controls)
        pieces.append([{"at": at, "start": start in at, "inside": Markup(html)} for html, at in panels.items()])
    return str(fragment("moving.html", controls=controls, pieces=pieces))


def _text(value: Any) -> str:
    if isinstance(value, float) and 0 < value < 0.1:
        return power_of_ten(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}".replace("-", "−") if number else str(value)


def _distinct(html: str) -> str:
    """The same figure may stand in several panels; each after the first gets ids of its own. Letters are drawn once."""
    seen: Counter[str] = Counter()
    letters: dict[str, str] = {}
    pieces = re.split(r"(?=<svg\b)", html)
    for i, piece in enumerate(pieces):
        if match := _PREFIX.search(piece):
            piece = _LETTER.sub(lambda found: letters.setdefault(found[1], found[2]) and "", piece)
            pieces[i] = piece = re.sub(rf'href="#{match[1]}-(?=DejaVu)', 'href="#', piece)
            seen[match[1]] += 1
            if seen[match[1]] > 1:
                pieces[i] = piece.replace(f"{match[1]}-", f"{match[1]}-{seen[match[1]]}-")
    drawn = "".join(f'<path id="{name}"{rest}/>' for name, rest in letters.items())
    return f'<svg width="0" height="0" class="letters" aria-hidden="true"><defs>{drawn}</defs></svg>{"".join(pieces)}'


def _with_neighbours(one: Lesson, body: Markup) -> Markup:
    everything = lessons()
    at = everything.index(one)
    before, after = everything[at - 1 : at] if at else (), everything[at + 1 : at + 2]
    return body + fragment("lesson-links.html", before=before, after=after)
