"""Laws: statements about numbers that can be judged, and the machinery that judges them.

Four kinds, each over a batch of instances (rows):
`ConvergenceLaw`  measured - limit = C eps^p + O(eps^(p + spacing)), with the order p and the constant C predicted;
`IdentityLaw`     left = right within a tolerance made of computed error bounds;
`BoundLaw`        value >= 0 within such a tolerance;
`FactLaw`         yes or no about each instance, decided elsewhere.

An instance `holds`, `fails` or is `inconclusive`; a law fails if any instance fails, and holds if at least half of
its instances are conclusive. The same function judges a claim and its controls: a control is rejected
exactly if its law fails. A convergence law is judged by its order, then its limit, constant and remainder. An order
below the claimed one is rejected as such; one above it may be the next term where the constant is small, and then it is
the constant, with its interval, that must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from .along import NOISE_VARIANCE, Along
from .instances import Instances, Rows
from .order import Estimate, estimate_constant, estimate_order, without_logarithm
from .verdict import Verdict

ORDER_TOLERANCE = 0.02
"""Added to the interval of an order: higher terms bias local orders by about this much at eps = 1e-2."""

CONSTANT_TOLERANCE = 1e-4
"""Added, relative, to the interval of a constant: the truncation bound is asymptotic, not rigorous."""

LIMIT_TOLERANCE = 1e-3
"""Added to the interval of a limit, relative to the smallest predicted term that was measured, for the same reason."""

CONSTANT_RESOLUTION = 1e-2
"""A constant known worse than to 1 % is inconclusive: it would not tell 1/2 from 0.51."""

REMAINDER_TOLERANCE = 0.25
"""The remainder's order comes from a difference of close numbers; it must only tell p + spacing from p."""

CONCLUSIVE_SHARE = 0.5
"""The share of instances that must be conclusive before a law is said to hold."""

CONSTANT_ORDER = 0.25
"""An order below this is that of a sequence that tends to a constant: it is the limit that is wrong."""

NEGLIGIBLE = 1e-12
"""A predicted constant below this is zero: then the statement is that the order is at least p + spacing."""


