"""What trained models say for a claim: one statistic, its interval, a bound, and a control that must not pass.

A finding holds if the whole interval over runs satisfies the bound. Its control is the same statistic of something for
which the statement is false, such as sources paired with the wrong latents; a finding whose control passes as well
shows nothing.

Training is not the optimum. A run whose ELBO falls short of the best that is possible by more than `SHORTFALL` has not
converged; it says nothing about the optimum, so it never refutes. A finding *fails* only if the whole interval of the
runs that are known to have converged violates the bound, and where it neither holds nor fails it is inconclusive. The
statistic itself is that of all runs: it says what training selects. Where what was recorded does not tell which runs
converged, the finding says so, and cannot fail.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from .metrics import bootstrap

SHORTFALL = 0.02  # nats: less than the contrasts, .02 to .3, by which optima are told from other solutions
SEED = 0  # of the bootstrap


Direction = Literal["at least", "at most"]


class Bound(NamedTuple):
    """What a statistic must be: at least a value, or at most."""

    direction: Direction
    value: float


@dataclass(frozen=True)
class Finding:
    """A statistic with its interval against a bound, and the control's value against the same bound.

    id: its name within the experiment, by which a claim asks for it.
    not_converged: how many runs are known not to have converged, None where what was recorded does not tell.
    refuted: whether the whole interval of runs that are known to have converged violates the bound.
    """

    experiment: str
    id: str
    statement: str
    runs: int
    value: float
    low: float
    high: float
    bound: float
    direction: Direction
    control: str
    control_value: float
    not_converged: int | None = None
    refuted: bool = False

    @property
    def verdict(self) -> Literal["holds", "fails", "inconclusive"]:
        """By the rule in this module's docstring."""
        return "fails" if self.refuted else "holds" if self.holds else "inconclusive"

    @property
    def holds(self) -> bool:
        """Whether the whole interval satisfies the bound."""
        return self.low >= self.bound if self.direction == "at least" else self.high <= self.bound

    @property
    def control_rejected(self) -> bool:
        """Whether the control's value does not satisfy the bound."""
        passes = self.control_value >= self.bound if self.direction == "at least" else self.control_value <= self.bound
        return not passes

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        judged = {"holds": self.holds, "verdict": self.verdict, "control_rejected": self.control_rejected}
        return asdict(self) | judged


def finding(
    experiment: str,
    id: str,
    statement: str,
    values: np.ndarray,
    control: str,
    control_values: np.ndarray,
    *,
    bound: Bound,
    shortfalls: np.ndarray | None = None,
) -> Finding:
    """The median of `values` over runs with its bootstrap interval, against the control's median.

    shortfalls: by how many nats each run's ELBO falls short of the best, where it was recorded.
    """
    found = bootstrap(values, np.random.default_rng(SEED))
    made = Finding(
        experiment,
        id,
        statement,
        len(values),
        *found,
        bound=bound.value,
        direction=bound.direction,
        control=control,
        control_value=float(np.median(control_values)),
    )
    if shortfalls is None:
        return made
    kept = values[shortfalls <= SHORTFALL]
    refuted = False
    if len(kept):
        converged = bootstrap(kept, np.random.default_rng(SEED))
        refuted = converged.high < made.bound if made.direction == "at least" else converged.low > made.bound
    return replace(made, not_converged=len(values) - len(kept), refuted=refuted)


def where(rows: list[dict[str, Any]], **equal: Any) -> list[dict[str, Any]]:
    """The rows whose columns have these values."""
    return [row for row in rows if all(row[key] == value for key, value in equal.items())]


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """One column of the rows, as numbers."""
    return np.array([row[name] for row in rows], float)


def upper_shortfalls(rows: list[dict[str, Any]]) -> np.ndarray:
    """The shortfall of every run and its error (see `convergence`), in nats."""
    return column(rows, "shortfall") + column(rows, "shortfall_error")
