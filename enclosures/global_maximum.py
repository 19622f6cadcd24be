"""Branch and bound: the profiled ELBO of a shear has one global maximum, and it lies where Krawczyk found it.

Variables w = h m and lambda = log v (h^2 = eps, notation of `shear`), in which F is smooth down to eps = 0:

    F(w, lambda; h) = Phi(g_d + h w, e^lambda, h^2) - kappa (w^2 + e^lambda)/2 + lambda/2.

Phi <= 0 confines the maximisers, for F >= L with L a proved lower bound of max F:
w^2 <= 2 T/kappa, T = -1/2 - log(kappa)/2 - L, and -kappa e^lambda/2 + lambda/2 >= L. Cells of this box
outside a neighbourhood B0 are excluded by F < L or by a derivative that has one sign; on B0 the Hessian is
negative definite, so the stationary point in B0 is the only one, and it is the global maximum. h may be a
ball. Claim `enclosure`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, no_type_check

from flint import arb, fmpq

from ..theory.series.functions import exp
from ..theory.series.truncated import Series, variables
from .balls import BALLS, dyadic, inside, interval
from .maximiser import Box, EnclosureError
from .shear import HALF, ShearInstance, response, smooth_part

# A proof takes a few hundred cells; one that needs thousands will not end.
MAXIMAL_CELLS = 4_000


@dataclass(frozen=True)
class Cell:
    """A rectangle [w_low, w_high] x [lambda_low, lambda_high] with exact corners."""

    w_low: fmpq
    w_high: fmpq
    lambda_low: fmpq
    lambda_high: fmpq

    def balls(self) -> tuple[arb, arb]:
        """The two sides as balls."""
        return interval(self.w_low, self.w_high), interval(self.lambda_low, self.lambda_high)

    def within(self, other: "Cell") -> bool:
        """True if this cell is a subset of the other."""
        return bool(
            self.w_low >= other.w_low
            and self.w_high <= other.w_high
            and self.lambda_low >= other.lambda_low
            and self.lambda_high <= other.lambda_high
        )

    def halves(self) -> tuple["Cell", "Cell"]:
        """The cell cut across its longer side."""
        if self.w_high - self.w_low >= self.lambda_high - self.lambda_low:
            middle = (self.w_low + self.w_high) / 2
            return (
                Cell(self.w_low, middle, self.lambda_low, self.lambda_high),
                Cell(middle, self.w_high, self.lambda_low, self.lambda_high),
            )
        middle = (self.lambda_low + self.lambda_high) / 2
        return (
            Cell(self.w_low, self.w_high, self.lambda_low, middle),
            Cell(self.w_low, self.w_high, middle, self.lambda_high),
        )


@no_type_check
class _Objective:
    """F(w, lambda; h) for one ball h, in balls or in series."""

    def __init__(self, instance: ShearInstance, h: arb) -> None:
        self.instance, self.h, self.eps = instance, h, h * h
        self.responses = response(instance, self.eps, 0)[0]
        self.curvature = arb(instance.curvature)

    def _assemble(self, w: Any, rate: Any, variance: Any) -> Any:
        mean = w * self.h + arb(self.instance.driver)
        phi = smooth_part(self.instance, mean, variance, self.eps, self.responses)
        return phi - (w * w + variance) * (self.curvature * HALF) + rate * HALF

    def value(self, w: arb, rate: arb) -> arb:
        """F over a cell."""
        return self._assemble(w, rate, rate.exp())

    def series(self, w: arb, rate: arb, order: int) -> Series:
        """The Taylor series of F over a cell, to first or second order."""
        w_series, rate_series = variables(BALLS, [w, rate], order)
        return self._assemble(w_series, rate_series, exp(rate_series))


def certify_global_maximum(instance: ShearInstance, h: arb, box: Box) -> Cell:
    """Prove that for every h of the ball the stationary point in `box` is the only global maximum of F.

    `box` encloses one stationary point (m, v) for each h (`maximiser.enclose_maximiser`). Returns the
    neighbourhood B0 of the proof; raises EnclosureError if it does not go through.
    """
    objective = _Objective(instance, h)
    w, rate = h * box.mean, box.variance.log()
    centre_w, centre_rate = dyadic(w), dyadic(rate)
    lower = objective.value(arb(centre_w), arb(centre_rate)).lower()
    neighbourhood = _concave_neighbourhood(objective, centre_w, centre_rate)
    sides = neighbourhood.balls()
    if not (inside(w, sides[0]) and inside(rate, sides[1])):
        raise EnclosureError("the enclosed stationary point does not lie inside the region of concavity")
    stack, visited = [confining_cell(instance, lower)], 0
    while stack:
        cell = stack.pop()
        visited += 1
        if visited > MAXIMAL_CELLS:
            raise EnclosureError(f"global maximality not decided within {MAXIMAL_CELLS} cells")
        if cell.within(neighbourhood) or _excluded(objective, cell, lower):
            continue
        stack.extend(cell.halves())
    return neighbourhood


def _excluded(objective: _Objective, cell: Cell, lower: arb) -> bool:
    sides = cell.balls()
    if objective.value(*sides) < lower:
        return True
    gradient = objective.series(*sides, 1)
    return any(gradient.coefficient(*direction) != 0 for direction in ((1, 0), (0, 1)))


def _concave_neighbourhood(objective: _Objective, w: fmpq, rate: fmpq) -> Cell:
    for cell in _shrinking(w, rate):
        hessian = objective.series(*cell.balls(), 2)
        ww, rr, wr = 2 * hessian.coefficient(2, 0), 2 * hessian.coefficient(0, 2), hessian.coefficient(1, 1)
        if ww < 0 and ww * rr - wr * wr > 0:
            return cell
    raise EnclosureError("the ELBO is not provably concave near its stationary point: the piece is too wide")


def _shrinking(w: fmpq, rate: fmpq) -> Iterator[Cell]:
    radius = fmpq(1, 2)
    for _ in range(14):
        yield Cell(w - radius, w + radius, rate - radius, rate + radius)
        radius = radius * fmpq(3, 4)


def confining_cell(instance: ShearInstance, lower: arb) -> Cell:
    """A cell outside which F < lower, from F <= -kappa (w^2 + e^lambda)/2 + lambda/2."""
    curvature = arb(instance.curvature)
    spare = -HALF - curvature.log() * HALF - lower
    w_limit = dyadic((spare.nonnegative_part() * 2 / curvature).sqrt().upper()) + 1
    top = dyadic((-curvature.log()).upper().ceil()) + 1
    for _ in range(1000):
        if -curvature * HALF * arb(top).exp() + arb(top) * HALF < lower:
            break
        top += 1
    else:
        raise EnclosureError("no upper limit of the log-variance found")
    bottom = dyadic((2 * lower).lower().floor()) - 1
    return Cell(-w_limit, w_limit, min(bottom, top - 1), top)
