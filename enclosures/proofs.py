"""The evidence called `enclosed`: what ball arithmetic proves about instances of the main theorem, and its controls.

`evidence(effort)` encloses the gap of shears at fixed eps and (gap - c)/eps for all eps in (0, eps0], eps0 = 1/10
(quick), 1/2 (standard) or 1 (full). It holds if every proof goes through, every hull excludes 0 (so that the order in
eps is exactly 1) and the exact rational a_1 of the series engine lies in the enclosed slope at 0. Controls are false
statements refuted by an interval, and false certificates refused by the separate checker. Claims `elbo-limit`,
`higher-orders`, `enclosure`.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sympy
from flint import arb, ctx, fmpq

from .. import __version__
from ..shell import requests
from ..theory.series.decoders import SymbolicDecoder, gap_coefficients, latent_symbols
from ..theory.series.ring import RATIONALS
from . import one_dimensional
from .all_eps import UniformEnclosure, enclose_all_eps, proves_order_one
from .balls import EXACT_BITS, rational, shown
from .certificate import Document, build_certificate, digest, save
from .checker import CertificateError, check
from .fixed import gap_at
from .maximiser import EnclosureError
from .refutation import Refutation, refutations
from .shear import ShearInstance, shear_instance, symbolic_decoder

RANGES = {"quick": fmpq(1, 10), "standard": fmpq(1, 2), "full": fmpq(1)}
SMALL_RANGE = fmpq(1, 1000)
WIDTH = fmpq(1, 50)
DIGITS = 62
FIXED_NOISES = ("1/10", "1/100", "1/100000000")


@dataclass(frozen=True)
class EnclosedInstance:
    """A proved statement and its interval, printed with outward rounding."""

    statement: str
    interval: str


@dataclass(frozen=True)
class EnclosedControl:
    """A false statement, whether it was rejected, and by what."""

    id: str
    statement: str
    rejected: bool
    by: str


@dataclass(frozen=True)
class Evidence:
    """verdict: "holds", "fails" (an enclosure contradicts the claim) or "inconclusive" (a proof did not go through)."""

    verdict: str
    instances: tuple[EnclosedInstance, ...]
    controls: tuple[EnclosedControl, ...]


@lru_cache
def reference_instances() -> tuple[ShearInstance, ShearInstance, ShearInstance]:
    """The two instances of the claim, and one of three latents."""
    matrix, profile = [["1", "1/2"], ["-1/5", "6/5"]], ["0", "0", "1/2", "1/5"]
    wide = [["1", "1/2", "-1/4"], ["-1/5", "6/5", "1/3"], ["1/4", "1/5", "1"]]
    return (
        shear_instance(matrix, [profile], ["1/2", "3/5"]),
        shear_instance(matrix, [profile], ["-1", "1/3"]),
        shear_instance(wide, [profile, ["0", "1/3", "-1/4"]], ["1/2", "-1/3", "3/5"]),
    )


def exact_slope(instance: ShearInstance) -> fmpq:
    """a_1 as an exact rational, from the series engine."""
    point = [sympy.Rational(str(value)) for value in instance.point]
    return rational(str(gap_coefficients(symbolic_decoder(instance), point, 1, RATIONALS).gap[0]))


def evidence(effort: str = "quick") -> Evidence:
    """All enclosures and controls of one effort: "quick", "standard" or "full"; RequestError for another name."""
    eps0 = _range(effort)
    instances: list[EnclosedInstance] = []
    first = reference_instances()[0]
    try:
        sound = True
        for noise in FIXED_NOISES:
            found = gap_at(first, rational(noise), DIGITS)
            instances.append(EnclosedInstance(f"gap at eps = {noise}, {_name(first)}", shown(found.gap)))
        enclosures = (*uniform_enclosures(SMALL_RANGE), *uniform_enclosures(eps0), _wide())
        for enclosure in enclosures:
            statement = f"(gap - c)/eps for all eps in (0, {enclosure.eps0}], {_name(enclosure.instance)}"
            instances.append(EnclosedInstance(statement, shown(enclosure.slope)))
            sound = sound and proves_order_one(enclosure)
        for instance in reference_instances():
            limit = gap_at(instance, fmpq(0)).slope
            instances.append(EnclosedInstance(f"a_1, {_name(instance)}", shown(limit)))
            with ctx.workprec(EXACT_BITS):
                sound = sound and limit.contains(arb(exact_slope(instance)))
        instances += _one_dimensional_instances()
        controls = (*_refuted(first), *_one_dimensional_controls(), *_refused(first))
    except EnclosureError as error:
        return Evidence("inconclusive", (*instances, EnclosedInstance(str(error), "")), ())
    holds = sound and all(control.rejected for control in controls)
    return Evidence("holds" if holds else "fails", tuple(instances), controls)


def certificate(effort: str = "quick") -> Document:
    """The certificate of one effort: gaps at fixed eps and for all eps of the reference instances, and refutations."""
    instances = reference_instances()
    fixed = [(instance, gap_at(instance, rational(noise), DIGITS)) for instance in instances for noise in FIXED_NOISES]
    refuted = [(instances[0], refutation) for refutation in refutations(instances[0])]
    return build_certificate(fixed, (*uniform_enclosures(_range(effort)), _wide()), refuted, __version__)


def write_certificate(out_dir: str | Path, effort: str = "quick") -> Path:
    """Write `enclosure-certificate.json` under a folder, made if it is missing; returns its path."""
    return save(certificate(effort), Path(out_dir) / "enclosure-certificate.json")


def _range(effort: str) -> fmpq:
    return RANGES[requests.one_of("effort", effort, RANGES)]


@lru_cache
def uniform_enclosures(eps0: fmpq) -> tuple[UniformEnclosure, ...]:
    """The first two reference instances for all eps of (0, eps0]."""
    return tuple(enclose_all_eps(instance, eps0, WIDTH) for instance in reference_instances()[:2])


@lru_cache
def _wide() -> UniformEnclosure:
    return enclose_all_eps(reference_instances()[2], RANGES["quick"], WIDTH)


def _name(instance: ShearInstance) -> str:
    return f"shear of {instance.dimension} latents at g = ({', '.join(str(value) for value in instance.point)})"


def _refuted(instance: ShearInstance) -> tuple[EnclosedControl, ...]:
    def control(refutation: Refutation) -> EnclosedControl:
        by = f"{refutation.quantity} at eps = {refutation.eps} lies in {shown(refutation.enclosed)}"
        return EnclosedControl(refutation.id, refutation.statement, refutation.rejected, by)

    return tuple(control(refutation) for refutation in refutations(instance))


@lru_cache
def _line() -> one_dimensional.OneDimensional:
    (z,) = latent_symbols(1)
    return one_dimensional.OneDimensional(SymbolicDecoder("z + tanh(z)/2", (z,), (z + sympy.tanh(z) / 2,)), fmpq(7, 10))


def _one_dimensional_instances() -> list[EnclosedInstance]:
    found = one_dimensional.gap_at(_line(), fmpq(1, 1000), 20)
    place = "f(z) = z + tanh(z)/2 at g = 7/10, eps = 1/1000"
    return [
        EnclosedInstance(f"log p, {place}", shown(found.log_likelihood)),
        EnclosedInstance(f"gap of the stationary encoder, {place}", shown(found.gap)),
    ]


def _one_dimensional_controls() -> tuple[EnclosedControl, ...]:
    """The supremum's gap is at most that of the stationary encoder: enough to refute slopes that are too large."""
    eps = fmpq(1, 1000)
    found, exact = one_dimensional.gap_at(_line(), eps, 20), one_dimensional.coefficients(_line(), 1)
    upper = (found.gap / eps).upper()
    return (
        EnclosedControl(
            "full-covariance-factor",
            "gap >= (9/10) (C^2/6) eps at eps = 1/1000 for one latent (factor 1/6 for 1/12)",
            bool(upper < exact.gap[0] * 2 * fmpq(9, 10)),
            f"gap/eps <= {shown(upper)}",
        ),
    )


