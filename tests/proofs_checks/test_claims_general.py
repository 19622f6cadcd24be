"""The claims that generalise the main theorem: what each of them carries, without measuring anything.

Their laws and controls are run end to end by `elbogap verify`; here only what can be said cheaply.
"""

import numpy as np
import pytest
from elbogap.numerics.special.laplace_prior import gap_at_kink
from elbogap.proofs_checks.claims.priors import kink_law
from elbogap.proofs_checks.laws import LawResult
from elbogap.proofs_checks.measurements import EFFORTS, Measurements
from elbogap.proofs_checks.potential import metric
from elbogap.proofs_checks.registry import CLAIMS
from elbogap.theory.registry import DERIVATIONS

GENERAL = (
    "general-limit",
    "block-encoder",
    "beta-vae",
    "rectangular",
    "anisotropic-noise",
    "exponential-family",
    "higher-orders",
    "priors",
)


@pytest.mark.parametrize("name", GENERAL)
def test_a_claim_says_what_it_claims(name):
    """Each claim is registered under its slug, states itself in sentences, and names its source and assumptions."""
    claim = CLAIMS[name]
    assert claim.id == name and claim.title and claim.latex and claim.source
    assert claim.statement[0].isupper() and claim.statement.endswith(".") and len(claim.statement.split()) > 8
    assert claim.assumptions and all(claim.assumptions)
    assert claim.derivation in DERIVATIONS
    assert claim.laws is not None and claim.controls is not None


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


def test_without_a_kink_the_closed_form_is_that_of_the_linear_vae():
    """A Laplace scale so large that the prior is flat leaves 1/2 [log P s^2]: the contrast with one prior precision."""
    eps = np.array([1e-1, 1e-3])
    A = metric(np.array([[[1.0, 0.4], [-0.3, 0.9]]]))
    gap = gap_at_kink(A, np.array([1e14]), np.array([0.7]), eps)
    regularised = A[0, 1, 1] + eps
    expected = -0.5 * np.log(1 - A[0, 0, 1] ** 2 / (A[0, 0, 0] * regularised))
    # A scale of 1e14 leaves a cost of 1e-14 or less.
    assert np.allclose(gap[0], expected, atol=1e-12)
