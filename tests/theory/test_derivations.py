"""Every registered derivation holds, from scratch; nothing in it rests on evaluation alone without saying so."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import sympy as sp
from elbogap import theory
from elbogap.theory.claims.elbo_decomposition import _expected_quadratic
from elbogap.theory.proof.derivation import DerivationVerdict, check
from elbogap.theory.registry import DERIVATIONS, derivation
from sympy.external.gmpy import GROUND_TYPES

# The seven claims that the paper's theorem consists of.
CORE = (
    "elbo-decomposition",
    "encoder-mean",
    "encoder-variance",
    "likelihood-limit",
    "elbo-limit",
    "contrast",
    "linear-vae",
)

# Steps whose identity holds only to 50 digits at random points, with the reason; empty: every step has a canonical
# form.
EVALUATED_ONLY: dict[str, set[int]] = {}


@cache
def checked(claim: str) -> DerivationVerdict:
    """The verdict on a claim's derivation by this process."""
    return check(derivation(claim), time_limit=60)


@pytest.mark.parametrize("claim", sorted(DERIVATIONS))
def test_every_step_is_proved_or_argued(claim):
    """No step is refuted or timed out, and none is merely evaluated unless listed."""
    verdict = checked(claim)
    assert verdict.id == claim
    assert verdict.holds
    for number, step in enumerate(verdict.steps, 1):
        allowed = {"proved", "argued"} | ({"evaluated"} if number in EVALUATED_ONLY.get(claim, ()) else set())
        assert step.status in allowed, (number, step)


WITH_STEPS = sorted(path for path in Path(theory.__path__[0]).rglob("*.py") if "Step(" in path.read_text())


@pytest.mark.parametrize("path", WITH_STEPS, ids=lambda path: path.stem)
def test_no_step_compares_a_term_with_itself(path):
    """The two sides of a step are written differently: what is compared with itself is always proved."""
    for node in ast.walk(ast.parse(path.read_text())):
        checked = isinstance(node, ast.Call) and ast.unparse(node.func) == "Step"
        if checked and ast.unparse(node.args[0]) != "None":  # None: argued
            sides = [side.args[0] if isinstance(side, ast.Call) and side.args else side for side in node.args[:2]]
            assert len({ast.unparse(side) for side in sides}) == 2, f"{path.stem}, line {node.lineno}"


def test_the_expectation_of_a_quadratic_is_that_of_the_integral():
    """The conjugate example rests on E z and E z^2, which both of its sides share."""
    z, mean = sp.symbols("z mu", real=True)
    variance = sp.Symbol("v", positive=True)
    polynomial = 3 * z**2 - 5 * z + 2
    density = sp.exp(-((z - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
    wanted = sp.integrate(sp.expand(polynomial * density), (z, -sp.oo, sp.oo))
    assert sp.simplify(_expected_quadratic(z, polynomial, mean, variance) - wanted) == 0


def test_core_claims_have_derivations_and_unknown_claims_are_refused():
    """The seven claims of the paper are registered; another id raises one line."""
    assert set(CORE) <= set(DERIVATIONS)
    with pytest.raises(ValueError, match="no derivation for claim 'nothing', expected one of"):
        derivation("nothing")


@pytest.mark.parametrize("ground_types", ["python", "flint"])
def test_derivations_hold_with_and_without_flint(ground_types):
    """SymPy's ground types (Python or FLINT integers) do not change a verdict."""
    if ground_types == "flint":
        pytest.importorskip("flint", reason="python-flint is not installed")
    if ground_types == GROUND_TYPES:
        assert all(checked(claim).holds for claim in ("elbo-limit", "encoder-variance"))
        return
    program = (
        "from sympy.external.gmpy import GROUND_TYPES\n"
        "from elbogap.theory.proof.derivation import check\n"
        "from elbogap.theory.registry import derivation\n"
        f"assert GROUND_TYPES == {ground_types!r}, GROUND_TYPES\n"
        "assert all(check(derivation(claim)).holds for claim in ('elbo-limit', 'encoder-variance'))\n"
    )
    environment = os.environ | {"SYMPY_GROUND_TYPES": ground_types}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
