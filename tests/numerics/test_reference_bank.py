"""The stated error of log p against a bank of independent references: see `reference_bank/` and `docs/numerics.md`."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "reference_bank"))

import measure as bank
import mpmath as mp
from composite import parameters_of, term
from make import reference_of
from reference import log_prior

# The errors must not only be true but small: their median over the true error, where that can be told.
INFLATION = 100
EVERY = 6  # the quick test takes each sixth case of one latent


def judged(cases):
    """The records of the bank's cases."""
    return [bank.judge(*case) for case in cases]


def assert_true(rows):
    """No stated error is smaller than the true one."""
    wrong = [bank.line_of(row, row["found"], 0.0) for row in rows if row["violated"]]
    assert not wrong, "\n".join(wrong)


def test_stated_errors_are_true():
    """On every sixth model of one latent in the bank log p lies within its stated error, most within 1e-6."""
    rows = judged(list(case for case in bank.recorded() if case[0]["d"] == 1)[::EVERY])
    assert len(rows) > 30
    assert_true(rows)
    smooth = [row["stated"] for row in rows if row["case"]["smooth"]]
    assert np.median(smooth) < 1e-9


@pytest.mark.parametrize("number", [0, 1])
def test_references_agree_with_mpmath(number):
    """The bank's own quadrature agrees with mpmath within the error it records."""
    lines = [case for case in bank.recorded() if case[0]["d"] == 1 and 1e-3 < case[0]["eps"] < 1]
    # Priors whose mass beyond 12 is below round-off.
    case, value, error = [case for case in lines if case[0]["prior"]["kind"] in ("normal", "bimodal")][number]
    assert reference_of(case)[0] == pytest.approx(value, abs=error + 1e-12)
    f, prior = case["parameters"], case["prior"]
    cuts = [*np.linspace(-12, 12, 193)]

    def joint(z):
        point = np.array([[float(z)]])
        r = bank.decode(f, point)[0] - case["x"]
        return mp.exp(-mp.mpf(float(r @ r)) / (2 * case["eps"]) + float(log_prior(prior, point)[0]))

    with mp.workdps(20):
        total = mp.log(mp.quad(joint, cuts)) - len(case["x"]) * mp.log(2 * mp.pi * case["eps"]) / 2
    # 1e-9: mpmath's own error on 192 panels with a float64 integrand.
    assert float(total) == pytest.approx(value, abs=1e-9)


CASES = {
    "modes of a sine": ([{"sin_a": 1.0, "sin_w": 4.0}, {"lin": 0.05}], 1e-3, 0.8, 0.528425, 1e-8),
    "a narrow bump": ([{"lin": 1.0, "bump_a": 1.0, "bump_m": 0.5, "bump_w": 0.01}], 1e-2, 0.5, -1.9352, 1e-2),
    "ripple below the step": ([{"lin": 1.0, "sin_a": 0.01, "sin_w": 100.0}], 1e3, 0.5, -4.37343952, 1e-4),
    "both flanks of a bump": (
        [{"lin": 1.0, "bump_a": 0.44, "bump_m": -0.08, "bump_w": 0.0137}],
        1.4e-5,
        0.169,
        -0.833378,
        1e-6,
    ),
    "a tail on one side": ([{"soft_a": 1.0, "soft_b": 20.0}], 1e-3, 0.1, -0.70435, 1e-5),
    "clamped, 1e-2": ([{"lin": 1.0, "low": -1.0, "high": 1.0}], 1e-2, 1.0, -0.270, 1e-4),
    "clamped, 1e-4": ([{"lin": 1.0, "low": -1.0, "high": 1.0}], 1e-4, 1.0, 1.864, 1e-4),
    "clamped, 1e-6": ([{"lin": 1.0, "low": -1.0, "high": 1.0}], 1e-6, 1.0, 4.150, 1e-4),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_narrow_search_misses(name):
    """Many modes, narrow features, one-sided tails and clamped outputs: the value is right, and the error small."""
    outputs, eps, z, expected, largest = CASES[name]
    parameters = parameters_of(1, [([(1.0, term(**output))], 0.0, ()) for output in outputs])
    prior = {"kind": "normal", "scale": 1.0, "df": 1.0, "centre": 1.0}
    x = bank.decode(parameters, np.array([[z]]))[0]
    value, error, _ = bank.measure({"d": 1, "parameters": parameters, "prior": prior, "eps": eps, "x": x})
    # The program's second output is always there; where the model has one output it adds the noise's constant.
    value += 0.5 * (2 - len(outputs)) * np.log(2 * np.pi * eps)
    assert error < largest
    # The values are given to their last digit.
    assert value == pytest.approx(expected, abs=error + 1e-3)
    assert expected != pytest.approx(value + 0.01, abs=error)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_whole_bank(d):
    """Every model of the bank: no stated error is too small, and on the smooth ones they are not inflated."""
    rows = judged([case for case in bank.recorded() if case[0]["d"] == d])
    assert_true(rows)
    ratios = [row["ratio"] for row in rows if row["case"]["smooth"] and np.isfinite(row["ratio"])]
    assert np.median(ratios) < INFLATION
