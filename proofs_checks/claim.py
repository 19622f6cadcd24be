"""A claim is data: what is said, where it comes from, what would show it, and what must be rejected.

A claim about decoders has `laws` and `controls`, functions of the shared measurements. A claim of one's own
(`elbogap.theorem`) has `over`, the instances, and `law`, one statement or several; its controls are planted by
`control` and `mutants`. Either way laws are judged by one machinery (`laws.py`), and controls are false variants of
the same statement, every one of which must be rejected. `trained` names the findings (experiment, id) of trained models
that speak for the claim, `untrained` says why there are none; `table` may sum its verdicts up in rows of its own;
`order` is its place after the claims that it builds on; `paper` is its name in the paper ("Theorem 1"), `source` where
it comes from. `derivation`: the id of one in `theory`, or steps. `enclosed`: whether ball arithmetic proves instances
of a built-in claim, or a function that encloses a number.

A claim `fails` if any kind of evidence fails or the law of a control holds. It is `inconclusive` if a control is left
undecided, or if it has none. It holds if derived or measured evidence holds, or enclosed evidence where there is
neither. `not installed` changes nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import RequestError
from ..shell import requests
from .cases import ONE, Cases
from .laws import Law, LawResult
from .statements import Statement
from .verdict import Verdict

if TYPE_CHECKING:
    from .measurements import Measurements

_MACHINERY = {"jaxtyping", "beartype", "dataclasses"}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Control:
    """A plausible, false variant of a claim. `law` is what it would predict; it is rejected if that law fails."""

    id: str
    statement: str
    law: Law


@dataclass(frozen=True)
class Planted:
    """A control of a claim of one's own: what the statement number `of` would claim instead, or another statement."""

    id: str
    statement: str
    changes: dict[str, Any]
    of: int = 0
    law: Statement | None = None


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement, named by its slug, with everything needed to judge it."""

    id: str
    statement: str = ""
    title: str = ""
    latex: str = ""
    source: str = ""
    assumptions: tuple[str, ...] = ()
    derivation: str | Sequence[Any] | None = None
    laws: Callable[[Measurements], Sequence[Law]] | None = None
    controls: Callable[[Measurements], Sequence[Control]] | None = None
    trained: Any = ()
    untrained: str = ""
    table: Callable[[tuple[LawResult, ...], tuple[ControlOutcome, ...]], list[dict[str, str]]] | None = None
    order: int = sys.maxsize
    paper: str = ""
    over: Cases = ONE
    law: Statement | Sequence[Statement] | None = None
    enclosed: bool | Callable[..., Any] = False
    planted: list[Planted] = field(default_factory=list)
    mutated: list[dict[str, Any]] = field(default_factory=list)
    file: str = ""

    def __post_init__(self) -> None:
        self._check()
        if isinstance(self.assumptions, str):
            object.__setattr__(self, "assumptions", (self.assumptions,))
        if self.law is not None and not self.file:
            object.__setattr__(self, "file", _file_of_caller())
        if not self.title:
            object.__setattr__(self, "title", self.statement or self.id)

    def _check(self) -> None:
        """RequestError for what a claim cannot be made of."""
        if not isinstance(self.id, str) or not _SLUG.fullmatch(self.id):
            raise RequestError(f"claim: expected an id of small letters, digits and hyphens, got {self.id!r}")
        if not isinstance(self.over, Cases):
            raise RequestError(f"claim {self.id}, over: expected @instances(...) or cases(...), got {self.over!r:.60}")
        texts = {name: getattr(self, name) for name in ("title", "statement", "latex", "source")}
        if isinstance(self.assumptions, list | tuple):
            texts |= {f"assumptions[{k}]": value for k, value in enumerate(self.assumptions)}
        else:
            texts["assumptions"] = self.assumptions
        for name, value in texts.items():
            if not isinstance(value, str):
                raise RequestError(f"claim {self.id}, {name}: expected a text, got {requests.shown(value)}")
        steps = self.derivation or ()
        kinds = {
            "law": (self.law is None or isinstance(self.law, Statement | list | tuple), "Converges(...) or its like"),
            "enclosed": (isinstance(self.enclosed, bool) or callable(self.enclosed), "a function that encloses"),
            "derivation": (
                isinstance(steps, str) or (isinstance(steps, Sequence) and all(hasattr(one, "rule") for one in steps)),
                "a list of step(...) and argued(...)",
            ),
        }
        for name, (good, expected) in kinds.items():
            if not good:
                got = requests.shown(getattr(self, name))
                raise RequestError(f"claim {self.id}, {name}: expected {expected}, got {got}")
        for one in self.statements:
            if not isinstance(one, Statement):
                raise RequestError(f"claim {self.id}, law: expected Converges(...) or its like, got {one!r:.60}")

    @property
    def target(self) -> str:
        """What `elbogap verify` is asked for to check this claim again."""
        return f"{self.file}:{self.id}" if self.file else self.id

    @property
    def findings(self) -> bool:
        """Whether `trained` names findings of recorded experiments, rather than holding rows of a table."""
        return bool(self.trained) and all(isinstance(one, tuple) for one in self.trained)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The laws of a claim of one's own, as they were written."""
        if self.law is None:
            return ()
        return (self.law,) if isinstance(self.law, Statement) else tuple(self.law)

    def control(
        self, statement: str, *, of: int | str | None = None, law: Statement | None = None, **changes: Any
    ) -> None:
        """Plant a false variant: the law with `changes`, or another `law`. It must be rejected.

        of: which law is changed, by place or name; the first that claims what is changed if it is None.
        """
        requests.text(f"claim {self.id}, control", statement)
        place = 0
        if law is None:
            if not changes:
                raise RequestError(f"claim {self.id}, control {statement!r}: expected something that it claims instead")
            place = self._place(of, changes)
            self.statements[place].vary(**changes)
        taken = {one.id for one in self.planted}
        slug = re.sub(r"[^a-z0-9]+", "-", statement.lower()).strip("-") or "control"
        unique = next(name for k in range(1, 1000) for name in [slug if k == 1 else f"{slug}-{k}"] if name not in taken)
        self.planted.append(Planted(unique, statement, changes, place, law))

    def mutants(self, *, of: int | str | None = None, field: str = "constant", most: int | None = None) -> None:
        """Plant the false variants that a machine makes of a formula: dropped terms, signs, factors.

        Made when the claim is verified; those equal to the original are left out and counted. most: of them.
        """
        self.mutated.append({"of": self._place(of, {field: None}), "field": field, "most": most})

    def _place(self, of: int | str | None, changes: dict[str, Any]) -> int:
        laws = self.statements
        if isinstance(of, int) and 0 <= of < len(laws):
            return of
        for i, one in enumerate(laws):
            if (of is None or of == getattr(one, "name", "")) and all(hasattr(one, name) for name in changes):
                return i
        wanted = f"a law named {of!r}" if of is not None else f"a law that claims {', '.join(changes)}"
        raise RequestError(
            f"claim {self.id}: expected {wanted}, got {', '.join(type(one).__name__ for one in laws) or 'none'}"
        )


