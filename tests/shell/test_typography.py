"""Sentences are set with symbols; code stays as it is written; what cannot be shown is spelled."""

import pytest
from elbogap.shell.typography import spelled, typeset


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
        ("mcc-gamma, moebius-gamma and -gamma", "mcc-gamma, moebius-gamma and -γ"),
        ("- an item, x - y", "- an item, x − y"),
        ("at gamma^2\n==========\nx", "at γ²\n=====\nx"),
    ],
)
def test_a_sentence_is_set_as_in_print(written: str, shown: str) -> None:
    """Powers, signs, Greek letters become symbols; words, ids, ranges and code stay; setting twice changes nothing."""
    assert typeset(written) == shown and typeset(shown) == shown


@pytest.mark.parametrize(
    ("shown", "ascii_"),
    [
        ("γ⁻⁴ ± λ₁, √ε → 0", "gamma^-4 +- lambda_1, sqrt eps -> 0"),
        ("✓ Rᵀ x ≥ −3·10⁻⁸", "+ R' x >= -3*10^-8"),
        ("Ψ, Rolínek, ☃", "Psi, Rolinek, ?"),
    ],
)
def test_symbols_are_spelled_where_an_output_has_none(shown: str, ascii_: str) -> None:
    """Every symbol has a name in ASCII, and what is ASCII already stays."""
    assert spelled(shown) == ascii_ and spelled(ascii_) == ascii_
