"""False statements, each refuted by an interval that excludes what it says.

A `Refutation` holds a false statement about one shear instance, the interval in which it puts a quantity, and the
proved enclosure of that quantity; it stands if the two are disjoint. Quantities:

    limit           lim gap as eps -> 0, proved by |gap - c| <= B eps on (0, eps0]
    initial slope   lim (gap - c)/eps as eps -> 0
    gap, slope      gap and (gap - c)/eps at a rational eps; a statement "for all eps in (0, eps1]" falls by one eps
    variance        v = sigma_d^2/eps of the optimal encoder at a rational eps

Sources: the FALSE variants of claims T3, T5, T6 and T22.
"""

from dataclasses import dataclass

import sympy
from flint import arb, ctx, fmpq

from ..theory.series_decoders import gap_coefficients
from ..theory.series_ring import RATIONALS
from .all_eps import enclose_all_eps
from .balls import interval, rational
from .fixed import gap_at
from .maximiser import EnclosureError
from .shear import ShearInstance, symbolic_decoder

LIMITS = ("limit", "initial slope")
QUANTITIES = (*LIMITS, "gap", "slope", "variance")
DIGITS = 24
LIMIT_RANGE = fmpq(1, 1000)


@dataclass(frozen=True)
class Refutation:
    """A false statement: it puts `quantity` (at `eps`, None for limits) in `claimed`; `enclosed` is proved."""

    id: str
    statement: str
    quantity: str
    eps: fmpq | None
    claimed: arb
    enclosed: arb

    @property
    def rejected(self) -> bool:
        """True if the enclosure excludes the whole claimed interval."""
        return not self.enclosed.overlaps(self.claimed)


def enclosed_quantity(instance: ShearInstance, quantity: str, eps: fmpq | None) -> arb:
    """The proved enclosure of one of `QUANTITIES`; ValueError for another name or an eps where none belongs."""
    if quantity not in QUANTITIES or (eps is None) != (quantity in LIMITS):
        raise ValueError(f"expected one of {QUANTITIES}, with eps for the last three only, got {quantity} at {eps}")
    with ctx.workprec(DIGITS * 4):
        if eps is None:
            # The enclosure on a whole range of eps is what makes the limits proved statements.
            uniform = enclose_all_eps(instance, LIMIT_RANGE, fmpq(1))
            if not uniform.slope.is_finite():
                raise EnclosureError("the limit is not proved: (gap - c)/eps is unbounded")
            return instance.contrast() if quantity == "limit" else gap_at(instance, fmpq(0), DIGITS).slope
        found = gap_at(instance, eps, DIGITS)
        values = {"gap": found.gap, "slope": (found.gap - instance.contrast()) / eps, "variance": found.box.variance}
        return values[quantity]


def row_contrast(instance: ShearInstance) -> arb:
    """The contrast of the rows of J = M [[I, p'], [0, 1]], which is not what the gap converges to."""
    slopes = [
        sum((k * value * instance.driver ** (k - 1) for k, value in enumerate(profile) if k), fmpq(0))
        for profile in instance.profiles
    ]
    total = -arb(instance.gram.det()).log()
    for row in instance.matrix:
        *sheared, last = row
        entries = [*sheared, last + sum((m * slope for m, slope in zip(sheared, slopes, strict=True)), fmpq(0))]
        total += arb(sum((entry * entry for entry in entries), fmpq(0))).log()
    return total / 2


def refutations(instance: ShearInstance) -> tuple[Refutation, ...]:
    """The false variants of the theorem on one instance; the two bounds in eps are those of T22's first instance."""
    eps = fmpq(1, 100)
    with ctx.workprec(DIGITS * 4):
        contrast, initial = instance.contrast(), enclosed_quantity(instance, "initial slope", None)
        found = gap_at(instance, eps, DIGITS)
        enclosed = {
            "limit": contrast,
            "initial slope": initial,
            "slope": (found.gap - contrast) / eps,
            "gap": found.gap,
            "variance": found.box.variance,
        }
        log_determinant = arb(instance.gram.det()).log()
        tenth, three_tenths = fmpq(1, 10), fmpq(3, 10)

        def case(name: str, statement: str, quantity: str, claimed: arb) -> Refutation:
            at = None if quantity in LIMITS else eps
            return Refutation(name, statement, quantity, at, claimed, enclosed[quantity])

        return (
            case("rows-for-columns", "the gap tends to the contrast of the rows of J", "limit", row_contrast(instance)),
            case(
                "determinant-without-half",
                "the gap tends to sum_k log|J_k| - log det A",
                "limit",
                contrast - log_determinant / 2,
            ),
            case("vanishing-gap", "the mean-field gap tends to 0", "limit", arb(0)),
            case("flipped-slope", "gap = c - a1 eps + O(eps^2)", "initial slope", -initial),
            case(
                "slope-without-mean-shift",
                "gap = c + a eps + O(eps^2) with b'A^-1 b/2 left out of E1",
                "initial slope",
                initial + _mean_shift_term(instance) / 2,
            ),
            case("second-order", "|gap - c| <= 10 eps^2 on (0, 1/100]", "slope", interval(-tenth, tenth)),
            case("three-tenths", "|gap - c| <= 3/10 eps on (0, 1/100]", "slope", interval(-three_tenths, three_tenths)),
            case("exact-at-finite-noise", "gap = c at eps = 1/100", "gap", contrast),
            case(
                "exact-paper-variance",
                "1/sigma_d^2 = 1 + A_dd/eps at eps = 1/100",
                "variance",
                1 / (arb(instance.latent_precision[-1]) + eps),
            ),
        )


def _mean_shift_term(instance: ShearInstance) -> arb:
    """b'A^-1 b = |J m|^2, exactly, from the mean shift m of the series over the rationals."""
    decoder = symbolic_decoder(instance)
    point = [sympy.Rational(str(value)) for value in instance.point]
    jacobian = sympy.Matrix(decoder.outputs).jacobian(decoder.symbols)
    at_point = jacobian.subs(dict(zip(decoder.symbols, point, strict=True)))
    means = gap_coefficients(decoder, point, 1, RATIONALS).mean
    image = at_point * sympy.Matrix([sympy.Rational(str(entry[0])) for entry in means])
    return arb(rational(str((image.T * image)[0, 0])))
