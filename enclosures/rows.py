"""Enclosed evidence for claims other than `enclosure`: instances, intervals, and the false readings they exclude.

`evidence_of(claim, effort)` gives the evidence of one claim of `ROWS`. A statement holds if the proved ball lies inside
the interval that the claim predicts, or contains the exact number that it predicts; a control is rejected if its value
is excluded. Predictions come from the series engine over exact rationals or balls (claim `higher-orders`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import sympy
from flint import arb, ctx, fmpq

from ..errors import RequestError
from ..theory.series.coefficients import GapSeries
from ..theory.series.decoders import SymbolicDecoder, f2, gap_coefficients, latent_symbols
from ..theory.series.ring import RATIONALS
from .balls import BALLS, decimal_interval, rational, shown
from .elementary.fixed import FixedEnclosure, enclose
from .elementary.instance import Instance
from .fixed import gap_at
from .likelihood import log_likelihood
from .maximiser import EnclosureError
from .proofs import EnclosedControl, EnclosedInstance, Evidence, evidence, reference_instances, uniform_enclosures
from .refutation import refutations
from .shear import ShearInstance, shear_instance, symbolic_decoder

DIGITS = 60
BITS = 260
SMALL = fmpq(1, 10**8)
CERTIFIED = "enclosure"
"""The claim whose evidence comes with a certificate."""
SHEAR = "shear of 2 latents at g = (1/2, 3/5)"


@dataclass
class Row:
    """Statements and controls as they are gathered."""

    sound: bool = True
    instances: list[EnclosedInstance] = field(default_factory=list)
    controls: list[EnclosedControl] = field(default_factory=list)

    def near(self, statement: str, ball: arb, predicted: arb, within: arb) -> None:
        """The quantity lies within a proved distance of what is predicted."""
        self.add(statement, ball, bool(abs(ball - predicted) < within))

    def add(self, statement: str, ball: arb, holds: bool) -> None:
        """A statement with its interval."""
        self.instances.append(EnclosedInstance(statement, shown(ball)))
        self.sound = self.sound and holds

    def excluded(self, name: str, statement: str, ball: arb, claimed: arb) -> None:
        """A false reading that puts the quantity elsewhere."""
        by = f"it lies in {_brief(ball, claimed)}"
        self.controls.append(EnclosedControl(f"enclosed-{name}", statement, not ball.overlaps(claimed), by))

    def evidence(self) -> Evidence:
        """The evidence of the row."""
        holds = self.sound and all(control.rejected for control in self.controls)
        return Evidence("holds" if holds else "fails", tuple(self.instances), tuple(self.controls))


def _brief(ball: arb, excluded: arb) -> str:
    """The ball as an interval of as few digits as still exclude this number."""
    for places in (4, 8, 16):
        lower, upper = decimal_interval(ball, places)
        if not arb(lower).union(arb(upper)).overlaps(excluded):
            return f"[{lower}, {upper}]"
    return shown(ball)


def _shear() -> ShearInstance:
    return reference_instances()[0]


@lru_cache
def _series(order: int) -> GapSeries:
    point = [sympy.Rational(str(value)) for value in _shear().point]
    return gap_coefficients(symbolic_decoder(_shear()), point, order, RATIONALS)


def _exact(value: object) -> arb:
    return arb(rational(str(value)))


@lru_cache
def _curve(eps: fmpq, offset: tuple[fmpq, ...] = ()) -> FixedEnclosure:
    """The curve (z, z^2/4 + sin z) at 7/10, moved along its normal by part of `offset`."""
    (z,) = latent_symbols(1)
    return enclose(Instance(SymbolicDecoder("curve", (z,), (z, z**2 / 4 + sympy.sin(z))), (fmpq(7, 10),), offset), eps)


def elbo_limit(row: Row) -> None:
    """(gap - c)/eps in an interval without 0 for all eps of (0, 1/1000], a_1 at 0."""
    for enclosure in uniform_enclosures(fmpq(1, 1000)):
        point = ", ".join(str(value) for value in enclosure.instance.point)
        statement = f"(gap - c)/eps for all eps in (0, {enclosure.eps0}], shear of 2 latents at g = ({point})"
        row.add(statement, enclosure.slope, not enclosure.slope.contains(0))
    found, a1 = gap_at(_shear(), SMALL, DIGITS), _exact(_series(2).gap[0])
    slope = (found.gap - _shear().contrast()) / SMALL
    row.near(f"(gap - c)/eps at eps = {SMALL}, {SHEAR}", slope, a1, arb(SMALL))
    for refutation in refutations(_shear())[:5]:
        by = f"{refutation.quantity} at eps = {refutation.eps} lies in {shown(refutation.enclosed)}"
        name = f"enclosed-{refutation.id}"
        row.controls.append(EnclosedControl(name, refutation.statement, refutation.rejected, by))


def likelihood_limit(row: Row) -> None:
    """(log p - its limit)/eps near L_1, on a shear and on a curve in the plane."""
    shear, g = _shear(), _shear().point
    limit = -(arb(g[0]) ** 2 + arb(g[1]) ** 2) / 2 - (2 * arb.pi()).log() - arb(shear.gram.det()).log() / 2
    slope, first = (log_likelihood(shear, SMALL) - limit) / SMALL, _exact(_series(2).log_likelihood[0])
    row.near(f"(log p - limit)/eps at eps = {SMALL}, {SHEAR}", slope, first, arb(SMALL) * 10)
    row.excluded("flipped", "log p = limit - L_1 eps + O(eps^2)", slope, -first)
    row.excluded("constant", "log p - limit = O(eps^2)", slope, arb(0, SMALL * 1000))
    eps = fmpq(1, 10**4)
    curve = _curve(eps)
    metric = curve.instance.hessian([arb(fmpq(7, 10))])[0][0]
    limit = -arb(fmpq(49, 200)) - (2 * arb.pi()).log() / 2 - metric.log() / 2 - (2 * arb.pi() * eps).log() / 2
    slope = (curve.log_likelihood - limit) / eps
    place = "curve (z, z^2/4 + sin z) at 7/10"
    first = curve.instance.coefficients(1).log_likelihood[0]
    row.near(f"(log p - limit)/eps at eps = {eps}, {place}", slope, first, arb(eps) * 10)
    wrong = (curve.log_likelihood - limit - metric.log()) / eps
    row.excluded("plus-log-det", "log p tends to l + 1/2 log det A - ...", wrong, slope)


def encoder_mean(row: Row) -> None:
    """(mu* - g)/eps near m."""
    found, m = gap_at(_shear(), SMALL, DIGITS).box.mean, _exact(_series(2).mean[1][0])
    row.near(f"(mean - g)/eps of the last latent at eps = {SMALL}, {SHEAR}", found, m, arb(SMALL) * 10)
    row.excluded("flipped", "mu* = g - eps m + O(eps^2)", found, -m)
    row.excluded("half", "mu* = g + eps m/2 + O(eps^2)", found, m / 2)
    row.excluded("faster", "mu* - g = O(eps^2)", found, arb(0, SMALL * 1000))
    eps = fmpq(1, 10**4)
    curve = _curve(eps)
    shift, predicted = (curve.mean[0] - fmpq(7, 10)) / eps, curve.instance.coefficients(1).mean[0][0]
    row.near(f"(mean - g)/eps at eps = {eps}, curve (z, z^2/4 + sin z) at 7/10", shift, predicted, arb(eps) * 10)


def encoder_variance(row: Row) -> None:
    """(sigma^2/eps - s)/eps near t, not near the paper's s^2 l''."""
    series, found = _series(2), gap_at(_shear(), SMALL, DIGITS).box.variance
    s, t = _exact(series.variance[1][0]), _exact(series.variance[1][1])
    bend = (found - s) / SMALL
    row.near(f"(variance/eps - s)/eps of the last latent at eps = {SMALL}, {SHEAR}", bend, t, arb(SMALL) * 10)
    row.excluded("paper", "the paper's formula: t = s^2 l''", bend, -s * s)
    row.excluded("flipped", "sigma^2 = eps s - eps^2 t + O(eps^3)", bend, -t)
    row.excluded("exact", "sigma^2 = eps s", bend, arb(0, SMALL * 1000))


