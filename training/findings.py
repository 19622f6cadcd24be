"""What trained models say for a claim: one statistic, its interval, a bound, and a control that must not pass.

A finding holds if the whole interval over runs satisfies the bound. Its control is the same statistic of something for
which the statement is false, such as sources paired with the wrong latents; a finding whose control passes as well
shows nothing.

Training is not the optimum. A run that has not converged says nothing about the optimum, so it never refutes: where a
finding does not hold, it *fails* only if the statistic of runs that are known to have converged leaves the bound, and
is inconclusive otherwise. Whether a run converged is seen from its ELBO beside the best that is possible.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from .metrics import bootstrap


@dataclass(frozen=True)
class Finding:
    """A statistic with its interval against a bound, and the control's value against the same bound.

    not_converged: how many runs are known not to have converged, None where what was recorded does not tell.
    refuted: whether the statistic of runs that are known to have converged leaves the bound.
    """

    experiment: str
    statement: str
    runs: int
    value: float
    low: float
    high: float
    bound: float
    direction: Literal["at least", "at most"]
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
    statement: str,
    values: np.ndarray,
    control: str,
    control_values: np.ndarray,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Finding:
    """The median of `values` over runs with its bootstrap interval, against the control's median."""
    found = bootstrap(values, np.random.default_rng(0))
    interval = (len(values), found.value, found.low, found.high)
    control_value = float(np.median(control_values))
    if at_least is not None:
        return Finding(experiment, statement, *interval, at_least, "at least", control, control_value)
    if at_most is not None:
        return Finding(experiment, statement, *interval, at_most, "at most", control, control_value)
    raise ValueError("a finding needs a bound: at_least or at_most")