def _source(frame: FrameType) -> str:
    """The source file of a frame of somebody else's, "" for this module and for code without a file."""
    name = frame.f_code.co_filename
    return "" if name == __file__ or not os.path.isfile(name) else name


def _file_of_caller() -> str:
    """The file in which a claim is being made, relative to the working directory if it lies there; "" if none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_globals.get("__name__", "").split(".")[0] in _MACHINERY or not _source(frame)):
        frame = frame.f_back
    if frame is None:
        return ""
    path = Path(_source(frame))
    path = path.resolve()
    if path.parent == Path(__file__).resolve().parent / "claims":  # a built-in claim goes by its id
        return ""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence for one claim: verdict, one line of figures, and the details that the JSON shows."""

    verdict: Verdict
    summary: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ControlOutcome:
    """Whether a control was rejected, and by what; `undecided`: why its law is neither rejected nor holds."""

    id: str
    statement: str
    rejected: bool
    by: str
    undecided: str = ""


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
        if "fails" in verdicts or any(not one.rejected and not one.undecided for one in self.controls):
            return "fails"
        if not self.controls or any(one.undecided for one in self.controls):
            return "inconclusive"
        shown = {self.evidence[kind].verdict for kind in ("derived", "measured")}
        if shown == {"n/a"}:  # then ball arithmetic alone bears the claim
            shown = {self.evidence["enclosed"].verdict}
        return "holds" if "holds" in shown else "inconclusive"

    @property
    def reason(self) -> str:
        """Why the claim does not hold, one line; "" if it does."""
        for kind, evidence in self.evidence.items():
            if evidence.verdict == "fails":
                return f"{kind} fails: {evidence.details.get('reason') or evidence.summary}"
        for one in self.controls:
            if not one.rejected and not one.undecided:
                return f"control {one.id} survived: {one.statement}"
        for kind, evidence in self.evidence.items():
            if evidence.verdict == "inconclusive":
                return f"{kind} inconclusive: {evidence.details.get('reason') or evidence.summary}"
        if not self.controls:
            return "no controls: a check that cannot fail shows nothing"
        for one in self.controls:
            if one.undecided:
                return f"control {one.id} is undecided: {one.undecided}"
        return "" if self.verdict == "holds" else "no evidence"
