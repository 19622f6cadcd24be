"""The registry of claims: what lies in the folder `claims`, in the order in which they build on each other."""

from importlib import import_module
from pkgutil import iter_modules

from . import claims
from .claim import Claim


def _found() -> list[Claim]:
    """The claim of each module of the folder, by `Claim.order`, then by id."""
    modules = (import_module(f"{claims.__name__}.{module.name}") for module in iter_modules(claims.__path__))
    return sorted((module.CLAIM for module in modules), key=lambda claim: (claim.order, claim.id))


def named(name: str) -> tuple[Claim, ...]:
    """The claim with this id, or those of this name in the paper ("Theorem 1"), in any case; none if there is none."""
    wanted = name.casefold()
    return tuple(claim for claim in CLAIMS.values() if wanted and wanted in (claim.id, claim.paper.casefold()))


CLAIMS: dict[str, Claim] = {claim.id: claim for claim in _found()}
