"""The house rules that a machine can read: who imports whom, what is documented, what a start costs in imports."""

import ast
import subprocess
import sys
from pathlib import Path

import elbogap
import pytest

ROOT = Path(elbogap.__file__).parent
_GROUND = {"theory", "numerics", "results"}
MAY_IMPORT = {
    "theory": {"theory"},
    "numerics": {"numerics"},
    "results": {"results"},
    "report": {"report", "theory", "results"},
    "enclosures": {"enclosures", "theory"},
    "training": {"training", "numerics", "results", "report"},
    "auditing": {"auditing", "theory", "numerics", "report"},
    "proofs_checks": {"proofs_checks", "enclosures", "training", "report"} | _GROUND,
    "figures": {"figures", "auditing", "proofs_checks", "enclosures", "training", "report"} | _GROUND,
    "lessons": {"lessons", "figures", "auditing", "proofs_checks", "enclosures", "training", "report"} | _GROUND,
}
FOLDERS = tuple(MAY_IMPORT)
FORBIDDEN_LIBRARIES = {"theory": {"jax", "equinox", "optimistix"}, "numerics": {"sympy", "mpmath"}}
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


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_imports_upward(folder: str) -> None:
    """Each folder imports only itself and the floors below it, and the ground floors do not know each other."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        modules = imported_modules(path)
        inside = {name.split(".")[1] for name in modules if name.startswith("elbogap.")} & set(FOLDERS)
        assert inside <= MAY_IMPORT[folder], f"{path}: {inside - MAY_IMPORT[folder]}"
        libraries = {name.split(".")[0] for name in modules}
        assert not libraries & FORBIDDEN_LIBRARIES.get(folder, set()), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_is_documented_and_holds_one_concept(path: Path) -> None:
    """Every module has a docstring and at most 400 lines."""
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert text.count("\n") <= 400, f"{path} is too long to be one concept"


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
