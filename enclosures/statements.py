"""Statements with a verdict: what ball arithmetic proved, refuted or could not decide, and in which interval.

The outcomes are kept apart. `verified`: the quantity lies in the interval. `refuted`: what was claimed about it lies
outside of the interval that was proved. `unsupported`: an expression outside the supported functions, or of unknown
growth. `inconclusive`: a proof did not go through; `reason` says which, on which piece, with what budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flint import arb, fmpq

from .balls import decimal_interval, end_points

Outcome = Literal["verified", "refuted", "unsupported", "inconclusive"]
ORDER: tuple[Outcome, ...] = ("refuted", "unsupported", "inconclusive", "verified")
FIGURES = 3


@dataclass(frozen=True)
class Statement:
    """A quantity, what became of the statement about it, the proved interval (None: none) and the reason."""

    quantity: str
    outcome: Outcome
    interval: tuple[str, str] | None = None
    reason: str = ""

    def line(self) -> str:
        """One line for a terminal."""
        inside = f" in [{', '.join(self.interval)}]" if self.interval else ""
        return f"{self.outcome:<12} {self.quantity}{inside}" + (f" ({self.reason})" if self.reason else "")


def written(ball: arb) -> tuple[str, str]:
    """The ends of a ball as decimals, rounded outwards, with FIGURES figures of its radius."""
    places, radius = 1, ball.rad().max(arb(10) ** -300)
    while radius * arb(10) ** places < arb(10) ** (FIGURES - 1):
        places += 1
    return decimal_interval(ball, places)


def verified(quantity: str, ball: arb) -> Statement:
    """The quantity lies in the ball."""
    return Statement(quantity, "verified", written(ball))


def decided(quantity: str, ball: arb, claimed: tuple[fmpq, fmpq]) -> Statement:
    """A claim that puts a quantity in a closed interval, held against the ball that was proved to contain it.

    The ends are compared as exact rationals: a claim that was widened by rounding would be another claim.
    """
    (lower, upper), (low, high) = end_points(ball), claimed
    disjoint = lower > high or upper < low
    outcome: Outcome = "verified" if low <= lower and upper <= high else "refuted" if disjoint else "inconclusive"
    reason = f"claimed: [{low}, {high}]" + (
        "; the proved interval is too wide to decide" if outcome == "inconclusive" else ""
    )
    return Statement(quantity, outcome, written(ball), reason)


def overall(statements: Iterable[Statement]) -> Outcome:
    """The outcome that needs attention first: refuted, unsupported, inconclusive, verified."""
    found = {statement.outcome for statement in statements}
    return next((outcome for outcome in ORDER if outcome in found), "inconclusive")
