"""The lessons in this folder, read from their files without running them.

A lesson is a marimo notebook `NN_name.py`. Its title is that of its `marimo.App(app_title=...)`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..shell.requests import known

FOLDER = Path(__file__).parent
_FILE = re.compile(r"(\d\d)_(\w+)\.py")


@dataclass(frozen=True)
class Lesson:
    """One notebook: its number, short name, title and file."""

    number: int
    name: str
    title: str
    path: Path

    @property
    def page(self) -> str:
        """The name of its static page."""
        return f"{self.path.stem}.html"


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order of their numbers."""
    found = ((_FILE.fullmatch(path.name), path) for path in sorted(FOLDER.glob("*.py")))
    return tuple(
        Lesson(int(match[1]), match[2].replace("_", "-"), _title(path), path) for match, path in found if match
    )


def lesson(name: str) -> Lesson:
    """The lesson with this number, name or file name; RequestError, naming all, if there is none."""
    wanted = name.removesuffix(".py").lower().replace("_", "-")
    for one in lessons():
        if wanted in (str(one.number), f"{one.number:02}", one.name, f"{one.number:02}-{one.name}"):
            return one
    by_name = {one.name: one for one in lessons()}
    return by_name[known("lesson", name, by_name, "a number or one of ")]


def _title(path: Path) -> str:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "app_title" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return path.stem
