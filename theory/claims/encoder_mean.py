r"""Claim encoder-mean: the optimal encoder inverts the decoder, mu* = g + eps m + O(eps^2).

The steps are in `theory/steps` (`likelihood`, `encoder`, `substitution`; of `encoder.mean_steps` only the completed
square), m is `MEAN_SHIFT` of `theory/formulas/gaussian`. That every near-optimal encoder concentrates at g is argued in
claim elbo-limit (`encoder.envelope_steps`). `elbogap explain encoder-mean` prints it all.

Source: Reizinger et al. 2022 (arXiv 2206.02416), Proposition 1 (self-consistency); the constant m is new here.
"""

from ..proof.derivation import Derivation
from ..steps import encoder, likelihood, substitution


def encoder_mean() -> Derivation:
    """Claim encoder-mean: mu* = g + eps m."""
    steps = (
        *likelihood.expansion_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps()[:1],
        *substitution.potential_steps(),
        *substitution.mean_substitution(),
    )
    return Derivation("encoder-mean", "the encoder inverts the decoder: mu* = g + eps m + O(eps^2)", steps)