def general_limit(row: Row) -> None:
    """Off the manifold the variance follows A - nu.H and log p the misfit at the nearest point."""
    eps = fmpq(1, 10**4)
    bare, moved = _curve(eps), _curve(eps, (fmpq(-1, 2), fmpq(0)))
    metric, hessian = (case.instance.hessian([arb(fmpq(7, 10))])[0][0] for case in (bare, moved))
    place = f"eps = {eps}, curve (z, z^2/4 + sin z) off the manifold at 7/10"
    inverse = eps / moved.variance[0]
    row.near(f"eps/variance at {place}", inverse, hessian, arb(fmpq(1, 100)))
    row.excluded("metric", "1/sigma^2 tends to A/eps off the manifold", inverse, metric)
    row.excluded("other-sign", "1/sigma^2 tends to (A + nu.H)/eps off the manifold", inverse, 2 * metric - hessian)
    a1 = moved.instance.coefficients(1).gap[0]
    row.near(f"gap/eps at {place}", moved.gap / eps, a1, abs(a1) / 100)


def higher_orders(row: Row) -> None:
    """a_1 to a_6 of f2 in balls; the residual of a shear's series is the next coefficient."""
    coefficients = gap_coefficients(f2(), [arb(fmpq(7, 10)), arb(fmpq(-2, 5))], 6, BALLS).gap
    for n, ball in enumerate(coefficients, 1):
        row.add(f"a_{n}, decoder f2 at g = (7/10, -2/5)", ball, bool(ball.rad() < abs(ball) * arb(10) ** -20))
    eps, exact = fmpq(1, 10**8), [_exact(value) for value in _series(4).gap]
    residual = gap_at(_shear(), eps, DIGITS).gap - _shear().contrast()
    for n in range(3):
        residual = residual - exact[n] * eps ** (n + 1)
        following = residual / eps ** (n + 2)
        statement = f"(gap - c - ... - a_{n + 1} eps^{n + 1})/eps^{n + 2} at eps = {eps}, {SHEAR}"
        row.near(statement, following, exact[n + 1], arb(eps) * 100)
        row.excluded(f"flipped-{n + 2}", f"a_{n + 2} with the other sign", following, -exact[n + 1])


