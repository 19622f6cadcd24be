"""elbogap: what a variational autoencoder's ELBO converges to when its decoder becomes nearly deterministic.

Machine verification of Reizinger et al., "Embrace the Gap: VAEs Perform Independent Mechanism Analysis"
(NeurIPS 2022, arXiv 2206.02416), and tools to measure the same quantities for a decoder of your own.
The public names are loaded lazily, so that `import elbogap` imports neither jax nor sympy.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "LatentModel": "numerics.model",
    "Normal": "numerics.priors",
    "ima_contrast": "numerics.contrast",
    "log_likelihood": "numerics.likelihood",
    "elbo": "numerics.encoder",
    "optimal_encoder": "numerics.encoder",
    "gap": "numerics.gap",
    "expansion": "numerics.expansion",
    "audit": "auditing.audit",
    "verify": "proofs_checks.verify",
    "keep_programs": "shell.cache",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'elbogap' has no attribute {name!r}")
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)


if os.environ.get("ELBOGAP_KEEP_PROGRAMS", "0") not in ("", "0"):
    __getattr__("keep_programs")()
