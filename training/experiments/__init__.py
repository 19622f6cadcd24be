"""The recorded experiments, each a module: how it is computed, and what it found.

NAME, batch_count(effort), compute(effort, seed, batches) -> Recorded, and findings(result or None, for the one that is
recorded) -> tuple of `findings.Finding`. `small_case` is trained when asked for, and never recorded.
"""

from importlib import import_module
from types import ModuleType

from ...shell.requests import known

MODULES = {
    "moebius-gamma": "moebius_gamma",
    "moebius-linear": "moebius_linear",
    "fixed-decoder": "fixed_decoder",
    "self-consistency": "self_consistency",
    "likelihood-vs-vae": "likelihood_vs_vae",
    "affine-flow": "affine_flow",
    "beta-collapse": "beta_collapse",
    "diagonal-or-full": "diagonal_or_full",
    "learned-variance": "learned_variance",
    "encoder-capacity": "encoder_capacity",
    "controlled-angle": "controlled_angle",
    "gamma-million": "gamma_million",
    "priors-dimensions": "priors_dimensions",
    "sprites": "sprites",
}


def check_name(name: str) -> str:
    """The name; RequestError if there is no such experiment. Imports nothing heavy."""
    return known("experiment", name, MODULES)


def experiment(name: str) -> ModuleType:
    """The module of an experiment; RequestError if there is none of that name."""
    return import_module(f".{MODULES[check_name(name)]}", __name__)