def linear_vae(row: Row) -> None:
    """exp(2 gap) of a linear decoder is the rational prod(1 + A_kk/eps)/det(I + A/eps), at every eps."""
    linear = shear_instance([["1", "1/2"], ["-1/5", "6/5"]], [[0]], ["1/2", "3/5"])
    gram = linear.gram
    for eps in (fmpq(1), fmpq(1, 10), fmpq(1, 1000)):
        determinant = (1 + gram[0, 0] / eps) * (1 + gram[1, 1] / eps) - (gram[0, 1] / eps) ** 2
        exact = (1 + gram[0, 0] / eps) * (1 + gram[1, 1] / eps) / determinant
        found = (2 * gap_at(linear, eps, DIGITS).gap).exp()
        row.add(f"exp(2 gap) at eps = {eps} is {exact}, linear decoder of 2 latents", found, found.contains(arb(exact)))
        without = gram[0, 0] * gram[1, 1] / gram.det()
        row.excluded(f"contrast-{eps}", f"the gap at eps = {eps} is the contrast (no 1 +)", found, arb(without))


def contrast(row: Row) -> None:
    """exp(2 c) = prod A_kk/det A is exactly 1 for Moebius maps with rational parameters, in two and three latents."""
    for size in (2, 3):
        z = latent_symbols(size)
        centre = [sympy.Rational(k + 2, 3) for k in range(size)]
        square = sum((a - b) ** 2 for a, b in zip(z, centre, strict=True))
        turned = sympy.Matrix([[3, -4], [4, 3]]) / 5
        outputs = sympy.Matrix([(a - b) / square for a, b in zip(z, centre, strict=True)])
        outputs[:2, 0] = turned * outputs[:2, 0]
        for shift in (0, 1, 2):
            point = [sympy.Rational(k + 1 + shift, 7) for k in range(size)]
            value = _twice_contrast(outputs, z, point)
            place = f"g = ({', '.join(map(str, point))})"
            row.add(f"exp(2 c) of a Moebius map of {size} latents at {place}", arb(value), value == 1)
    z = latent_symbols(2)
    triangular = sympy.Matrix([z[0] + z[1] ** 2 / 2, z[1]])
    value = _twice_contrast(triangular, z, [sympy.Rational(1, 2), sympy.Rational(3, 5)])
    row.excluded("triangular", "c = 0 for a triangular Jacobian", arb(value), arb(1))
    mixed = sympy.Matrix([[1, sympy.Rational(1, 2)], [0, 1]]) * sympy.Matrix([2 * z[0], z[1]])
    value = _twice_contrast(mixed, z, [sympy.Integer(0), sympy.Integer(0)])
    row.excluded("linear-maps", "c is invariant under linear maps of x", arb(value), arb(1))


