"""A lesson run outside the browser: its cells, and what each shows at the presets of each slider.

A marimo file writes every cell as a function whose arguments are the names it reads and whose `return` holds the names
it defines, so the dependencies are read from the file. `app.run(defs=...)` leaves out cells whose names are given. A
lesson runs once as a whole; for each further preset, only the cells that depend on that slider run again.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .static_html import blocks, slider_label


@dataclass(frozen=True)
class Cell:
    """The names that a cell reads and defines."""

    reads: frozenset[str]
    defines: frozenset[str]


@dataclass(frozen=True)
class Shown:
    """A piece of what a cell shows, as plain HTML: at the start, and at those presets where it is something else."""

    start: str
    other: Mapping[tuple[str, Any], str]


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
            returned = [one.value for one in node.body if isinstance(one, ast.Return) and one.value is not None]
            names = {one.id for value in returned[-1:] for one in ast.walk(value) if isinstance(one, ast.Name)}
            if "app.function" in ast.unparse(node.decorator_list[0]):
                names = {node.name}
            found.append(Cell(frozenset(one.arg for one in node.args.args), frozenset(names)))
    return found


def downstream(graph: Iterable[Cell], names: Iterable[str]) -> set[str]:
    """The names whose values depend on these, these included."""
    reached, graph = set(names), list(graph)
    while more := {name for cell in graph if cell.reads & reached for name in cell.defines} - reached:
        reached |= more
    return reached


def run_at_presets(path: Path) -> tuple[list[Shown], list[Slider]]:
    """What the lesson shows, piece by piece, and its sliders; the presets are the lesson's PRESETS."""
    module, graph = load(path), cells(path)
    presets: dict[str, tuple[Any, ...]] = getattr(module, "PRESETS", {})
    outputs, defs = module.app.run()
    own = {name for cell in graph for name in cell.defines}
    start = {name: value for name, value in dict(defs).items() if name in own and not hasattr(module, name)}
    base = _aligned(outputs, graph, set())
    other: list[dict[tuple[str, Any], list[str]]] = [{} for _ in graph]
    sliders = []
    for name, values in presets.items():
        (source,) = (cell for cell in graph if name in cell.defines)
        widget = next(start[read] for read in source.reads if hasattr(start.get(read), "text"))
        assert start[name] in values, f"the presets of {name} must contain its start"
        sliders.append(Slider(name, slider_label(widget.text), start[name], values))
        changing = downstream(graph, [name])
        kept = {key: value for key, value in start.items() if key not in changing}
        for value in values:
            if value == start[name]:
                continue
            given = kept | {name: value}
            outputs, _ = module.app.run(defs=given)
            for number, html in enumerate(_aligned(outputs, graph, set(given))):
                if graph[number].reads & changing and html != base[number]:
                    other[number][name, value] = html
    return [piece for both in zip(base, other, strict=True) for piece in _pieces(*both)], sliders


def _pieces(base: list[str], other: Mapping[tuple[str, Any], list[str]]) -> list[Shown]:
    """The blocks of one cell; a cell that has more of them at another preset stays whole."""
    if any(len(found) != len(base) for found in other.values()):
        base, other = ["".join(base)], {key: ["".join(found)] for key, found in other.items()}
    return [
        Shown(block, {key: found[i] for key, found in other.items() if found[i] != block})
        for i, block in enumerate(base)
    ]


def _aligned(outputs: Iterable[Any], graph: list[Cell], given: set[str]) -> list[list[str]]:
    """The blocks of each cell's output: cells that did not run, because all their names were given, have none."""
    import marimo

    remaining = iter(outputs)
    aligned = [None if cell.defines and cell.defines <= given else next(remaining) for cell in graph]
    assert next(remaining, None) is None, "a notebook has other cells than its file says"
    return [[] if output is None else blocks(marimo.as_html(output).text) for output in aligned]
