"""The registry: a claim a file, each under its own name, in an order of their own."""

from pathlib import Path

import pytest
from elbogap.proofs_checks import claims
from elbogap.proofs_checks.claim import Claim
from elbogap.proofs_checks.registry import CLAIMS

FILES = sorted(path.stem for path in Path(claims.__path__[0]).glob("*.py") if path.stem != "__init__")


def test_the_folder_of_claims_holds_claims_and_nothing_else() -> None:
    """One file a claim, named by its slug."""
    assert sorted(name.replace("-", "_") for name in CLAIMS) == FILES


def test_every_claim_has_a_place_of_its_own() -> None:
    """Claims stand in the order in which they build on each other, from 1 on without a gap."""
    assert [claim.order for claim in CLAIMS.values()] == list(range(1, len(CLAIMS) + 1))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_is_complete(claim: Claim) -> None:
    """Every claim says what is claimed, in words and in formulas, from where, and under which assumptions."""
    assert claim.title and claim.statement and claim.latex and claim.source and claim.assumptions
