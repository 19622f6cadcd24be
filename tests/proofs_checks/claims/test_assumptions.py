"""Broken assumptions: the quadrature of one latent against closed forms, and what survives without which assumption."""

import numpy as np
import pytest
from elbogap.numerics.ladders import SMALL
from elbogap.numerics.special.broken_assumptions import QUADRATURE_ERROR, Case, measure
from elbogap.proofs_checks.claims import assumptions as claim
from elbogap.proofs_checks.measurements import EFFORTS, Measurements


@pytest.fixture(scope="module")
def measured() -> Measurements:
    """Three instances of each case."""
    return Measurements(EFFORTS["quick"], 5)


def test_a_linear_decoder_has_closed_forms() -> None:
    """For f = a z and N(0, 1): variance 1/(1 + a^2/eps), x ~ N(0, a^2 + eps), and no gap at any noise."""
    a, g = 1.3, 0.4
    prior = lambda z: -0.5 * z**2 - 0.5 * np.log(2 * np.pi)  # noqa: E731
    case = Case("linear", lambda z: a * z, prior, g, {}, lambda eps: float(np.sqrt(eps) / a))
    found = measure(case)
    total = a**2 + SMALL
    assert np.allclose(found.variance, SMALL / total, rtol=1e-9)
    assert np.allclose(found.shift, -g * SMALL / total, rtol=1e-7)
    expected = -0.5 * (a * g) ** 2 / total - 0.5 * np.log(2 * np.pi * total)
    assert np.allclose(found.log_likelihood, expected, atol=QUADRATURE_ERROR)
    assert np.all(np.abs(found.gap) < QUADRATURE_ERROR)


@pytest.mark.parametrize("statement", claim.STATEMENTS)
def test_the_theorem_holds_where_nothing_is_broken(statement: str, measured: Measurements) -> None:
    """Each of the four statements holds for smooth injective decoders of one latent."""
    assert claim.theorem(claim.NOTHING, statement, measured).judge().verdict == "holds"


@pytest.mark.parametrize("name", claim.BROKEN)
def test_what_survives_and_what_does_not(name: str, measured: Measurements) -> None:
    """With one assumption broken exactly the listed statements are rejected."""
    for statement in claim.STATEMENTS:
        verdict = claim.theorem(name, statement, measured).judge().verdict
        assert verdict == ("fails" if statement in claim.BROKEN[name] else "holds"), statement


def test_the_cubic_and_the_inverted_decoder(measured: Measurements) -> None:
    """Where J vanishes the gap tends to its closed form, and where f returns to x at infinity to log(1 + b)."""
    for name in (claim.RANK, claim.INFINITY, claim.PREIMAGES, claim.DECODER_KINK):
        law = claim.limit_of_gap(name, measured)
        assert law.judge().verdict == "holds", name
    # log(2^(7/6) Gamma(7/6)) + 1/6 + log(45)/6 - 1/2 log(2 pi e), by numerical integration of exp(-u^6 / 2).
    u = np.linspace(-4, 4, 20001)
    evidence = np.log(np.sum(np.exp(-0.5 * u**6)) * (u[1] - u[0]))
    s = 45 ** (-1 / 6)
    elbo = -0.5 * 15 * s**6 + np.log(s) + 0.5 * np.log(2 * np.pi * np.e)
    assert claim.cubic_gap() == pytest.approx(evidence - elbo, abs=1e-10)