def _twice_contrast(outputs: sympy.Matrix, symbols: tuple, point: list) -> fmpq:
    jacobian = outputs.jacobian(symbols).subs(dict(zip(symbols, point, strict=True)))
    gram = jacobian.T * jacobian
    return rational(str(sympy.prod(gram[k, k] for k in range(len(symbols))) / gram.det()))


def kinks(row: Row) -> None:
    """log p of a leaky ReLU away from its kink differs from that of the active piece by less than exp(-r^2/(2 eps))."""
    x, slope = arb(fmpq(3, 10)), fmpq(1, 5)

    def piece(rate: fmpq, eps: fmpq, side: int) -> arb:
        precision = arb(rate**2 / eps + 1)
        mean = rate * x / eps / precision
        share = ((-side * mean * precision.sqrt()) / arb(2).sqrt()).erfc() / 2 if side else arb(1)
        return (precision * mean**2 / 2).exp() * share / precision.sqrt()

    for eps in (fmpq(1, 100), fmpq(1, 200), fmpq(1, 400)):
        whole = piece(fmpq(1), eps, 0)
        difference = ((piece(fmpq(1), eps, 1) + piece(slope, eps, -1)) / whole).log()
        limit = (-(x**2) / (2 * eps)).exp()
        statement = f"log p - log p of the active piece at eps = {eps}, leaky ReLU of slope {slope}, x = 3/10"
        row.add(statement, difference, bool(abs(difference) < limit) and not difference.contains(0))
    claimed = arb(1).union(arb(fmpq(1, 400_000)))
    row.excluded("order-eps", "the kink changes log p by eps/1000 or more at eps = 1/400", abs(difference), claimed)


def folds(row: Row) -> None:
    """For f = z^2 at x = 1 both preimages count: an encoder on one of them has the gap log 2 + O(eps)."""
    (z,) = latent_symbols(1)
    for eps in (fmpq(1, 100), fmpq(1, 1000)):
        found = enclose(Instance(SymbolicDecoder("square", (z,), (z**2,)), (fmpq(1),)), eps)
        first = found.instance.coefficients(1).gap[0]
        statement = f"gap of the encoder on one branch of z^2 at x = 1, eps = {eps}"
        row.near(statement, found.gap, arb(2).log() + first * eps, 60 * arb(eps) ** 2)
        row.excluded(
            f"one-branch-{eps}", f"that gap is c = 0 up to eps at eps = {eps}", found.gap, arb(0).union(arb(eps))
        )


ROWS: dict[str, Callable[[Row], None]] = {
    "elbo-limit": elbo_limit,
    "likelihood-limit": likelihood_limit,
    "encoder-mean": encoder_mean,
    "encoder-variance": encoder_variance,
    "general-limit": general_limit,
    "higher-orders": higher_orders,
    "linear-vae": linear_vae,
    "contrast": contrast,
    "kinks": kinks,
    "folds": folds,
}


def evidence_of(claim: str, effort: str = "quick") -> Evidence:
    """The enclosed evidence of a claim: `enclosure`, or one of `ROWS`; RequestError for another."""
    if claim == CERTIFIED:
        return evidence(effort)
    if claim not in ROWS:
        raise RequestError(f"no enclosed evidence for {claim!r}: expected enclosure, {', '.join(ROWS)}")
    row = Row()
    try:
        with ctx.workprec(BITS):
            ROWS[claim](row)
    except EnclosureError as error:
        return Evidence("inconclusive", (*row.instances, EnclosedInstance(str(error), "")), ())
    return row.evidence()
