"""The registry: a claim a file, each under its own name, in an order of their own."""

import re
from pathlib import Path

import pytest
from elbogap.proofs_checks import claims
from elbogap.proofs_checks.claim import Claim
from elbogap.proofs_checks.explain import explain
from elbogap.proofs_checks.registry import CLAIMS, named
from elbogap.theory.registry import DERIVATIONS

FILES = sorted(path.stem for path in Path(claims.__path__[0]).glob("*.py") if path.stem != "__init__")


def test_the_folder_of_claims_holds_claims_and_nothing_else() -> None:
    """One file a claim, named by its slug."""
    assert sorted(name.replace("-", "_") for name in CLAIMS) == FILES


def test_every_claim_has_a_place_of_its_own() -> None:
    """Claims stand in the order in which they build on each other, from 1 on without a gap."""
    assert [claim.order for claim in CLAIMS.values()] == list(range(1, len(CLAIMS) + 1))


PAPER = {
    "Proposition 1": ["encoder-mean", "encoder-variance"],
    "Theorem 1": ["likelihood-limit", "elbo-limit"],
    "Gresele et al. 2021, 4.4": ["contrast"],
}


@pytest.mark.parametrize("name", PAPER)
def test_a_reader_of_the_paper_finds_its_claims(name: str, kept: Path) -> None:
    """A name in the paper, in any case, gives its claims in order, each of which shows it; the README has them too."""
    for spelled in (name, name.lower(), name.upper()):
        assert [claim.id for claim in named(spelled)] == PAPER[name]
    page = (Path(claims.__path__[0]).parent.parent / "README.md").read_text()
    for claim in named(name):
        assert f"In the paper: {name}" in explain(claim, cache_dir=kept / "derivations").splitlines()
        assert f"`{claim.id}`" in page


def test_other_names_find_themselves_or_nothing() -> None:
    """An id gives its claim, an unknown or empty name none; no claim has another name in the paper than those above."""
    assert all([claim.id for claim in named(name)] == [name] for name in CLAIMS)
    assert named("Theorem 2") == named("") == ()
    assert {claim.paper for claim in CLAIMS.values()} == {"", *PAPER}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_is_complete(claim: Claim) -> None:
    """Every claim says what is claimed in sentences and in formulas, under which assumptions, and how it is judged."""
    assert claim.statement[0].isupper() and claim.statement.endswith(".") and len(claim.statement.split()) > 8
    assert claim.title and claim.latex and claim.assumptions and all(claim.assumptions)
    assert (claim.laws is not None and claim.controls is not None) or (claim.law and len(claim.planted) >= 4)
    assert claim.target == claim.id
    # What only sums up or instantiates other claims is derived there.
    underived = {"assumptions", "loose-statements", "enclosure"}
    assert claim.derivation == (None if claim.id in underived else claim.id)
    assert claim.derivation is None or claim.derivation in DERIVATIONS


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_source_is_a_paper_or_this_package(claim: Claim) -> None:
    """Every claim's source names a paper, author and year, with its number on arXiv if it has one, or says new here."""
    papers = re.findall(r"[A-Z][a-z]+(?: et al\.| and [A-Z][a-z]+)? (?:19|20)\d\d \(", claim.source)
    assert papers or "new here" in claim.source
    # A year stands after its authors and before the place where the paper is found.
    assert len(re.findall(r"(?<!:)\b(?:19|20)\d\d\b", claim.source)) == len(papers)
