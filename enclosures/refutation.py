"""False statements, each refuted by an interval that excludes what it says.

A `Refutation` holds a false statement about one shear instance, the interval in which it puts a quantity, and the
proved enclosure of that quantity; it stands if the two are disjoint. Quantities:

    gap, slope      gap and (gap - c)/eps at a rational eps; a statement "for all eps in (0, eps1]" falls by one eps
    variance        v = sigma_d^2/eps of the optimal encoder at a rational eps

At eps = 0 each stands for its limit, which an enclosure for all eps of (0, eps0] proves to exist.

Sources: the false variants of the claims `encoder-variance`, `elbo-limit`, `contrast` and `enclosure`.
"""

from dataclasses import dataclass

import sympy
from flint import arb, ctx, fmpq

from ..theory.series.decoders import gap_coefficients
from ..theory.series.ring import RATIONALS
from .all_eps import enclose_all_eps
from .balls import interval, rational
from .fixed import gap_at
from .maximiser import Box
from .shear import ShearInstance, symbolic_decoder

QUANTITIES = ("gap", "slope", "variance")
DIGITS = 24
LIMIT_RANGE = fmpq(1, 1000)


@dataclass(frozen=True)
class Refutation:
    """A false statement: it puts `quantity` at `eps` in `claimed`; `enclosed` is proved about the maximiser `box`."""

    id: str
    statement: str
    quantity: str
    eps: fmpq
    claimed: arb
    enclosed: arb
    box: Box

    @property
    def rejected(self) -> bool:
        """True if the enclosure excludes the whole claimed interval."""
        return not self.enclosed.overlaps(self.claimed)


def enclosed_quantities(instance: ShearInstance, eps: fmpq) -> tuple[dict[str, arb], Box]:
    """The proved enclosures of `QUANTITIES` at eps >= 0, and the box of the maximiser."""
    with ctx.workprec(DIGITS * 4):
        found, contrast = gap_at(instance, eps, DIGITS), instance.contrast()
        if eps == 0:
            # Differentiability at 0 on a whole range of eps is what makes the limits proved statements.
            enclose_all_eps(instance, LIMIT_RANGE, fmpq(1))
        slope = found.slope if eps == 0 else (found.gap - contrast) / eps
        return {"gap": found.gap, "slope": slope, "variance": found.box.variance}, found.box


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
    """The false variants of the theorem on one instance; the two bounds in eps are its own."""
    zero, eps, tenth, three_tenths = fmpq(0), fmpq(1, 100), fmpq(1, 10), fmpq(3, 10)
    with ctx.workprec(DIGITS * 4):
        proved = {at: enclosed_quantities(instance, at) for at in (zero, eps)}
        contrast, initial = instance.contrast(), proved[zero][0]["slope"]
        half_log_determinant = arb(instance.gram.det()).log() / 2

        def case(name: str, statement: str, quantity: str, at: fmpq, claimed: arb) -> Refutation:
            values, box = proved[at]
            return Refutation(name, statement, quantity, at, claimed, values[quantity], box)

        return (
            case("rows", "the gap tends to the contrast of the rows of J", "gap", zero, row_contrast(instance)),
            case(
                "determinant-without-half",
                "the gap tends to sum_k log|J_k| - log det A",
                "gap",
                zero,
                contrast - half_log_determinant,
            ),
            case("vanishing-gap", "the mean-field gap tends to 0", "gap", zero, arb(0)),
            case("flipped-slope", "gap = c - a1 eps + O(eps^2)", "slope", zero, -initial),
            case(
                "slope-without-mean-shift",
                "gap = c + a eps + O(eps^2) with b'A^-1 b/2 left out of E1",
                "slope",
                zero,
                initial + _mean_shift_term(instance) / 2,
            ),
            case("second-order", "|gap - c| <= 10 eps^2 on (0, 1/100]", "slope", eps, interval(-tenth, tenth)),
            case(
                "three-tenths",
                "|gap - c| <= 3/10 eps on (0, 1/100]",
                "slope",
                eps,
                interval(-three_tenths, three_tenths),
            ),
            case("exact-at-finite-noise", "gap = c at eps = 1/100", "gap", eps, contrast),
            case(
                "exact-paper-variance",
                "1/sigma_d^2 = 1 + A_dd/eps at eps = 1/100",
                "variance",
                eps,
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
