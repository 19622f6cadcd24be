"""All derivations by claim id, each found in `claims/` in the file named by the claim's slug.

`DERIVATIONS[id]()` gives the `Derivation`; no module is loaded and nothing symbolic is computed before that call, and
most of it not before `check`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from ..errors import RequestError
from .proof.derivation import Derivation


def _builder(name: str) -> Callable[[], Derivation]:
    return lambda: getattr(import_module(f".claims.{name}", __package__), name)()


_FILES = sorted(path.stem for path in (Path(__file__).parent / "claims").glob("[a-z]*.py"))
DERIVATIONS: Mapping[str, Callable[[], Derivation]] = MappingProxyType(
    {name.replace("_", "-"): _builder(name) for name in _FILES}
)


def derivation(claim: str) -> Derivation:
    """The derivation of a claim; RequestError names the known ones if there is none."""
    if claim not in DERIVATIONS:
        raise RequestError(f"no derivation for claim {claim!r}, expected one of {sorted(DERIVATIONS)}")
    return DERIVATIONS[claim]()
