"""The registry of claims: what lies in the folder `claims`, in the order in which they build on each other."""

from importlib import import_module
from pkgutil import iter_modules

from . import claims
from .claim import Claim


def _found() -> list[Claim]:
    """The claim of each module of the folder, by `Claim.order`, then by id."""
    modules = (import_module(f"{claims.__name__}.{module.name}") for module in iter_modules(claims.__path__))
    return sorted((module.CLAIM for module in modules), key=lambda claim: (claim.order, claim.id))


CLAIMS: dict[str, Claim] = {claim.id: claim for claim in _found()}
