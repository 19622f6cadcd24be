"""Laws about expectations that are measured by sampling: errors are standard errors, not bounds.

`ConvergesInMean` is the statement, `MeanLaw` its numbers. The order, the limit and the constant come from weighted fits
with the covariance of the means (`mean_fit`); the false-alarm rate is shared out among rows, tests and candidates, so
that a true law is rejected with at most the stated probability. Where noise is too large the verdict is
`inconclusive`, with the number of repetitions that would decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import RequestError
from ..shell import requests
from .along import NOISE_VARIANCE, Along
from .laws import CONSTANT_ORDER, CONSTANT_TOLERANCE, ORDER_TOLERANCE, InstanceResult, Law, LawResult
from .mean_fit import (
    Candidate,
    Means,
    Shape,
    candidates,
    mean_constant,
    mean_limit,
    mean_order,
)
from .mean_power import repetitions_needed
from .order import Estimate
from .sampling import sample
from .statements import Expansion, Run
from .values import name_of, per_row

TESTS = 3
"""Order, limit and constant: each has a third of a row's false-alarm rate."""

ORDER_RESOLUTION = 0.25
"""An order known worse than this would not tell p from p + 1/2."""

FIXED_RESOLUTION = 0.05
"""A constant known worse than to 5 % would not tell 1 from 1.1; for a number of repetitions that is given."""

HEAVY = 0.1
"""One repetition that carries more of the variance than this: the mean is far from normal, its error says little."""

MOST = 200_000
"""Repetitions at which growing ends, times the effort's factor."""


