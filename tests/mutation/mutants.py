"""Mutants of the package's sources: one small change each, at a place drawn at random.

Places are those of Python's own syntax tree, so that annotations, docstrings and other texts are left alone; formulas
that `theory` writes as text (`formula("m_a", prior="B_ab l1_b")`) count as code: their sign is turned. A place is drawn
first and then one of its changes, so that an operator with many neighbours counts no more than a condition.

Ready-made tools were looked at. Cosmic Ray changes files in place, which suits a package whose root is the repository,
but it mutates annotations (`X | None`), weights `+` by its eleven neighbours, and runs one command under one limit of
wall time for all mutants. What is needed here is less than its configuration would be.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("theory", "numerics", "proofs_checks", "auditing")
_BINARY = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.MatMult: "*", ast.FloorDiv: "*"}
_BINARY |= {ast.Mod: "+", ast.BitOr: "&", ast.BitAnd: "|"}
_COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {
    **{ast.Lt: ("<=", ">"), ast.LtE: ("<", ">="), ast.Gt: (">=", "<"), ast.GtE: (">", "<=")},
    **{ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",)},
    ast.NotIn: ("in",),
}
_SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.Mod: "%"}
_SYMBOLS |= {ast.FloorDiv: "//", ast.BitOr: "|", ast.BitAnd: "&"}


@dataclass(frozen=True)
class Mutant:
    """The text between two offsets of a file replaced by another."""

    file: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def source(self, root: Path = ROOT) -> str:
        """The file's text with the change."""
        text = (root / self.file).read_text()
        if text[self.start : self.end] != self.before:
            raise ValueError(f"{self.file}: expected {self.before!r} in line {self.line}")
        return text[: self.start] + self.after + text[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before.strip()!r} -> {self.after.strip()!r}"


def sites(file: str, root: Path = ROOT) -> list[list[Mutant]]:
    """The places of a file that can be changed, each with its changes."""
    text = (root / file).read_text()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node: ast.AST) -> tuple[int, int]:
        return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)  # type: ignore

    found = []
    for node in _code(ast.parse(text)):
        made = []
        for start, end, after in _changes(node, span, text):
            made.append(Mutant(file, node.lineno, start, end, text[start:end], after))  # type: ignore
        if made:
            found.append(made)
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree that are run: no annotations, no docstrings, no texts of errors, no imports for types."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _changes(node: ast.AST, span, text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what is there instead) of every change of a node."""
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        start, end = span(node.left)[1], span(node.right)[0]
        yield from _operator(start, end, text, _SYMBOLS[type(node.op)], _BINARY[type(node.op)])
    elif isinstance(node, ast.BoolOp):
        start, end = span(node.values[0])[1], span(node.values[1])[0]
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        if len(node.values) == 2:
            yield from _operator(start, end, text, *words)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        start, end = span(node.left)[1], span(node.comparators[0])[0]
        between = text[start:end].strip(" ()\n")
        for other in _COMPARED[type(node.ops[0])]:
            yield from _operator(start, end, text, between, other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        start, end = span(node)
        yield start, end, text[slice(*span(node.operand))]
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        start, end = span(node.test)
        yield start, end, f"(not ({text[start:end]}))"
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "formula" and node.keywords:
        for word in node.keywords:
            if isinstance(word.value, ast.Constant) and isinstance(word.value.value, str):
                first = span(word.value)[0] + 1
                yield (first, first + 1, "") if text[first] == "-" else (first, first, "-")
    elif isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes | None | type(...)):
        start, end = span(node)
        if isinstance(node.value, bool):
            yield start, end, str(not node.value)
        elif isinstance(node.value, int):
            yield start, end, str(node.value + 1)
            yield start, end, str(node.value - 1) if node.value else "2"
        elif isinstance(node.value, float):
            yield start, end, repr(node.value * 2 if node.value else 1.0)
            yield start, end, repr(node.value / 2 if node.value else -1.0)


def _operator(start: int, end: int, text: str, before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """An operator between two operands replaced, brackets around it left where they are."""
    place = text.find(before, start, end)
    if place >= 0:
        yield place, place + len(before), after


def sample(count: int, seed: int, root: Path = ROOT) -> list[Mutant]:
    """Mutants drawn without replacement: a place over all files, then one of its changes."""
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    places = [place for path in files for place in sites(str(path.relative_to(root)), root)]
    rng = random.Random(seed)
    chosen = [rng.choice(place) for place in rng.sample(places, min(count, len(places)))]
    for mutant in chosen:
        ast.parse(mutant.source(root))
    return chosen
