"""The machinery that judges laws: it accepts the true, rejects each kind of error, and admits what it cannot see."""

import io
from dataclasses import replace

import numpy as np
import pytest
from elbogap.proofs_checks.claim import Claim, ClaimResult, ControlOutcome, Evidence
from elbogap.proofs_checks.laws import CONSTANT_TOLERANCE, BoundLaw, ConvergenceLaw, FactLaw, IdentityLaw, Instances
from elbogap.proofs_checks.report import Report
from elbogap.proofs_checks.terminal_report import report_table
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

EPS = 10.0 ** -np.arange(1.0, 6.25, 0.5)
ROWS = 4
INSTANCES = Instances(("f",) * ROWS, (2,) * ROWS, (2,) * ROWS, ("normal",) * ROWS)


def law(constant, limit=0.3, order=1.0, curvature=0.5, floor=1e-13, measured_order=1.0):
    """A law about y = 0.3 + constant eps^measured_order + curvature eps^(measured_order + 1)."""
    y = 0.3 + constant * EPS**measured_order + curvature * EPS ** (measured_order + 1)
    ones = np.ones(ROWS)
    return ConvergenceLaw(
        "y",
        INSTANCES,
        EPS,
        y * ones[:, None],
        limit * ones,
        order,
        constant * ones,
        np.full((ROWS, EPS.size), floor),
    )


@given(st.floats(0.05, 5.0), st.floats(-1.0, 1.0))
def test_a_true_law_holds(constant, curvature):
    """The right limit, order and constant are accepted, and the constant is as exact as it is said to be."""
    result = law(constant, curvature=curvature).judge()
    assert result.verdict == "holds"
    assert result.spread("constant_error")[2] < CONSTANT_TOLERANCE


@given(st.floats(0.05, 5.0), st.sampled_from([0.5, 0.98, 1.02, 2.0, -1.0, 0.0]))
def test_a_wrong_constant_fails(constant, factor):
    """A constant that is off by two per cent or more is rejected, zero included."""
    true = law(constant)
    wrong = replace(true, constant=factor * true.constant)
    assert wrong.judge().verdict == "fails"


@given(st.floats(0.05, 5.0), st.sampled_from([1e-4, -1e-4, 1e-2, 0.3]))
def test_a_wrong_limit_fails(constant, shift):
    """A limit that is off by 1e-4 or more is rejected."""
    true = law(constant)
    assert replace(true, limit=true.limit + shift).judge().verdict == "fails"


@pytest.mark.parametrize("order", [0.5, 1.5, 2.0])
def test_a_wrong_order_fails(order):
    """An order that is off by one half or more is rejected."""
    assert replace(law(1.0), order=order).judge().verdict == "fails"


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("scale", [1.0, -0.2])
def test_what_grows_like_a_logarithm_fails(power, scale):
    """A difference that grows like a power of log(1/eps) is no sequence of order one, though it has no order itself."""
    true = law(1.0)
    grown = replace(true, measured=true.measured + scale * (np.log(1 / EPS) + 3) ** power)
    assert grown.judge().verdict == "fails"


@given(st.floats(0.05, 5.0), st.floats(1e-5, 1e-1), st.floats(-2.0, 2.0))
def test_two_terms_that_cancel_are_not_called_growth(constant, zero, third):
    """C eps (1 - eps/zero) + third eps^3 rises towards small eps next to its zero: true, and never rejected."""
    y = constant * EPS * (1 - EPS / zero) + third * EPS**3
    true = law(constant)
    assert replace(true, measured=0.3 + y * np.ones((ROWS, 1))).judge().verdict != "fails"


def test_a_vanishing_constant_claims_the_next_order():
    """With constant zero the law says that the order is at least p + 1: true for eps^2, false for eps."""
    square = law(1.0, measured_order=2.0)
    nothing = np.zeros(ROWS)
    assert replace(square, constant=nothing).judge().verdict == "holds"
    assert replace(law(1.0), constant=nothing).judge().verdict == "fails"


