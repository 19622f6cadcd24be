"""Reading certificates: the file within its bounds, its digest, exact numbers, intervals and the time allowed.

All sizes are bounded before any work begins, and every message names the bound. A deadline is asked wherever work can
be long, so that no certificate, however it was made, keeps the checker longer than it was given.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from flint import arb, ctx, fmpq

MAXIMAL_BYTES = 8_000_000
MAXIMAL_CHARACTERS = 400
MAXIMAL_STATEMENTS = 200
MAXIMAL_INSTANCES = 32
MAXIMAL_PIECES = 5_000
MAXIMAL_LATENTS = 4
MAXIMAL_DEGREE = 12
SECONDS = 60.0

Interval = tuple[fmpq, fmpq]


class CertificateError(Exception):
    """The file is not a certificate, was changed, or claims what could not be proved."""


def require(condition: Any, message: str) -> None:
    """Raise CertificateError unless the condition is true."""
    if not condition:
        raise CertificateError(message)


def listed(values: Any, what: str, most: int, least: int = 0) -> list[Any]:
    """A list of `least` to `most` entries; its size is looked at before anything in it."""
    require(isinstance(values, list), f"expected a list of {what}, got {quoted(values)}")
    require(least <= len(values) <= most, f"expected {least} to {most} {what}, got {len(values)}")
    return list(values)


def quoted(value: Any) -> str:
    """A short, one-line form of whatever stands in a file."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def number(text: Any) -> fmpq:
    """An exact rational or decimal string."""
    short = isinstance(text, str) and len(text) <= MAXIMAL_CHARACTERS
    exact = short and re.fullmatch(r"-?[0-9]+(/[1-9][0-9]*|\.[0-9]+)?", text, re.ASCII)
    bound = f"expected a rational or decimal string of at most {MAXIMAL_CHARACTERS} characters"
    require(exact, f"{bound}, got {quoted(text)}")
    return fmpq(*Fraction(text).as_integer_ratio())


def pair(values: Any, ordered: bool = True) -> Interval:
    """Two rational strings, lower < upper if ordered."""
    require(isinstance(values, list) and len(values) == 2, f"expected two rational strings, got {quoted(values)}")
    lower, upper = number(values[0]), number(values[1])
    require(lower < upper or not ordered, f"expected lower < upper, got {quoted(values)}")
    return lower, upper


def holds(proved: arb, claimed: Interval) -> bool:
    """True if the proved ball is a subset of the claimed interval."""
    with ctx.workprec(1024):
        return bool(proved >= arb(claimed[0]) and proved <= arb(claimed[1]))


def ball(claimed: Interval) -> arb:
    """A ball that contains an interval."""
    return arb(claimed[0]).union(arb(claimed[1]))


@dataclass(frozen=True)
class Deadline:
    """The moment at which checking ends, whatever remains."""

    seconds: float
    end: float

    @staticmethod
    def after(seconds: float) -> "Deadline":
        """A deadline that many seconds from now."""
        return Deadline(seconds, time.monotonic() + seconds)

    def ask(self) -> None:
        """Raise CertificateError if the time is over."""
        require(
            time.monotonic() < self.end, f"not verified within {self.seconds:g} seconds: expected less work in one file"
        )


def read(path: Path, form: str) -> dict[str, Any]:
    """The document of a file: its size bounded, its format known, its digest right."""
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMAL_BYTES + 1)
        require(
            len(data) <= MAXIMAL_BYTES, f"expected a certificate of at most {MAXIMAL_BYTES} bytes, got a larger file"
        )
        document = json.loads(data.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CertificateError(
            f"cannot read the file: expected a JSON certificate, got {quoted(str(error))}"
        ) from error
    known = isinstance(document, dict) and document.get("format") == form
    require(known, f"not an enclosure certificate: expected the format {form!r}")
    content = {key: value for key, value in document.items() if key != "sha256"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    found = hashlib.sha256(canonical.encode()).hexdigest()
    require(found == document.get("sha256"), f"the content was changed: its SHA-256 is {found}, not what it says")
    return document
