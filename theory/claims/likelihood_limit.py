r"""Claim likelihood-limit: log p_eps(x) = ell - 1/2 log det A - (D-d)/2 log(2 pi eps) + eps L1 + O(eps^2).

L1 by two routes, Laplace's method and, for square decoders, the heat equation. Source: Reizinger et al. 2022 (arXiv
2206.02416), Theorem 1; L1 is new here.
"""

from ..proof.derivation import Derivation
from ..steps import likelihood, substitution
from ..steps.constants import likelihood_constant_step
from ..steps.heat_equation import heat_steps


def likelihood_limit() -> Derivation:
    """Claim likelihood-limit: log p_eps(x) = ell - 1/2 log det A - (D-d)/2 log(2 pi eps) + eps L1, L1 by two routes."""
    steps = (
        *likelihood.expansion_steps(),
        *likelihood.likelihood_steps(),
        likelihood_constant_step(),
        *substitution.potential_steps(),
        *substitution.likelihood_substitution(),
        *heat_steps(),
    )
    return Derivation("likelihood-limit", "log p_eps(x) and its slope L1, by Laplace and by the heat equation", steps)
