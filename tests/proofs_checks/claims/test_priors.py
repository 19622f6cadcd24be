"""The claim `priors`: the law at a prior's kink."""

import pytest
from elbogap.proofs_checks.claims.priors import kink_law
from elbogap.proofs_checks.laws import LawResult
from elbogap.proofs_checks.measurements import EFFORTS, Measurements


@pytest.fixture(scope="module")
def measured():
    """Nothing is measured yet: the law at a prior's kink needs closed forms only."""
    return Measurements(EFFORTS["quick"], seed=5)


def _judged(measured, **variant) -> LawResult:
    return kink_law("kink", measured, **variant).judge()


def test_a_kink_in_the_prior_has_rate_one_half(measured):
    """At a kink of a Laplace prior the gap has order 1/2 with the predicted constant; false variants are rejected."""
    assert _judged(measured).verdict == "holds"
    for variant in ({"order": 1.0}, {"encoder": 0.99}, {"posterior": 1.01}, {"encoder": -1.0, "posterior": -1.0}):
        assert _judged(measured, **variant).verdict == "fails"
    assert measured.programs.names == []
