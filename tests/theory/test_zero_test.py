"""The checker itself: what is proved, what is only evaluated, what is refuted, what runs out of time."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import sympy as sp
from elbogap.theory.algebra.gaussian_moments import in_ring
from elbogap.theory.algebra.indices import formula
from elbogap.theory.algebra.tensors import independent, symmetric
from elbogap.theory.proof.derivation import Bound, Derivation, Shown, Step, argued, check, check_step
from elbogap.theory.proof.time_limit import time_limit

X, Y = sp.symbols("x y", real=True)
P = sp.Symbol("p", positive=True)
F = sp.Function("f")

TRUE = {
    "polynomial": ((X + Y) ** 2, X**2 + 2 * X * Y + Y**2),
    "rational": (1 / (X - Y) - 1 / (X + Y), 2 * Y / (X**2 - Y**2)),
    "logarithm": (sp.log(P**2 * (1 + X**2)), 2 * sp.log(P) + sp.log(1 + X**2)),
    "logarithm of integers": (sp.log(12), 2 * sp.log(2) + sp.log(3)),
    "hyperbolic": (sp.tanh(X / 2), (sp.exp(X) - 1) / (sp.exp(X) + 1)),
    "trigonometric": (sp.cos(2 * X), 2 * sp.cos(X) ** 2 - 1),
    "undefined function": (sp.Derivative(F(X) ** 2, X), 2 * F(X) * F(X).diff(X)),
    "integral": (sp.Integral(X**4 * sp.exp(-(X**2) / 2), (X, -sp.oo, sp.oo)), 3 * sp.sqrt(2 * sp.pi)),
    "array": (np.array([X + Y, X - Y]), sp.Array([Y + X, -(Y - X)])),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_are_proved(name):
    """Polynomial, rational, logarithmic, exponential, functional and integral identities have a canonical form."""
    assert check_step(Step(*TRUE[name], "identity")).status == "proved"


@pytest.mark.parametrize("name", TRUE)
def test_identities_that_are_slightly_off_are_refuted(name):
    """An error of 1e-12 in one component is a refutation, never a rounding."""
    left, right = TRUE[name]
    spoilt = right + sp.Rational(1, 10**12) if name != "array" else right + sp.Array([0, sp.Rational(1, 10**12)])
    verdict = check_step(Step(left, spoilt, "identity"))
    assert verdict.status == "refuted"
    assert "difference" in verdict.detail


def test_what_has_no_canonical_form_is_evaluated_not_proved():
    """A true identity between radicals that SymPy cannot normalise is reported as evaluated."""
    nested = sp.sqrt(X**2 + 2 * X + 1)
    verdict = check_step(Step(nested, sp.Abs(X + 1), "root of a square"))
    assert verdict.status == "evaluated"
    assert "50 digits" in verdict.detail
    for left, right in (((nested, X), (sp.Abs(X + 1), X)), ((X, nested), (X, sp.Abs(X + 1)))):
        assert check_step(Step(left, right, "beside what is proved")).status == "evaluated"


def test_ring_elements_are_decided_exactly():
    """Elements of polynomial rings are compared by their own arithmetic."""
    _, known = in_ring({"V": symmetric("V", 2, 2), "u": independent("u", (2,))})
    quadratic = Bound(formula("P", all="V_ab u_a u_b"), known)
    assert check_step(Step(known["u"] @ known["V"] @ known["u"], quadratic, "contraction")).status == "proved"
    assert check_step(Step(known["u"] @ known["V"] @ known["u"] * 2, quadratic, "contraction")).status == "refuted"


def test_inequalities_need_a_certificate_that_adds_up():
    """left >= right is proved by nonnegative terms whose sum is the difference, and only by these."""
    true = Step(X**2 + P, 0, "sum of squares", relation=">=", certificate=(X**2, P))
    assert check_step(true).status == "proved"
    for certificate in [(X**2,), (X, P), (), (X**2, 2 * P)]:
        assert check_step(Step(X**2 + P, 0, "squares", relation=">=", certificate=certificate)).status == "refuted"


def test_shapes_and_emptiness_are_refuted():
    """Sides with other components, or with none, prove nothing."""
    assert check_step(Step([X], [X, Y], "shape")).status == "refuted"
    assert check_step(Step({"a": X}, {"b": X}, "cases")).status == "refuted"
    assert check_step(Step([], [], "empty")).status == "refuted"


def test_a_derivation_needs_one_proved_step_and_no_refuted_one():
    """Prose alone does not make a derivation hold, nor does a chain with one wrong link."""
    prose = argued("words", "it is so")
    true, false = Step(X, X, "same"), Step(X, Y, "other")
    assert not check(Derivation("a", "", (prose,))).holds
    assert check(Derivation("a", "", (prose, true))).holds
    verdict = check(Derivation("a", "", (true, false, prose)))
    assert [step.status for step in verdict.steps] == ["proved", "refuted", "argued"]
    assert not verdict.holds


def _endless():
    while True:
        time.sleep(0.01)


_IN_ANOTHER_PROCESS = """
import time
from elbogap.theory.proof.derivation import Step, check_step
def endless():
    while True:
        time.sleep(0.01)
print(check_step(Step(endless, 1, "an endless rule"), limit=0.1).status)
"""


@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_a_step_that_takes_too_long_is_named(where):
    """The time limit interrupts the step, in any thread, and says which one it was."""
    verdicts = []

    def run() -> None:
        verdicts.append(check_step(Step(_endless, X, "an endless rule"), 7, limit=0.1))

    if where == "main thread":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert verdicts[0].status == "timed out"
    assert "step 7 (an endless rule)" in verdicts[0].detail


def test_the_time_limit_works_in_another_process():
    """A fresh interpreter, as the verifier starts one, interrupts an endless step in its main thread."""
    command = [sys.executable, "-c", _IN_ANOTHER_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "timed out"


def test_a_time_limit_must_be_positive():
    """Zero seconds is a request that cannot be meant."""
    with pytest.raises(ValueError, match="expected seconds > 0"), time_limit(0):
        pass


def test_presentation_does_not_change_content():
    """A shown value is checked as what it holds, thunks included."""
    assert check_step(Step(Shown(lambda: {1: X + X}, "2x"), {1: 2 * X}, "doubling")).status == "proved"