@dataclass(frozen=True)
class InstanceResult:
    """The verdict on one row, with the figures that led to it."""

    verdict: Verdict
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LawResult:
    """The verdict on a law and on each of its rows."""

    name: str
    verdict: Verdict
    summary: str
    law: Law
    rows: tuple[InstanceResult, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows hold, fail and are inconclusive."""
        return {name: sum(row.verdict == name for row in self.rows) for name in ("holds", "fails", "inconclusive")}

    @property
    def reason(self) -> str:
        """Why the law does not hold: the first failing row's reason, else the first inconclusive one's."""
        for verdict in ("fails", "inconclusive"):
            for row in self.rows:
                if row.verdict == verdict:
                    return row.reason
        return ""

    def spread(self, figure: str) -> tuple[float, float, float] | None:
        """Smallest, median and largest value of a figure over the conclusive rows."""
        values = [row.figures[figure] for row in self.rows if figure in row.figures and row.verdict != "inconclusive"]
        return (min(values), float(np.median(values)), max(values)) if values else None


@dataclass(frozen=True)
class Law:
    """A named statement over rows of instances.

    false_alarm: a bound on the probability that the law is rejected although it is true. Tolerances made of computed
    error bounds leave none to chance (0); those made of standard errors state what they leave.
    place: where it stands in the claim's own table, if it has one.
    """

    name: str
    instances: Instances | Rows
    false_alarm: float = field(default=0.0, kw_only=True)
    place: tuple[str, ...] = field(default=(), kw_only=True)

    def judge_rows(self) -> list[InstanceResult]:
        """The verdict on each row."""
        raise NotImplementedError

    def summarise(self, result: LawResult) -> str:
        """One line of figures for the table."""
        raise NotImplementedError

    def judge(self) -> LawResult:
        """The verdict on the law (rule in this module's docstring)."""
        rows = tuple(self.judge_rows())
        conclusive = sum(row.verdict == "holds" for row in rows)
        verdict: Verdict = "inconclusive"
        if any(row.verdict == "fails" for row in rows):
            verdict = "fails"
        elif rows and conclusive >= CONCLUSIVE_SHARE * len(rows):
            verdict = "holds"
        result = LawResult(self.name, verdict, "", self, rows)
        return replace(result, summary=self.summarise(result))


@dataclass(frozen=True)
class ConvergenceLaw(Law):
    """measured - limit = constant eps^order log(1/eps)^log_power + O(eps^(order + spacing)), lower powers of log aside.

    spacing: the step between exponents (1 for smooth decoders, 1/2 at kinks); first: that from the order to the next
    exponent, where it is larger (the spacing if None); log_power: 0 but where the leading term
    has a logarithm; floor: bounds of the measuring error;
    along: what eps is called in public, and whether it is a reciprocal (K = 1 /
    eps, whose order has the other sign).
    """

    eps: Float[np.ndarray, " e"]
    measured: Float[np.ndarray, "n e"]
    limit: Float[np.ndarray, " n"]
    order: float
    constant: Float[np.ndarray, " n"]
    floor: Float[np.ndarray, "n e"]
    spacing: float = 1.0
    log_power: int = 0
    along: Along = NOISE_VARIANCE
    first: float | None = None

    @property
    def difference(self) -> Float[np.ndarray, "n e"]:
        """measured - limit, whose order and constant are claimed."""
        return self.measured - self.limit[:, None]

    @property
    def _next(self) -> float:
        """The exponent after the order."""
        return self.order + (self.spacing if self.first is None else self.first)

    def predicted(self, i: int) -> Float[np.ndarray, " e"]:
        """The predicted leading term of row i."""
        return self.constant[i] * self.eps**self.order * np.log(1 / self.eps) ** self.log_power

    def judge_rows(self) -> list[InstanceResult]:
        """Order, limit, constant and remainder of each row."""
        return [self._judge(i) for i in range(len(self.constant))]

    def _judge(self, i: int) -> InstanceResult:
        predicted = float(self.constant[i])
        if not np.isfinite(predicted):
            return InstanceResult("fails", f"the predicted constant is {predicted}")
        if not np.isfinite(self.difference[i]).any():
            return InstanceResult("inconclusive", "not measured: every value is nan or infinite")
        eps, y, floor = without_logarithm(self.eps, self.difference[i], self.floor[i], self.order, self.log_power)
        estimate = estimate_order(eps, y, floor, self.spacing, self.first)
        figures = {"predicted_constant": predicted, "eps_max": estimate.eps_max, "eps_min": estimate.eps_min}
        if estimate.order is not None:
            figures |= {"order": self.along.sign * estimate.order.value, "order_half_width": estimate.order.half_width}
        vanishing = abs(predicted) < NEGLIGIBLE
        if vanishing:
            figures["vanishing_order"] = figures.pop("order", np.inf)
        if estimate.status == "below floor" and vanishing:
            return InstanceResult("holds", f"equal up to round-off at every {self.along.name}", figures)
        # The powers of eps that Richardson's table eliminates are multiples of the spacing, or start at the order.
        limit = None
        if self.order > 0 and self.log_power == 0:
            multiple = float(self.order / self.spacing).is_integer() and self.first is None
            limit = estimate_constant(eps, y, floor, 0.0, self.spacing, None if multiple else self.order)
        tolerance = LIMIT_TOLERANCE * abs(predicted) * eps[-1] ** self.order
        off = limit is not None and limit.excludes(0.0, tolerance)
        if estimate.status == "conclusive" and estimate.order is not None:
            seen, least = estimate.order, self._next if vanishing else self.order
            if seen.interval[1] + ORDER_TOLERANCE < least:
                if off and limit is not None and abs(seen.value) < CONSTANT_ORDER:
                    return InstanceResult("fails", _off(limit), figures)
                return InstanceResult("fails", self._order(seen, least, ">= " if vanishing else ""), figures)
            if vanishing:
                return InstanceResult("holds", "", figures)
            if seen.interval[0] - ORDER_TOLERANCE > self.order:
                # Where the constant happens to be small the next term is seen instead: the constant decides.
                figures["apparent_order"] = figures.pop("order")
        if off and limit is not None:
            return InstanceResult("fails", _off(limit), figures)
        constant = estimate_constant(eps, y, floor, self.order, self.spacing, self.first)
        if constant is not None:
            figures |= {"constant": constant.value, "constant_half_width": constant.half_width}
        # Local orders may be on their way from the next term to a small leading one: the constant's table converges.
        settled = constant is not None and _agrees(constant, predicted) and estimate.drifts
        if estimate.grows and self.order > 0 and not settled:
            return InstanceResult("fails", f"grows where it should fall: {estimate.reason}", figures)
        if (estimate.status == "inconclusive" and not settled) or constant is None:
            return InstanceResult("inconclusive", estimate.reason or "fewer than three points are finite", figures)
        result = self._judge_constant((eps, y, floor), predicted, constant, figures)
        if result.verdict == "fails" and "apparent_order" in figures and estimate.order is not None:
            return replace(result, reason=self._order(estimate.order, self.order))
        return result

    def _order(self, seen: Estimate, expected: float, relation: str = "") -> str:
        """The reason that names the order, with its interval."""
        low, high = sorted(self.along.sign * end for end in seen.interval)
        value, expected = self.along.sign * seen.value, self.along.sign * expected
        if relation and self.along.sign < 0:
            relation = "<= "
        return f"order {value:z.3f} [{low:z.3f}, {high:z.3f}], expected {relation}{expected:g}"

    def _judge_constant(
        self,
        sequence: tuple[np.ndarray, np.ndarray, np.ndarray],
        predicted: float,
        constant: Estimate,
        figures: dict[str, float],
    ) -> InstanceResult:
        eps, y, floor = sequence
        if constant.excludes(predicted, CONSTANT_TOLERANCE * abs(predicted)):
            reason = f"constant {constant.value:.5g} +- {constant.half_width:.1g}, expected {predicted:.5g}"
            return InstanceResult("fails", reason, figures)
        if constant.half_width > CONSTANT_RESOLUTION * abs(predicted):
            reason = f"constant {constant.value:.3g} known to +-{constant.half_width:.1g} only"
            return InstanceResult("inconclusive", reason, figures)
        figures["constant_error"] = abs(constant.value - predicted) / abs(predicted)
        remainder = estimate_order(eps, y - predicted * eps**self.order, floor, self.spacing)
        if remainder.status == "conclusive" and remainder.order is not None:
            seen, least = remainder.order, self._next
            figures["remainder_order"] = self.along.sign * seen.value
            if seen.interval[1] + REMAINDER_TOLERANCE < least:
                reason = f"remainder of {self._order(seen, least)}"
                return InstanceResult("fails", reason, figures)
        return InstanceResult("holds", "", figures)

    def summarise(self, result: LawResult) -> str:
        """Observed order, worst relative error of the constant, order of the remainder."""
        parts = []
        if order := result.spread("order"):
            parts.append(f"order {order[1]:z.3f} [{order[0]:z.3f}, {order[2]:z.3f}]")
        if error := result.spread("constant_error"):
            parts.append(f"constant to {error[2]:.1e}")
        if remainder := result.spread("remainder_order"):
            parts.append(f"remainder order {remainder[1]:.2f}")
        return ", ".join(parts)


@dataclass(frozen=True)
class IdentityLaw(Law):
    """left = right, within a tolerance computed from error bounds. Columns are repetitions within an instance."""

    left: Float[np.ndarray, "n e"]
    right: Float[np.ndarray, "n e"]
    tolerance: Float[np.ndarray, "n e"]

    def judge_rows(self) -> list[InstanceResult]:
        """The largest difference of each row against its tolerance."""
        return [_within(*row) for row in zip(np.abs(self.left - self.right), self.tolerance, strict=True)]

    def summarise(self, result: LawResult) -> str:
        """The largest difference."""
        worst = result.spread("difference")
        return f"equal to {worst[2]:.1e}" if worst else ""


@dataclass(frozen=True)
class BoundLaw(Law):
    """value >= 0, within a tolerance computed from error bounds. Columns are repetitions within an instance."""

    value: Float[np.ndarray, "n e"]
    tolerance: Float[np.ndarray, "n e"]

    def judge_rows(self) -> list[InstanceResult]:
        """The most negative value of each row against its tolerance."""
        return [_within(*row) for row in zip(np.maximum(-self.value, 0.0), self.tolerance, strict=True)]

    def summarise(self, result: LawResult) -> str:
        """The smallest value."""
        return f"smallest {np.nanmin(self.value):.1e}"


@dataclass(frozen=True)
class FactLaw(Law):
    """A yes-or-no fact about each instance, computed elsewhere, with its reason."""

    true: Bool[np.ndarray, " n"]
    reason: str

    def judge_rows(self) -> list[InstanceResult]:
        """Each row's fact."""
        return [InstanceResult("holds") if true else InstanceResult("fails", self.reason) for true in self.true]

    def summarise(self, result: LawResult) -> str:
        """How many rows are true."""
        return f"true for {int(np.sum(self.true))} of {self.true.size}"


def _agrees(constant: Estimate, predicted: float) -> bool:
    """Whether a constant is known well enough, and is the predicted one."""
    sharp = constant.half_width <= CONSTANT_RESOLUTION * abs(predicted)
    return sharp and not constant.excludes(predicted, CONSTANT_TOLERANCE * abs(predicted))


def _off(limit: Estimate) -> str:
    return f"the limit is off by {limit.value:.3g} +- {limit.half_width:.1g}"


def _within(difference: Float[np.ndarray, " e"], tolerance: Float[np.ndarray, " e"]) -> InstanceResult:
    if not np.all(np.isfinite(tolerance)) or np.any(np.isnan(difference)):
        return InstanceResult("inconclusive", "not measured: a value or its error bound is not finite")
    worst = int(np.argmax(difference / tolerance))
    figures = {"difference": float(np.max(difference)), "tolerance": float(tolerance[worst])}
    if difference[worst] > tolerance[worst]:
        return InstanceResult("fails", f"off by {difference[worst]:.3g}, allowed {tolerance[worst]:.1g}", figures)
    return InstanceResult("holds", "", figures)