@dataclass(frozen=True)
class MeanLaw(Law):
    """mean - limit = constant eps^order (log 1/eps)^log_power + O(eps^(order + spacing)), in means over repetitions.

    resolution: the relative half-width of the constant that decides; heavy: the share of one repetition in a variance.
    """

    means: tuple[Means, ...]
    limit: Float[np.ndarray, " n"]
    order: float
    constant: Float[np.ndarray, " n"]
    heavy: tuple[float, ...]
    spacing: float = 1.0
    log_power: int = 0
    resolution: float = FIXED_RESOLUTION
    along: Along = NOISE_VARIANCE

    @property
    def shape(self) -> Shape:
        """The claimed expansion."""
        return Shape(self.order, self.spacing, self.log_power)

    @property
    def eps(self) -> Float[np.ndarray, " e"]:
        """The small parameter."""
        return self.means[0].h

    @property
    def measured(self) -> Float[np.ndarray, "n e"]:
        """The means."""
        return np.stack([means.mean for means in self.means])

    @property
    def difference(self) -> Float[np.ndarray, "n e"]:
        """The means less the claimed limit."""
        return self.measured - self.limit[:, None]

    @property
    def floor(self) -> Float[np.ndarray, "n e"]:
        """Standard errors."""
        return np.stack([means.error for means in self.means])

    def predicted(self, i: int) -> Float[np.ndarray, " e"]:
        """The predicted leading term of row i."""
        return self.constant[i] * self.shape.term(self.eps, 0)

    def judge_rows(self) -> list[InstanceResult]:
        """Limit, order and constant of each row, from weighted fits."""
        return [self._judge(i) for i in range(len(self.means))]

    def _judge(self, i: int) -> InstanceResult:
        means, predicted = self.means[i].less(self.limit[i]), float(self.constant[i])
        figures = {"predicted_constant": predicted, "eps_max": float(means.h[0]), "eps_min": float(means.h[-1])}
        figures["repetitions"] = means.count
        if not np.isfinite(predicted):
            return InstanceResult("fails", f"the predicted constant is {predicted}")
        if not (np.all(np.isfinite(means.mean)) and np.all(np.isfinite(means.covariance))):
            return InstanceResult("inconclusive", "not measured: a repetition is nan or infinite", figures)
        if self.heavy[i] > HEAVY:
            reason = f"one repetition carries {self.heavy[i]:.0%} of the variance: heavy tails, no error can be stated"
            return InstanceResult("inconclusive", reason, figures)
        alarm = self.false_alarm / (TESTS * len(self.means))
        order, constant = mean_order(means, self.shape, alarm), mean_constant(means, self.shape, alarm)
        limit = mean_limit(means, self.shape, alarm)
        if order is not None:
            figures |= {"order": self.along.sign * order[0].value, "order_half_width": order[0].half_width}
        if constant is not None:
            figures |= {"constant": constant[0].value, "constant_half_width": constant[0].half_width}
            figures |= {"chi_square": constant[1].fit.chi_square, "freedom": float(constant[1].fit.freedom)}
        wrong = self._what_is_wrong(order, limit, constant, predicted)
        if wrong:
            return InstanceResult("fails", wrong, figures)
        return self._decided(means, order, constant, predicted, alarm, figures)

    def _what_is_wrong(
        self,
        order: tuple[Estimate, Candidate] | None,
        limit: tuple[Estimate, Candidate] | None,
        constant: tuple[Estimate, Candidate] | None,
        predicted: float,
    ) -> str:
        """The reason of a rejection, "" if there is none.

        Of order and limit the one whose fit has more points; what tends to a constant (order 0) has another limit.
        """
        resolved = order is not None and order[0].half_width <= ORDER_RESOLUTION
        excluded = resolved and order is not None and order[0].excludes(self.order, ORDER_TOLERANCE)
        off = constant is not None and constant[0].excludes(predicted, CONSTANT_TOLERANCE * abs(predicted))
        seen = limit is not None and limit[0].excludes(0.0)
        still = order is not None and abs(order[0].value) < CONSTANT_ORDER
        if limit is not None and seen and (not excluded or order is None or still or _better(limit[1], order[1])):
            return f"the limit is off by {limit[0].value:.3g} +- {limit[0].half_width:.1g}"
        # An order above the claimed one may be the next term where the constant is small: the constant decides.
        if excluded and order is not None and (order[0].value < self.order or off or constant is None):
            low, high = sorted(self.along.sign * end for end in order[0].interval)
            value = self.along.sign * order[0].value
            return f"order {value:z.3f} [{low:z.3f}, {high:z.3f}], expected {self.along.sign * self.order:g}"
        if off and constant is not None:
            return f"constant {constant[0].value:.5g} +- {constant[0].half_width:.1g}, expected {predicted:.5g}"
        return ""

    def _decided(
        self,
        means: Means,
        order: tuple[Estimate, Candidate] | None,
        constant: tuple[Estimate, Candidate] | None,
        predicted: float,
        alarm: float,
        figures: dict[str, float],
    ) -> InstanceResult:
        """Nothing is wrong: whether it is known well enough, and what would be needed if it is not."""
        if constant is None:
            chi = min(candidates(means, self.shape), key=lambda one: one.fit.chi_square).fit
            rest = f"what remains has chi-square {chi.chi_square:.3g} on {chi.freedom} degrees of freedom"
            return InstanceResult("inconclusive", f"no range of points follows such an expansion: {rest}", figures)
        wanted = self.resolution * abs(predicted)
        if constant[0].half_width > wanted:
            needed = repetitions_needed(means, self.shape, alarm, wanted)
            figures["repetitions_needed"] = needed
            known = f"constant {constant[0].value:.4g} +- {constant[0].half_width:.2g}, {self.resolution:.0%} is asked"
            would = f"about {needed:.1e} repetitions would decide" if np.isfinite(needed) else "more would not decide"
            return InstanceResult("inconclusive", f"{known}: {would} ({means.count:.1e} were made)", figures)
        if order is None or order[0].half_width > ORDER_RESOLUTION:
            known = f"known to +-{order[0].half_width:.2g} only" if order else "hidden in noise"
            return InstanceResult("inconclusive", f"the order is {known}, {ORDER_RESOLUTION:g} is needed", figures)
        figures["constant_error"] = abs(constant[0].value - predicted) / abs(predicted)
        return InstanceResult("holds", "", figures)

    def summarise(self, result: LawResult) -> str:
        """Observed order, worst relative error of the constant, chi-square of what remains, repetitions."""
        parts = []
        if order := result.spread("order"):
            parts.append(f"order {order[1]:z.3f} [{order[0]:z.3f}, {order[2]:z.3f}]")
        if error := result.spread("constant_error"):
            parts.append(f"constant to {error[2]:.1e}")
        chi = [
            (row.figures["chi_square"], row.figures["freedom"]) for row in result.rows if "chi_square" in row.figures
        ]
        if chi:
            parts.append(f"chi-square {sum(c for c, _ in chi):.3g} on {sum(f for _, f in chi):.0f}")
        parts.append(f"{max(means.count for means in self.means):.2g} repetitions")
        return ", ".join(parts)


