r"""Claim elbo-limit, the main theorem: ELBO* = log p_eps(x) - c - a1 eps + O(eps^2).

It starts from the joint density and assumes nothing that it shows; shared steps are shared functions. The order:
decomposition; joint density; rescaling and Taylor; Gaussian moments; log p_eps(x); ELBO of a Gaussian encoder; optimal
covariance and mean; E1; the constants, which leave the contrast; substitution of J, H, T.
Source: Reizinger et al. 2022 (arXiv 2206.02416), Theorem 1; the constant a1 is new here.
"""

from ..proof.derivation import Derivation
from ..steps import encoder, likelihood, substitution
from ..steps.constants import contrast_step, ima_step, likelihood_constant_step, slope_step, trace_step
from .elbo_decomposition import decomposition_steps


def elbo_limit() -> Derivation:
    """Claim elbo-limit: ELBO* = log p_eps(x) - c - a1 eps + O(eps^2)."""
    steps = (
        *decomposition_steps()[:3],
        *likelihood.expansion_steps(),
        *likelihood.likelihood_steps(),
        likelihood_constant_step(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps(),
        *encoder.envelope_steps(),
        trace_step(),
        contrast_step(),
        ima_step(),
        *substitution.potential_steps(),
        *substitution.mean_substitution(),
        *substitution.likelihood_substitution(),
        *substitution.elbo_substitution(),
        slope_step(),
    )
    return Derivation("elbo-limit", "ELBO* = log p_eps(x) - c - a1 eps + O(eps^2)", steps)
