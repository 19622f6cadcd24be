"""The certificate file: what was proved, on which instances, with which intervals; re-verified by `checker`.

JSON. Every number is a string, an exact rational ("-1/5") or an exact decimal, and intervals [lower, upper] are
rounded outwards. `sha256` is the digest of the canonical content: the document without that field, as JSON with
sorted keys and no spaces. `near` holds rational approximations of maximisers: hints for the checker, no claims.
Claim `enclosure`.
"""

import hashlib
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flint
from flint import arb, ctx, fmpq

from ..errors import RequestError
from ..shell.files import write_by_rename
from .all_eps import CENTRE_DIGITS, PIECE_BITS, UniformEnclosure
from .balls import EXACT_BITS, decimal_interval, dyadic, rational
from .fixed import FixedGap
from .maximiser import Box
from .refutation import Refutation
from .shear import ShearInstance

FORMAT = "elbogap enclosure certificate"
VERSION = 1
MAXIMAL_LATENTS = 4
HINT_BITS = 160
# Outward rounding moves an end by at most this part of the radius.
ROUNDING_STEPS = 1000
# Intervals are widened by this share of their radius, so that a checker with other round-off can confirm them.
MARGIN = fmpq(1, 16)

NOTHING = fmpq(0)

Document = dict[str, Any]


def written_interval(ball: arb, least: fmpq = NOTHING) -> list[str]:
    """The widened, outward-rounded decimal interval of a ball; `least` is added to its radius."""
    radius = ball.rad() * MARGIN + least
    wide = ball + (-radius).union(radius)
    places = 1
    while wide.rad() * arb(10) ** places < ROUNDING_STEPS:
        places += 1
    return list(decimal_interval(wide, places))


def _hint(box: Box) -> list[str]:
    """Midpoints (m, v) with few digits."""
    with ctx.workprec(HINT_BITS):
        return [str(_short(box.mean)), str(_short(box.variance))]


def _short(ball: arb) -> fmpq:
    scale = fmpq(2) ** HINT_BITS
    return fmpq((dyadic(ball) * scale).floor()) / scale


def _instance(instance: ShearInstance) -> Document:
    return {
        "matrix": [[str(entry) for entry in row] for row in instance.matrix],
        "profiles": [[str(entry) for entry in profile] for profile in instance.profiles],
        "point": [str(entry) for entry in instance.point],
    }


def build_certificate(
    fixed: Sequence[tuple[ShearInstance, FixedGap]],
    uniform: Sequence[UniformEnclosure],
    refuted: Sequence[tuple[ShearInstance, Refutation]],
    version: str,
) -> Document:
    """The document with its digest; `version` is elbogap's.

    RequestError for instances too large for the checker, or if a refutation does not stand.
    """
    with ctx.workprec(EXACT_BITS):
        return _build(fixed, uniform, refuted, version)


def _build(
    fixed: Sequence[tuple[ShearInstance, FixedGap]],
    uniform: Sequence[UniformEnclosure],
    refuted: Sequence[tuple[ShearInstance, Refutation]],
    version: str,
) -> Document:
    instances: list[ShearInstance] = []

    def index(instance: ShearInstance) -> int:
        if instance.dimension > MAXIMAL_LATENTS:
            expected = f"a certificate holds instances of at most {MAXIMAL_LATENTS} latents"
            raise RequestError(f"{expected}, got one of {instance.dimension}")
        if instance not in instances:
            instances.append(instance)
        return instances.index(instance)

    document: Document = empty_certificate(version) | {
        "statement": (
            "For the decoders f(z) = M (z_1 + p_1(z_d), ..., z_d) listed, prior N(0, I), x = f(g), noise eps I and the "
            "best mean-field Gaussian encoder: gap(eps) = log p_eps(x) - ELBO*(x) lies in the intervals of `fixed`, "
            "and (gap(eps) - c)/eps with c the IMA contrast at g lies, for EVERY eps of (0, eps0], in those of "
            "`uniform`; the statements of `refutations` are false. Quantities at eps = 0 are limits."
        ),
        "fixed": [
            {
                "instance": index(instance),
                "quantity": "gap",
                "eps": str(found.eps),
                "enclosed": written_interval(found.gap),
                "near": _hint(found.box),
            }
            for instance, found in fixed
        ],
        "uniform": [_uniform(index(enclosure.instance), enclosure) for enclosure in uniform],
        "refutations": [_refutation(index(instance), refutation) for instance, refutation in refuted],
        "precision": {"piece_bits": str(PIECE_BITS), "centre_digits": str(CENTRE_DIGITS)},
    }
    document["instances"] = [_instance(instance) for instance in instances]
    return seal(document)


def _uniform(index: int, enclosure: UniformEnclosure) -> Document:
    pieces = [
        {
            "start": str(piece.start),
            "end": str(piece.end),
            "slope": written_interval(piece.slope),
            "near": _hint(piece.maximiser),
        }
        for piece in enclosure.pieces
    ]
    # The hull of what is written, so that no piece exceeds it.
    lower = min((piece["slope"][0] for piece in pieces), key=rational)
    upper = max((piece["slope"][1] for piece in pieces), key=rational)
    return {"instance": index, "eps0": str(enclosure.eps0), "slope": [lower, upper], "pieces": pieces}


def _refutation(index: int, refutation: Refutation) -> Document:
    if not refutation.rejected:
        raise RequestError(f"the statement {refutation.statement!r} is not refuted by {refutation.enclosed}")
    return {
        "instance": index,
        "id": refutation.id,
        "statement": refutation.statement,
        "quantity": refutation.quantity,
        "eps": str(refutation.eps),
        "near": _hint(refutation.box),
        "claimed": written_interval(refutation.claimed, fmpq(1, 2**60)),
        "enclosed": written_interval(refutation.enclosed, fmpq(1, 2**60)),
    }


def empty_certificate(version: str) -> Document:
    """A certificate with no statement yet; `version` is elbogap's."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "instances": [],
        "fixed": [],
        "uniform": [],
        "refutations": [],
        "versions": {"elbogap": version, "python-flint": flint.__version__, "python": platform.python_version()},
    }


def seal(document: Document) -> Document:
    """The document with its digest."""
    return document | {"sha256": digest(document)}


def digest(document: Document) -> str:
    """SHA-256 of the canonical content."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def written(document: Document) -> str:
    """The document as the text of its file, with a line a field."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def save(document: Document, path: Path) -> Path:
    """Write the document; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_by_rename(path, written(document))
