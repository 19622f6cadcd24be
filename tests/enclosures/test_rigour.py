"""No binary floating-point number enters a bound, and the package says what to install where it cannot work."""

import ast
import subprocess
import sys
from pathlib import Path

import elbogap.enclosures
import pytest

FOLDER = Path(elbogap.enclosures.__file__).parent
SOURCES = sorted(FOLDER.glob("*.py"))
FLOAT_SOURCES = {"float", "numpy", "np", "math", "random", "mpmath"}


def float_uses(source: str) -> list[str]:
    """Float literals, float conversions and imports of floating-point modules in a source text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: literal {node.value}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found.append(f"line {node.lineno}: float()")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "evalf":
            found.append(f"line {node.lineno}: evalf")
        elif isinstance(node, ast.Import):
            found += [f"line {node.lineno}: import {a.name}" for a in node.names if a.name in FLOAT_SOURCES]
        elif isinstance(node, ast.ImportFrom) and node.module in FLOAT_SOURCES:
            exact = {"comb", "factorial", "gcd", "isqrt"}
            found += [f"line {node.lineno}: {a.name}" for a in node.names if a.name not in exact]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_float_enters_a_bound(path: Path) -> None:
    """No module of the package has a float literal, converts to float or imports floating-point functions."""
    assert float_uses(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source", ["x = 0.5", "x = float('1')", "import math", "from math import sqrt", "import numpy", "y = x.evalf()"]
)
def test_the_search_finds_floats(source: str) -> None:
    """Each way for a float to slip in is noticed."""
    assert float_uses(source)


def run_without_flint(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which python-flint cannot be imported."""
    block = "import sys; sys.modules['flint'] = None\n"
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True, timeout=120)


def test_the_install_hint_is_clear() -> None:
    """Without python-flint, importing elbogap.enclosures names the extra to install."""
    result = run_without_flint("import elbogap.enclosures")
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1] == (
        'ImportError: enclosures need python-flint: pip install "elbogap[rigorous]"'
    )


def test_exact_series_do_not_need_flint() -> None:
    """Without python-flint SymPy's own rationals carry the series engine, with the same exact result."""
    code = (
        "from sympy import Rational\n"
        "from elbogap.theory.series.decoders import gap_coefficients, reference_shear\n"
        "from elbogap.theory.series.ring import RATIONALS\n"
        "point = [Rational(7, 10), Rational(-2, 5)]\n"
        "print(*gap_coefficients(reference_shear(), point, 3, RATIONALS).gap)\n"
    )
    without = run_without_flint(code)
    assert without.returncode == 0, without.stderr
    with_flint = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert without.stdout == with_flint.stdout != ""
