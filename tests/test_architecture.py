"""The house rules that a machine can read: who imports whom, what is documented, what a start costs in imports."""

import ast
import builtins
import dis
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import elbogap
import pytest

ROOT = Path(elbogap.__file__).parent
ARROWS = {
    "errors": set(),
    "shell": set(),
    "theory": {"shell"},
    "numerics": set(),
    "results": {"shell"},
    "report": {"shell", "theory"},
    "enclosures": {"shell", "theory"},
    "training": {"shell", "numerics", "results"},
    "auditing": {"shell", "numerics", "report"},
    "proofs_checks": {"shell", "theory", "numerics", "results", "report", "enclosures", "training"},
    "theorem": {"shell", "theory", "proofs_checks"},
    "figures": {"shell", "numerics", "results", "report", "training", "auditing", "proofs_checks"},
    "lessons": {"shell", "theory", "numerics", "results", "report", "training", "proofs_checks", "theorem"},
    "testing": {"shell", "numerics", "proofs_checks"},
    "cli": {"shell"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Who imports whom: every folder and every module of the root, in an order in which each knows only earlier ones.
Arrows to `errors`, which everybody may raise and which knows nobody, are left out.
"""

FOLDERS = tuple(name for name in ARROWS if (ROOT / name).is_dir())
FORBIDDEN_LIBRARIES = {"theory": {"jax", "equinox", "optimistix"}, "numerics": {"sympy", "mpmath"}}
NOT_WRITTEN = {"results", "build", "dist", "site"}
"""Folders of the root that are recorded or built, not written."""

SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))] + sorted(ROOT.glob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """The absolute names of everything that a source file imports, relative imports resolved."""
    package = ("elbogap", *path.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    """The folder of the package that a source file lies in, or the root's module that it is."""
    inside = path.relative_to(ROOT).parts
    return inside[0] if len(inside) > 1 else path.stem


def test_who_imports_whom_is_exactly_this() -> None:
    """The arrows between folders and the root's modules are those of the table: none is missing, none too many."""
    found: dict[str, set[str]] = {room(path): set() for path in SOURCES}
    for path in SOURCES:
        inside = {name.split(".")[1] for name in imported_modules(path) if name.startswith("elbogap.")}
        found[room(path)] |= inside & set(ARROWS) - {room(path), "errors"}
    assert found == ARROWS


def test_nothing_imports_upward() -> None:
    """Each folder knows only those before it in the table, and the ground floors do not know each other."""
    names = list(ARROWS)
    for place, name in enumerate(names):
        assert ARROWS[name] <= set(names[:place]), name
    assert "numerics" not in ARROWS["theory"] and "theory" not in ARROWS["numerics"]


@pytest.mark.parametrize("folder", FORBIDDEN_LIBRARIES)
def test_the_ground_floors_leave_each_others_libraries_alone(folder: str) -> None:
    """Theory imports no library of numerics, and numerics none of theory."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        libraries = {name.split(".")[0] for name in imported_modules(path)}
        assert not libraries & FORBIDDEN_LIBRARIES[folder], path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_is_documented_and_holds_one_concept(path: Path) -> None:
    """Every module has a docstring and at most 400 lines."""
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert text.count("\n") <= 400, f"{path} is too long to be one concept"


OPTIONS = {
    "auditing/audit.py: audit": "the call that users make, every option named at the call and described once",
    "proofs_checks/assertions.py: assert_converges": "the call in users' tests, every option named at the call",
}
"""Functions that may have more parameters than others, and why; what follows the first eight is named by the caller."""

_STEPS = re.compile(r"\b(Derivation|Step)\b")


def _is_step_list(function: ast.FunctionDef) -> bool:
    """Whether it returns a derivation or its steps: a list to be read from top to bottom."""
    return function.returns is not None and bool(_STEPS.search(ast.unparse(function.returns)))


def _lines(function: ast.FunctionDef, command: bool) -> int:
    """The lines of a function; of a command those of its body, since signature and docstring are its manual."""
    first = function.lineno
    if command:
        first = function.body[1 if ast.get_docstring(function) else 0].lineno
    return (function.end_lineno or first) - first + 1


def _parameters(function: ast.FunctionDef) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    own = bool(named) and named[0].arg in ("self", "cls")
    return len(named) - own + (given.vararg is not None) + (given.kwarg is not None)


@pytest.mark.parametrize("folder", sorted({room(path) for path in SOURCES} - {"lessons"}))
def test_functions_are_short(folder: str) -> None:
    """At most 60 lines and 8 parameters, but for step lists, commands' signatures and the named calls."""
    for path in SOURCES:
        if room(path) != folder:
            continue
        place = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            name, command = f"{place}: {node.name}", node.name.endswith("_command")
            assert _lines(node, command) <= 60 or _is_step_list(node), f"{name} is too long"
            assert _parameters(node) <= 8 or command or name in OPTIONS, f"{name} has too many parameters"
            if name in OPTIONS:
                assert len(node.args.posonlyargs) + len(node.args.args) <= 8 < _parameters(node), name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Every link from the front pages to a file of the repository leads to one."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert name != "README.md" or len(targets) > 12
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_claims_go_by_their_names() -> None:
    """No text numbers the claims, as a T and a number would: a reader has their names to find them by."""
    folders = [
        path for path in ROOT.iterdir() if path.is_dir() and path.name not in NOT_WRITTEN and path.name[0] != "."
    ]
    paths = [path for folder in folders for path in folder.rglob("*")] + list(ROOT.iterdir())
    texts = [path for path in paths if path.suffix in (".py", ".md", ".toml", ".html", ".cff") and path.is_file()]
    assert len(texts) > 250
    for path in texts:
        assert not re.findall(r"\bT\d{1,2}\b", path.read_text(encoding="utf-8")), path


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_global_name_is_defined(path: Path) -> None:
    """A name that a module reads is assigned or imported in it: linters are told to skip names in annotations."""
    codes = list(_codes(compile(path.read_text(), str(path), "exec")))
    steps = [step for code in codes for step in dis.get_instructions(code)]
    read = {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    written = {step.argval for step in steps if step.opname in ("STORE_NAME", "STORE_GLOBAL", "IMPORT_NAME")}
    implicit = {"__file__", "__name__", "__package__", "__annotations__", "__module__"}
    assert not read - written - implicit - set(dir(builtins))


@pytest.mark.parametrize("statement", ["import elbogap", "import elbogap.cli"])
def test_a_start_imports_neither_jax_nor_sympy(statement: str) -> None:
    """`import elbogap` and the command line's frame load no heavy library."""
    code = f"{statement}; import sys; print({{'jax', 'sympy', 'matplotlib', 'scipy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_public_names_resolve() -> None:
    """Every public name of the package can be loaded, and an unknown one is an AttributeError."""
    for name in elbogap.__all__:
        assert getattr(elbogap, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        elbogap.no_such_name  # noqa: B018


def test_shapes_are_enforced_in_tests() -> None:
    """A wrong shape is refused under pytest, so that the type hook cannot go quiet."""
    import numpy as np
    from elbogap.proofs_checks.order import estimate_order

    with pytest.raises(Exception, match=r"(?i)type"):
        estimate_order(np.ones((2, 2)), np.ones(2), np.ones(2))
