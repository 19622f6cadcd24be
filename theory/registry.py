"""All derivations by claim id (the slugs of the theory's headings), built lazily.

`DERIVATIONS[id]()` gives the `Derivation`; nothing symbolic is computed before that call, and most of it
not before `check`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .claims.beta_vae import beta_vae
from .claims.block_encoder import block_encoder
from .claims.contrast import contrast_derivation
from .claims.elbo_decomposition import elbo_decomposition
from .claims.enclosure import shear_reduction
from .claims.higher_orders import higher_orders
from .claims.importance_weighted import importance_weighted
from .claims.linear_vae import linear_vae
from .claims.mean_slope import mean_slope
from .claims.ppca import ppca
from .claims.priors import priors
from .claims.random_directions import random_directions
from .claims.spurious_solutions import spurious_solutions
from .main_theorem import elbo_limit, encoder_mean, encoder_variance, general_limit, likelihood_limit
from .noise_models import anisotropic_noise, exponential_family, rectangular
from .proof.derivation import Derivation
from .singular_decoders import folds, kinks

DERIVATIONS: Mapping[str, Callable[[], Derivation]] = MappingProxyType(
    {
        "general-limit": general_limit,
        "elbo-decomposition": elbo_decomposition,
        "encoder-mean": encoder_mean,
        "encoder-variance": encoder_variance,
        "likelihood-limit": likelihood_limit,
        "elbo-limit": elbo_limit,
        "contrast": contrast_derivation,
        "linear-vae": linear_vae,
        "block-encoder": block_encoder,
        "beta-vae": beta_vae,
        "rectangular": rectangular,
        "anisotropic-noise": anisotropic_noise,
        "exponential-family": exponential_family,
        "folds": folds,
        "importance-weighted": importance_weighted,
        "ppca": ppca,
        "random-directions": random_directions,
        "spurious-solutions": spurious_solutions,
        "mean-slope": mean_slope,
        "higher-orders": higher_orders,
        "kinks": kinks,
        "priors": priors,
        "enclosure": shear_reduction,
    }
)
CORE = (
    "elbo-decomposition",
    "encoder-mean",
    "encoder-variance",
    "likelihood-limit",
    "elbo-limit",
    "contrast",
    "linear-vae",
)


def derivation(claim: str) -> Derivation:
    """The derivation of a claim; ValueError names the known ones if there is none."""
    if claim not in DERIVATIONS:
        raise ValueError(f"no derivation for claim {claim!r}, expected one of {sorted(DERIVATIONS)}")
    return DERIVATIONS[claim]()
