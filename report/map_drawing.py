"""A map of claims as SVG: a box a claim, a mark a kind of evidence, an arrow from a claim to those that use it.

Columns are depths (a claim stands right of all that it uses); claims without arrows stand below in rows. Text and lines
take the colours of the page in light and in dark; marks have a letter as well, so that colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .style import PALETTE

WIDTH, HEIGHT, GAP, COLUMN = 150, 34, 12, 210
ROW = 4
"""Boxes in a row of the claims that stand alone."""

LETTERS = {"derived": "D", "measured": "M", "enclosed": "E", "trained": "T"}


@dataclass(frozen=True)
class Node:
    """A claim: its id, its title, the kinds of evidence that it has."""

    id: str
    title: str
    kinds: tuple[str, ...]


def drawn(nodes: Sequence[Node], arrows: Mapping[tuple[str, str], int]) -> str:
    """The SVG; arrows[a, b] is how many steps b takes from a."""
    places, height = _places(nodes, arrows)
    width = max((x for x, _ in places.values()), default=0) + WIDTH + 20
    lines = [_arrow(places[a], places[b], f"{b} takes {count} steps from {a}") for (a, b), count in arrows.items()]
    boxes = [_box(node, *places[node.id]) for node in nodes]
    said = f"Map of {len(nodes)} claims, {len(arrows)} of the pairs share steps of their derivations."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height + 30}" '
            f'style="max-width: {width}px; font: 11px sans-serif; color: inherit">',
            f"<title>Map of claims</title><desc>{escape(said)}</desc>",
            '<defs><marker id="map-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" '
            'orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>',
            *lines,
            *boxes,
            _legend(height + 18),
            "</svg>",
            "",
        ]
    )


def _places(nodes: Sequence[Node], arrows: Mapping[tuple[str, str], int]) -> tuple[dict[str, tuple[int, int]], int]:
    """Left upper corners, and the height that they take."""
    linked = {name for pair in arrows for name in pair}
    depth = {node.id: 0 for node in nodes}
    for _ in nodes:
        for a, b in arrows:
            depth[b] = max(depth[b], depth[a] + 1)
    filled: dict[int, int] = {}
    places = {}
    for node in nodes:
        if node.id in linked:
            row = filled.get(depth[node.id], 0)
            filled[depth[node.id]] = row + 1
            shift = (depth[node.id] % 2) * (HEIGHT // 2 + GAP)  # an arrow past a column runs between its boxes
            places[node.id] = (10 + depth[node.id] * COLUMN, 10 + shift + row * (HEIGHT + 2 * GAP))
    top = max((y + HEIGHT for _, y in places.values()), default=0) + 2 * GAP
    alone = [node for node in nodes if node.id not in linked]
    for k, node in enumerate(alone):
        places[node.id] = (10 + (k % ROW) * (WIDTH + 60), top + (k // ROW) * (HEIGHT + GAP))
    return places, max((y + HEIGHT for _, y in places.values()), default=0) + GAP


def _box(node: Node, x: int, y: int) -> str:
    marks = []
    for k, kind in enumerate(node.kinds):
        at = x + 6 + 16 * k
        marks.append(
            f'<rect x="{at}" y="{y + 18}" width="13" height="12" rx="2" fill="{_color(kind)}"/>'
            f'<text x="{at + 6.5}" y="{y + 27.5}" text-anchor="middle" font-size="9" fill="#fff">{LETTERS[kind]}</text>'
        )
    return (
        f"<g><title>{escape(node.title)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="none" stroke="currentColor"/>'
        f'<text x="{x + 6}" y="{y + 13}" fill="currentColor">{escape(node.id)}</text>{"".join(marks)}</g>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], said: str) -> str:
    x, y = start[0] + WIDTH, start[1] + HEIGHT // 2
    u, v = end[0], end[1] + HEIGHT // 2
    bend = (u - x) / 2
    return (
        f'<path d="M{x} {y}C{x + bend:.0f} {y} {u - bend:.0f} {v} {u} {v}" fill="none" stroke="currentColor" '
        f'stroke-opacity="0.55" marker-end="url(#map-arrow)"><title>{escape(said)}</title></path>'
    )


def _legend(y: int) -> str:
    parts = []
    for k, kind in enumerate(LETTERS):
        x = 10 + 90 * k
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="13" height="12" rx="2" fill="{_color(kind)}"/>'
            f'<text x="{x + 6.5}" y="{y - 0.5}" text-anchor="middle" font-size="9" fill="#fff">{LETTERS[kind]}</text>'
            f'<text x="{x + 18}" y="{y}" fill="currentColor">{kind}</text>'
        )
    return "".join(parts)


def _color(kind: str) -> str:
    return PALETTE[list(LETTERS).index(kind) % len(PALETTE)]
