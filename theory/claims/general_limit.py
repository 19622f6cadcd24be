r"""Claim general-limit: any smooth potential V, any block-diagonal Gaussian encoder.

log p_eps(x), ELBO*, their gap and the optimal encoder to order eps, in the derivatives of V and of the log-prior at the
minimiser g of V. The other limits of this folder are this one with a V of their own. Source: new here.
"""

from ..proof.derivation import Derivation
from ..steps import encoder, likelihood, substitution
from ..steps.constants import contrast_step, slope_step, trace_step
from ..steps.covariance import covariance_steps


def general_limit() -> Derivation:
    """Claim general-limit: any smooth potential, block-diagonal Gaussian encoder."""
    steps = (
        *likelihood.expansion_steps(),
        *likelihood.likelihood_steps(),
        *encoder.expectation_steps(),
        *encoder.covariance_limit_steps(),
        *encoder.mean_steps(),
        *encoder.envelope_steps(),
        *covariance_steps(),
        trace_step(),
        contrast_step(),
        slope_step(),
        substitution.inverse_step(),
    )
    return Derivation("general-limit", "log p, ELBO*, gap and encoder to order eps for any potential", steps)