def test_what_is_below_the_floor_is_inconclusive():
    """A difference that never rises above its floor neither confirms nor refutes a small constant."""
    assert law(1e-9, curvature=0.0, floor=1e-6).judge().verdict == "inconclusive"


def test_one_failing_instance_fails_the_law():
    """A law is a statement about all its instances."""
    true = law(1.0)
    constant = true.constant.copy()
    constant[2] *= 1.5
    result = replace(true, constant=constant).judge()
    assert result.verdict == "fails" and result.counts == {"holds": 3, "fails": 1, "inconclusive": 0}


def test_identities_and_bounds():
    """An identity and a bound hold within their tolerance, fail beyond it, and are inconclusive for nan."""
    zero, tolerance = np.zeros((ROWS, 2)), np.full((ROWS, 2), 1e-9)
    assert IdentityLaw("i", INSTANCES, zero, zero + 1e-10, tolerance).judge().verdict == "holds"
    assert IdentityLaw("i", INSTANCES, zero, zero + 1e-8, tolerance).judge().verdict == "fails"
    assert IdentityLaw("i", INSTANCES, zero * np.nan, zero, tolerance).judge().verdict == "inconclusive"
    assert BoundLaw("b", INSTANCES, zero - 1e-10, tolerance).judge().verdict == "holds"
    assert BoundLaw("b", INSTANCES, zero - 1e-8, tolerance).judge().verdict == "fails"
    assert FactLaw("f", INSTANCES, np.array([True, True, False, True]), "no").judge().verdict == "fails"


CLAIM = Claim("id", "statement", "title", "latex", "source")
REJECTED, SURVIVED = ControlOutcome("c", "s", True, "r"), ControlOutcome("c", "s", False, "")


@pytest.mark.parametrize(
    ("derived", "measured", "enclosed", "control", "verdict"),
    [
        ("holds", "holds", "n/a", REJECTED, "holds"),
        ("holds", "n/a", "n/a", REJECTED, "holds"),
        ("inconclusive", "holds", "not installed", REJECTED, "holds"),
        ("holds", "holds", "n/a", SURVIVED, "fails"),
        ("holds", "fails", "n/a", REJECTED, "fails"),
        ("holds", "holds", "fails", REJECTED, "fails"),
        ("inconclusive", "inconclusive", "holds", REJECTED, "inconclusive"),
        ("n/a", "inconclusive", "n/a", REJECTED, "inconclusive"),
    ],
)
def test_the_verdict_of_a_claim(derived, measured, enclosed, control, verdict):
    """Any failure or surviving control fails a claim; it holds by derivation or measurement; else it is open."""
    kinds = {"derived": derived, "measured": measured, "enclosed": enclosed, "trained": "n/a"}
    evidence = {kind: Evidence(found) for kind, found in kinds.items()}
    assert ClaimResult(CLAIM, evidence, (control,)).verdict == verdict


def test_an_order_between_the_powers_of_the_spacing_is_judged_without_its_limit():
    """A true law of order 1/2 whose next term is eps^(3/2) holds; a wrong constant still fails."""
    true = replace(law(1.0, measured_order=0.5), order=0.5)
    assert true.judge().verdict == "holds"
    assert replace(true, constant=1.1 * true.constant).judge().verdict == "fails"


def test_the_table_prints_brackets_as_they_are():
    """The install hint of a missing extra, and an interval, keep their square brackets in the terminal table."""
    hint = 'pip install "elbogap[rigorous]"'
    evidence = {kind: Evidence("n/a") for kind in ("derived", "trained")}
    evidence |= {"measured": Evidence("holds", "order [1, 1]"), "enclosed": Evidence("not installed", hint)}
    report = Report(0, "quick", (ClaimResult(CLAIM, evidence, (REJECTED,)),), {}, ())
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report_table(report))
    text = console.export_text()
    assert hint in text and "order [1, 1]" in text
