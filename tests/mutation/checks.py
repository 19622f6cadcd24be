"""What a mutant is checked by: the test files nearest to its module, and the claims that stand on it.

Tests: those named for the module; where there are none those that import it, else those of the modules that import
it.
Claims: those whose modules import it. For a module of `theory` their derivations are checked; for one of `theory` or
`proofs_checks` their laws and controls are judged, on a table of measurements that the unchanged sources made: what
notices a mutant of `numerics` is the tests.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutants import ROOT

TESTS, CLAIMS = 4, 3
"""So many test files and claims at most: the smallest files, the claims that import the module most directly."""
SLOW = {
    *(
        "test_verify.py",
        "test_lessons.py",
        "test_second_route.py",
        "test_readme.py",
        "test_docs.py",
        "test_packaging.py",
    ),
    *("test_reference_bank.py", "test_promotion.py", "test_executors.py", "test_figures.py"),
}
"""Files that cost minutes, or start the whole package again and again."""

COMMANDS = {
    "proofs_checks/commands.py": ("tests/proofs_checks/test_own_claims.py",),
    "auditing/commands.py": ("tests/auditing/test_requests.py",),
}
"""Modules that no test imports, since they are reached by the command line."""


@dataclass(frozen=True)
class Checks:
    """Test files, claims to derive, claims to judge."""

    tests: tuple[str, ...]
    derived: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("elbogap", *(part for part in parts if part != "__init__")))


@cache
def _imports() -> dict[Path, frozenset[str]]:
    """What every source and test file imports of the package."""
    return {path: _imported(path) for path in ROOT.rglob("*.py") if not path.relative_to(ROOT).parts[0].startswith(".")}


def _imported(path: Path) -> frozenset[str]:
    package = ("elbogap", *path.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def _importers(module: Path) -> list[Path]:
    return [path for path, names in _imports().items() if _name(module) in names]


def checks(file: str) -> Checks:
    """The checks of the module in this file."""
    if file in COMMANDS:
        return Checks(COMMANDS[file])
    module = ROOT / file
    ring, seen = [module], {module}
    tests: list[Path] = []
    claims: dict[str, None] = {}
    for depth in range(4):
        named = [path for one in ring for path in _named(one)]
        importing = [path for one in ring for path in _importers(one)]
        if not tests:
            tests = _cheap(named) or _cheap([path for path in importing if "tests" in path.parts])
        claims |= dict.fromkeys(_claim(one) for one in ring if one.parent.name == "claims" and one.stem != "__init__")
        if tests and (len(claims) >= CLAIMS or depth == 3):
            break
        ring = [path for path in importing if path not in seen and "tests" not in path.parts]
        seen |= set(ring)
    some = tuple(claims)[:CLAIMS]
    room = file.split("/")[0]
    return Checks(
        tuple(str(path.relative_to(ROOT)) for path in tests),
        some if room == "theory" else (),
        some if room in ("proofs_checks", "theory") else (),
    )


def _named(module: Path) -> list[Path]:
    """The test files of this name, in the tests of the module's own folder."""
    return list((ROOT / "tests" / module.relative_to(ROOT).parts[0]).rglob(f"test_{module.stem}.py"))


def _cheap(paths: list[Path]) -> list[Path]:
    """The smallest files, each once."""
    kept = {path for path in paths if path.name.startswith("test_") and path.name not in SLOW}
    return sorted(kept, key=lambda path: path.stat().st_size)[:TESTS]


def _claim(module: Path) -> str:
    return module.stem.replace("_", "-")