def _better(one: Candidate, other: Candidate) -> bool:
    """Whether a fit describes more points, or as many with fewer terms, or with a smaller chi-square."""
    return _rank(one) < _rank(other)


def _rank(one: Candidate) -> tuple[int, int, float]:
    return one.start, one.terms, one.fit.chi_square


@dataclass(frozen=True)
class ConvergesInMean(Expansion):
    """E measured -> limit at the rate `order`, with this constant; errors are standard errors.

    measured(x, rng, repetitions, **instance) -> array (repetitions, points): x is the whole grid; rows are independent;
    using the same random numbers in all columns makes the fit sharper, never wrong. repetitions: "until 1%" (until the
    constant is known to 1 %, at most `most`) or their number. false_alarm: the probability with which a true law may be
    rejected.
    """

    measured: Callable[..., Any]
    repetitions: int | str = "until 1%"
    false_alarm: float = 1e-4
    most: int = MOST

    def __post_init__(self) -> None:
        super().__post_init__()
        requests.function("measured", self.measured)
        requests.number("false_alarm", self.false_alarm)
        requests.whole("most", self.most, 1)
        if not 0 < self.false_alarm < 0.5:
            raise RequestError(f"false_alarm: expected a probability between 0 and 1/2, got {self.false_alarm!r}")
        self.plan()

    def plan(self) -> tuple[int, float]:
        """The most repetitions, and the relative half-width of the constant that is asked."""
        if isinstance(self.repetitions, str):
            words = self.repetitions.split()
            try:
                asked = float(words[1].rstrip("%")) / 100 if words[0] == "until" and len(words) == 2 else 0.0
            except (ValueError, IndexError):
                asked = 0.0
            if not 0 < asked < 1:
                raise RequestError(f'repetitions: expected a number or "until 1%", got {self.repetitions!r}')
            return self.most, asked
        return requests.whole("repetitions", self.repetitions, 100), FIXED_RESOLUTION

    def law(self, run: Run) -> MeanLaw:
        """The means of the repetitions; drawn once for a claim, whatever its controls claim."""
        most, resolution = self.plan()
        growing = isinstance(self.repetitions, str)
        limit = per_row(self.limit, run.rows, "limit")
        alarm = self.false_alarm / (TESTS * len(run.rows))
        shape = Shape(float(self.in_eps), float(self.spacing), int(self.log_power))

        def enough(means: Means) -> bool:
            found = mean_constant(means, shape, alarm)
            return found is not None and bool(found[0].half_width <= resolution * abs(found[0].value))

        def row(i: int) -> Any:
            return sample(
                self.measured,
                self.along,
                run.rows.row(i),
                lambda chunk: run.draws.rng("repetitions", run.claim, name_of(self.measured), i, chunk),
                (lambda means: enough(means.less(limit[i]))) if growing else lambda means: False,
                most * (run.draws.scale if growing else 1),
            )

        def build() -> list[Any]:
            return [row(i) for i in range(len(run.rows))]

        found = run.draws.once((run.claim, self.measured, self.along, "means"), build)
        return MeanLaw(
            self.name or name_of(self.measured),
            run.rows,
            tuple(moments.means(self.along.eps) for moments in found),
            limit,
            float(self.in_eps),
            per_row(self.constant, run.rows, "constant"),
            tuple(moments.share for moments in found),
            float(self.spacing),
            int(self.log_power),
            resolution,
            self.along,
            false_alarm=self.false_alarm,
        )
