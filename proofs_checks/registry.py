"""The registry of claims, in the order in which they build on each other."""

from .claim import Claim
from .claims import (
    anisotropic_noise,
    beta_vae,
    contrast,
    elbo_decomposition,
    elbo_limit,
    enclosure,
    encoder_mean,
    encoder_variance,
    exponential_family,
    folds,
    higher_orders,
    importance_weighted,
    kinks,
    likelihood_limit,
    linear_vae,
    mean_slope,
    ppca,
    priors,
    random_directions,
    rectangular,
    spurious_solutions,
)

_MODULES = (
    elbo_decomposition,
    encoder_mean,
    encoder_variance,
    likelihood_limit,
    elbo_limit,
    contrast,
    linear_vae,
    beta_vae,
    rectangular,
    anisotropic_noise,
    exponential_family,
    higher_orders,
    priors,
    random_directions,
    ppca,
    spurious_solutions,
    enclosure,
    folds,
    kinks,
    mean_slope,
    importance_weighted,
)

CLAIMS: dict[str, Claim] = {module.CLAIM.id: module.CLAIM for module in _MODULES}
