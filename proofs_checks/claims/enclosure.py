"""enclosure: for instances of the main theorem the gap is enclosed, for every noise variance in a range.

The enclosed evidence comes from `elbogap.enclosures` (ball arithmetic, python-flint): the gap to sixty digits, and
(gap - c)/eps in an interval that excludes 0 for all eps in (0, eps0], so that the order is exactly one. Measured beside
it: the same order and constant on random shears, the class that the enclosures are about.
"""

from __future__ import annotations

from ..batch_laws import gap_law, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw
from ..measurements import Measurements


def _law(measured: Measurements, order: float, sign: float) -> ConvergenceLaw:
    return gap_law(
        "gap - contrast of shears",
        measured.of_families("shear"),
        limit=predicted("contrast"),
        constant=lambda batch: sign * batch.predict("gap_slope"),
        order=order,
    )


def laws(measured: Measurements) -> list[ConvergenceLaw]:
    """gap - c has order exactly 1 and constant a1 on random shears."""
    return [_law(measured, order=1.0, sign=1.0)]


def controls(measured: Measurements) -> list[Control]:
    """Measured refutations; the enclosed ones (false bounds, false certificates) come from `elbogap.enclosures`."""
    return [
        Control("order-two", "on shears the gap converges like eps^2", _law(measured, order=2.0, sign=1.0)),
        Control("slope-flipped", "on shears the slope is -a1", _law(measured, order=1.0, sign=-1.0)),
        Control("order-half", "on shears the gap converges like sqrt(eps)", _law(measured, order=0.5, sign=1.0)),
    ]


CLAIM = Claim(
    id="enclosure",
    order=19,
    title="instances of the main theorem, proved for every noise variance in a range",
    statement="For shears with rational coefficients the difference of gap and contrast, over the noise variance, lies "
    "in an interval that excludes zero, for every noise variance down to zero.",
    latex=r"\frac{\mathrm{gap}(\varepsilon) - c_{\mathrm{IMA}}}{\varepsilon} \in [a^-, a^+] \not\ni 0"
    r"\quad\text{for all } \varepsilon \in (0, \varepsilon_0]",
    source="new here (elbo-limit for shears, in ball arithmetic)",
    assumptions=(
        "f(z) = M (z_1 + p(z_2), z_2) with rational coefficients, M invertible",
        "standard normal prior",
        "the correctness of the ball arithmetic of Arb",
    ),
    laws=laws,
    controls=controls,
    enclosed=True,
)