def _refused(instance: ShearInstance) -> tuple[EnclosedControl, ...]:
    """False certificates, each of which the checker must refuse."""
    eps, enclosure = rational(FIXED_NOISES[0]), enclose_all_eps(instance, SMALL_RANGE, WIDTH)
    true = build_certificate([(instance, gap_at(instance, eps, DIGITS))], [enclosure], [], __version__)

    def narrowed(document: Document) -> None:
        piece = document["uniform"][0]["pieces"][0]
        low, high = (rational(end) for end in piece["slope"])
        piece["slope"] = [str(low), str((low + high) / 2)]

    def moved(document: Document) -> None:
        entry = document["fixed"][0]
        entry["enclosed"] = [str(rational(end) + fmpq(1, 10**30)) for end in entry["enclosed"]]

    def changed_digit(document: Document) -> None:
        text = document["fixed"][0]["enclosed"][0]
        document["fixed"][0]["enclosed"][0] = text[:-1] + str((int(text[-1]) + 1) % 10)

    cases: tuple[tuple[str, str, Callable[[Document], None], bool], ...] = (
        ("changed-digit", "a certificate with one digit changed is accepted", changed_digit, False),
        ("moved-interval", "a false interval with a matching hash is accepted", moved, True),
        ("narrow-interval", "an interval too narrow, with a matching hash, is accepted", narrowed, True),
    )
    return tuple(_refusal(true, *case) for case in cases)


def _refusal(
    true: Document, name: str, statement: str, falsify: Callable[[Any], None], rehash: bool
) -> EnclosedControl:
    document = json.loads(json.dumps(true))
    falsify(document)
    if rehash:
        document["sha256"] = digest(document)
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(save(document, Path(folder) / "certificate.json"))
        except CertificateError as error:
            return EnclosedControl(name, statement, True, str(error))
    return EnclosedControl(name, statement, False, "the checker accepted it")
