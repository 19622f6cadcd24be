"""The claim `encoder-density`: linear decoders are exact, and the bias of bent ones is their contrast."""

import numpy as np
import pytest
from elbogap.proofs_checks.bent import Bent, encoder, posterior
from elbogap.proofs_checks.claims import encoder_density as claim

ROUND_OFF = 1e-12
"""Gaussian integrals on the grid."""


def test_a_linear_decoder_has_the_surrogates_exactly() -> None:
    """Without bends -log sigma^2 is log(1 + A_kk/eps), and log det for a full covariance, at every noise."""
    J = np.array([[1.0, 0.4], [-0.3, 0.9]])
    model = Bent(J, np.zeros(2), np.array([1.0, 0.0]), 0.0, 0.0, np.array([0.3, -0.2]))
    eps, A = 0.05, J.T @ J
    mean_field = -2 * np.sum(np.log(encoder(model, eps).L.diagonal() * np.sqrt(eps)))
    assert mean_field == pytest.approx(np.sum(np.log1p(A.diagonal() / eps)), abs=ROUND_OFF)
    full = encoder(model, eps, full=True).L
    assert -2 * np.sum(np.log(np.abs(full.diagonal()) * np.sqrt(eps))) == pytest.approx(
        np.linalg.slogdet(np.eye(2) + A / eps)[1], abs=ROUND_OFF
    )
    exact = -0.5 * (2 * np.log(2 * np.pi) + np.linalg.slogdet(J @ J.T + eps * np.eye(2))[1])
    x = J @ model.g
    exact -= 0.5 * x @ np.linalg.solve(J @ J.T + eps * np.eye(2), x)
    assert posterior(model, eps).log_likelihood == pytest.approx(exact, abs=ROUND_OFF)


def test_the_bias_tends_to_the_contrast() -> None:
    """At eps = 1e-6 the bias of the density is the contrast, which is positive."""
    seed = 3
    known = claim._known(seed)
    assert known["c"] > 0
    assert claim._contrast(seed) == pytest.approx(claim.bias(1e-6, seed)[0], abs=1e-4)
