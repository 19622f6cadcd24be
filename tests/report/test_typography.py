"""Sentences are set with symbols; code stays as it is written."""

import pytest
from elbogap.report.typography import typeset


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("accurate to gamma^-4, not gamma^-3", "accurate to γ⁻⁴, not γ⁻³"),
        ("constant -1 +- 9e-11, expected -0.5", "constant −1 ± 9·10⁻¹¹, expected −0.5"),
        ("order 1.000 [-1.000, 1.000], to 1e-08", "order 1.000 [−1.000, 1.000], to 10⁻⁸"),
        ("1/gamma -> 0; O(eps^2) with sqrt(eps)", "1/γ → 0; O(ε²) with √ε"),
        ("a beta-VAE, L_1 - E_1, sigma_k^2", "a β-VAE, L₁ − E₁, σ_k²"),
        ("set `eps^2 -> 0` in gammaln of f2e", "set `eps^2 -> 0` in gammaln of f2e"),
        ("elbo-limit, beta-vae, 0.1-0.2 of 48/48, eps^(1/4)", "elbo-limit, beta-vae, 0.1-0.2 of 48/48, ε^(1/4)"),
    ],
)
def test_a_sentence_is_set_as_in_print(written: str, shown: str) -> None:
    """Powers, signs, Greek letters become symbols; words, ids, ranges and code stay; setting twice changes nothing."""
    assert typeset(written) == shown and typeset(shown) == shown
