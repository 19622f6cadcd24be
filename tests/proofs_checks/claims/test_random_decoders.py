"""The claim `random-decoders`: frequencies have the Hessian that is said, and the tail is the law of two directions."""

import numpy as np
import pytest
from elbogap.proofs_checks.claims import random_decoders as claim

ROUND_OFF = 1e-12


@pytest.mark.parametrize(("kind", "diagonal"), [("product", True), ("additive", True), ("tilted", False)])
def test_kernels_have_the_hessian_that_is_said(kind: str, diagonal: bool) -> None:
    """-d_a d_b of sum_j cos(w_j.u) at zero is sum_j w_j w_j': diagonal for product and additive kernels only."""
    w = claim._frequencies(np.random.default_rng(1), 3, kind)
    hessian = w.T @ w
    off = hessian - np.diag(hessian.diagonal())
    assert (np.max(np.abs(off)) < ROUND_OFF) == diagonal


def test_contrasts_are_not_negative_and_finite() -> None:
    """Hadamard: c >= 0 for every kind of decoder."""
    for kind in claim.KINDS:
        c = claim.contrasts(np.random.default_rng(2), 200, 5, 3, kind)
        assert np.all(np.isfinite(c)) and np.all(c > -ROUND_OFF)
