"""A claim is data: what is said, where it comes from, what would show it, and what must be rejected.

A `Claim` carries no numbers of its own. Its `laws` take the shared measurements and return statements that can be
judged (`laws.py`); its `controls` are false variants of the same statement, judged by the same machinery, and every one
of them must be rejected; `trained` names the findings (experiment, id) of trained models that speak for the claim;
`table` may sum its verdicts up in rows of its own; `order` is its place after the claims that it builds on; `paper` is
its name in the paper ("Theorem 1"), `source` where it comes from; `enclosed` says that ball arithmetic proves instances
of it. Its derivation lives in `theory` under the claim's id.

A claim `fails` if any kind of evidence fails or a control survives; it holds if the derived or the measured
evidence holds and none fails; else it is `inconclusive`. `not installed` never changes a verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .laws import Law, LawResult
from .measurements import Measurements
from .verdict import Verdict


@dataclass(frozen=True)
class Control:
    """A plausible, false variant of a claim. `law` is what it would predict; it is rejected if that law fails."""

    id: str
    statement: str
    law: Law


@dataclass(frozen=True)
class Claim:
    """One statement, named by its slug, with everything needed to judge it."""

    id: str
    title: str
    statement: str
    latex: str
    source: str
    assumptions: tuple[str, ...]
    derivation: str | None = None
    laws: Callable[[Measurements], Sequence[Law]] | None = None
    controls: Callable[[Measurements], Sequence[Control]] | None = None
    trained: tuple[tuple[str, str], ...] = ()
    table: Callable[[tuple[LawResult, ...], tuple[ControlOutcome, ...]], list[dict[str, str]]] | None = None
    order: int = sys.maxsize
    paper: str = ""
    enclosed: bool = False


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence for one claim: verdict, one line of figures, and the details that the JSON shows."""

    verdict: Verdict
    summary: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ControlOutcome:
    """Whether a control was rejected, and by what."""

    id: str
    statement: str
    rejected: bool
    by: str


@dataclass(frozen=True)
class ClaimResult:
    """A claim with its evidence by kind and the outcome of its controls."""

    claim: Claim
    evidence: dict[str, Evidence]
    controls: tuple[ControlOutcome, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict of the claim, by the rule in this module's docstring."""
        verdicts = [evidence.verdict for evidence in self.evidence.values()]
        if "fails" in verdicts or not all(control.rejected for control in self.controls):
            return "fails"
        if "holds" in (self.evidence["derived"].verdict, self.evidence["measured"].verdict):
            return "holds"
        return "inconclusive"
