"""The map of claims: which uses which, read from the steps that their derivations share.

A step (its rule, note and assumptions) belongs to the first claim, in the order in which claims build on each other,
whose derivation takes it; a later claim that takes the same step uses that claim. Nothing is typed by hand.
`report.map_drawing` draws it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..report.map_drawing import Node, drawn
from .claim import Claim
from .explain import derivation_of
from .verdict import KINDS


def kinds_of(claim: Claim) -> tuple[str, ...]:
    """The kinds of evidence that a claim has."""
    has = (claim.derivation, claim.laws or claim.law, claim.enclosed, claim.trained)
    return tuple(kind for kind, one in zip(KINDS, has, strict=True) if one)


def uses(claims: Sequence[Claim]) -> dict[tuple[str, str], int]:
    """How many steps the second claim of a pair takes from the first."""
    first: dict[tuple, str] = {}
    found: dict[tuple[str, str], int] = {}
    for claim in sorted(claims, key=lambda claim: (claim.order, claim.id)):
        derivation = derivation_of(claim)
        steps = derivation.steps if derivation else ()
        for step in dict.fromkeys((one.rule, one.note, one.assumptions) for one in steps):
            owner = first.setdefault(step, claim.id)
            if owner != claim.id:
                found[owner, claim.id] = found.get((owner, claim.id), 0) + 1
    return found


def map_svg(claims: Sequence[Claim]) -> str:
    """The map of these claims as a standalone SVG."""
    nodes = [Node(claim.id, claim.title, kinds_of(claim)) for claim in claims]
    return drawn(nodes, uses(claims))
