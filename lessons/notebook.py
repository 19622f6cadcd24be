"""A lesson run outside the browser: its cells, and what each shows at the presets of each slider.

A marimo file writes every cell as a function whose arguments are the names it reads and whose `return` holds the names
it defines, so the dependencies are read from the file. `app.run(defs=...)` leaves out cells whose names are given. A
lesson runs once as a whole; for each further preset, only the cells that depend on that slider run again.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from types import ModuleType
from typing import Any

from .static_html import blocks, slider_label


@dataclass(frozen=True)
class Cell:
    """The names that a cell reads and defines."""

    reads: frozenset[str]
    defines: frozenset[str]


At = tuple[tuple[str, Any], ...]
"""Values of sliders other than where they start: pairs (name, value) in the order of PRESETS; empty for the start."""


@dataclass(frozen=True)
class Shown:
    """A piece of what a cell shows, as plain HTML: at the start, and at those settings where it is something else."""

    start: str
    other: Mapping[At, str]

    @property
    def names(self) -> frozenset[str]:
        """The sliders that move it."""
        return frozenset(name for at in self.other for name, _ in at if self.at(_without(at, name)) != self.at(at))

    def at(self, setting: At) -> str:
        """The piece at these values of sliders."""
        return self.other.get(setting, self.start)


@dataclass(frozen=True)
class Slider:
    """A preset of PRESETS: the name of the value, its label as HTML, where it starts, all values shown."""

    name: str
    label: str
    start: Any
    values: tuple[Any, ...]


def load(path: Path) -> ModuleType:
    """The notebook as a module; its `app` runs it."""
    spec = importlib.util.spec_from_file_location(f"elbogap_lesson_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(path: Path) -> list[Cell]:
    """The cells of a notebook, in the order of the file."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and any("app" in ast.unparse(one) for one in node.decorator_list):
            if "app.function" in ast.unparse(node.decorator_list[0]):  # its arguments are its own
                found.append(Cell(frozenset(), frozenset({node.name})))
                continue
            returned = [one.value for one in node.body if isinstance(one, ast.Return) and one.value is not None]
            names = {one.id for value in returned[-1:] for one in ast.walk(value) if isinstance(one, ast.Name)}
            found.append(Cell(frozenset(one.arg for one in node.args.args), frozenset(names)))
    return found


def downstream(graph: Iterable[Cell], names: Iterable[str]) -> set[str]:
    """The names whose values depend on these, these included."""
    reached, graph = set(names), list(graph)
    while more := {name for cell in graph if cell.reads & reached for name in cell.defines} - reached:
        reached |= more
    return reached


@dataclass(frozen=True)
class Run:
    """One run of a lesson: the notebook, its cells, the blocks of HTML that each shows, and the value of every name."""

    notebook: ModuleType
    graph: Sequence[Cell]
    shown: Sequence[Sequence[str]]
    values: Mapping[str, Any]

    def again(self, **given: Any) -> Run:
        """The same with these values; only the cells that depend on them run again."""
        changing = downstream(self.graph, given)
        return _run(
            self.notebook, self.graph, {k: v for k, v in self.values.items() if k not in changing} | given, self
        )


def run(path: Path, **given: Any) -> Run:
    """Run a lesson, with these values in place of those of its own cells."""
    return _run(load(path), cells(path), given)


def at_presets(first: Run) -> tuple[list[Shown], list[Slider]]:
    """What the lesson shows, piece by piece, and its sliders; the presets are the lesson's PRESETS.

    A cell that depends on several sliders is shown at every combination of their presets.
    """
    presets = first.notebook.PRESETS
    for name, values in presets.items():
        assert first.values[name] in values, f"the presets of {name} must contain its start"
    moved = _moved(first, tuple(presets))
    other: list[dict[At, Sequence[str]]] = [{} for _ in first.graph]
    runs: dict[At, Run] = {(): first}
    for names in sorted({some for by in moved for k in range(1, len(by) + 1) for some in combinations(by, k)}, key=len):
        for chosen in product(*([one for one in presets[name] if one != first.values[name]] for name in names)):
            at = tuple(zip(names, chosen, strict=True))
            runs[at] = runs[at[:-1]].again(**dict(at[-1:]))  # what the last slider does not move has run before
            for found, by, base, html in zip(other, moved, first.shown, runs[at].shown, strict=True):
                if html != base and set(names) <= set(by):
                    found[at] = html
    sliders = [Slider(name, _label(first, name), first.values[name], tuple(presets[name])) for name in presets]
    return [piece for both in zip(first.shown, other, strict=True) for piece in _pieces(*both)], sliders


def _without(at: At, name: str) -> At:
    return tuple(one for one in at if one[0] != name)


def _moved(first: Run, names: Sequence[str]) -> list[tuple[str, ...]]:
    """For each cell the sliders on which it depends."""
    reached = {name: downstream(first.graph, [name]) for name in names}
    return [tuple(name for name in names if reached[name] & (cell.reads | cell.defines)) for cell in first.graph]


def _label(first: Run, name: str) -> str:
    """The label of the slider whose value has this name, as HTML."""
    (source,) = (cell for cell in first.graph if name in cell.defines)
    widget = next(first.values[read] for read in source.reads if hasattr(first.values.get(read), "text"))
    return slider_label(widget.text)


def _pieces(base: Sequence[str], other: Mapping[At, Sequence[str]]) -> list[Shown]:
    """The blocks of one cell; a cell that has more of them at another preset stays whole."""
    if any(len(found) != len(base) for found in other.values()):
        base, other = ["".join(base)], {key: ["".join(found)] for key, found in other.items()}
    return [
        Shown(block, {key: found[i] for key, found in other.items() if found[i] != block})
        for i, block in enumerate(base)
    ]


def _run(notebook: ModuleType, graph: Sequence[Cell], given: Mapping[str, Any], before: Run | None = None) -> Run:
    """Run the cells whose names are not given; the others show what they showed before."""
    import marimo

    outputs, defined = notebook.app.run(defs=dict(given))
    remaining, shown = iter(outputs), []
    for number, cell in enumerate(graph):
        if cell.defines and cell.defines <= given.keys():
            shown.append(before.shown[number] if before else [])
        else:
            output = next(remaining)
            shown.append([] if output is None else blocks(marimo.as_html(output).text))
    assert next(remaining, None) is None, "a notebook has other cells than its file says"
    own = {name for cell in graph for name in cell.defines}
    values = {name: value for name, value in dict(defined).items() if name in own and not hasattr(notebook, name)}
    return Run(notebook, graph, shown, values)
