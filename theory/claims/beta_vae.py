r"""Claim beta-vae: the beta-VAE is a VAE with another noise.

L_beta(q; eps) = E_q log N(x; f, eps I) - beta KL(q || p0) = beta ELBO(q; beta eps) + (D/2)[beta log(2 pi beta eps) -
log(2 pi eps)], exactly, for every q, x, eps and beta: the maximisers are those of a VAE with noise beta eps. Source:
Higgins et al. 2017 for the objective; the identity is new here.
"""

import sympy as sp

from ..formulas.closed_forms import beta_constant_terms
from ..proof.derivation import Derivation, Shown, Step

EPS = sp.Symbol("eps", positive=True)


def beta_vae() -> Derivation:
    """The derivation of claim beta-vae."""
    beta = sp.Symbol("beta", positive=True)
    data_dim, misfit, divergence = sp.symbols("D V kl", positive=True)
    reconstruction = -data_dim / 2 * sp.log(2 * sp.pi * EPS) - misfit / EPS
    rescaled = -data_dim / 2 * sp.log(2 * sp.pi * beta * EPS) - misfit / (beta * EPS)
    constant = sum(beta_constant_terms(data_dim, beta, EPS).values())
    evidence, elbo = sp.symbols("lx E1", real=True)
    steps = (
        Step(
            Shown(
                reconstruction - beta * divergence,
                r"L_\beta(q; \varepsilon) = E_q \log N(x; f, \varepsilon I) - \beta\, KL(q\|p_0)",
            ),
            Shown(
                beta * (rescaled - divergence) + constant,
                r"\beta\, \mathrm{ELBO}(q; \beta\varepsilon) + \tfrac D2 [\beta\log(2\pi\beta\varepsilon) - "
                r"\log(2\pi\varepsilon)]",
            ),
            "collecting terms; E_q V is the same number on both sides: exact for every q, x, eps and beta",
        ),
        Step(
            Shown(
                evidence - ((beta * elbo + constant) - constant) / beta,
                r"\log p_{\beta\varepsilon}(x) - (L_\beta^* - K)/\beta",
            ),
            Shown(evidence - elbo, r"\log p_{\beta\varepsilon}(x) - \mathrm{ELBO}^*(\beta\varepsilon)"),
            "the maximiser over q is that of a VAE with noise beta eps: gap, mean and variance follow from the main "
            "theorem at beta eps",
        ),
    )
    return Derivation("beta-vae", "the beta-VAE is a VAE with noise beta eps", steps)
