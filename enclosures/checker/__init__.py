"""The checker of enclosure certificates: small, separate, python-flint and nothing else of elbogap.

`check(path)` proves every interval of a certificate anew, with code that shares nothing with the code that made it, or
raises `CertificateError` with one line. Every line that it returns is made from numbers that were verified; free text
of the file is never repeated. Sizes are bounded before work begins (`reading`), and so is the time.
"""

from pathlib import Path
from typing import Any

from flint import ctx

from .gaps import check_elementary
from .reading import (
    MAXIMAL_INSTANCES,
    MAXIMAL_STATEMENTS,
    SECONDS,
    CertificateError,
    Deadline,
    listed,
    quoted,
    read,
    require,
)
from .shears import Shear, check_uniform, check_value
from .uniform import check_every

__all__ = ["SECONDS", "CertificateError", "check"]

FORMAT = "elbogap enclosure certificate"


def check(path: str | Path, seconds: float = SECONDS) -> list[str]:
    """Verify a certificate file; the verified statements, one a line. Raises CertificateError with one line."""
    deadline = Deadline.after(seconds)
    document = read(Path(path), FORMAT)
    try:
        with ctx.workprec(128):
            return _statements(document, deadline)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CertificateError(f"malformed certificate: {type(error).__name__} {quoted(str(error))}") from error


def _statements(document: dict[str, Any], deadline: Deadline) -> list[str]:
    instances = listed(document["instances"], "instances", MAXIMAL_INSTANCES)
    elementary = listed(document.get("elementary", []), "elementary", MAXIMAL_STATEMENTS)
    every = listed(document.get("elementary_uniform", []), "elementary_uniform", MAXIMAL_STATEMENTS)
    parts = ((check_value, "fixed"), (check_uniform, "uniform"), (check_value, "refutations"))
    entries = [(verify, entry) for verify, name in parts for entry in listed(document[name], name, MAXIMAL_STATEMENTS)]
    require(entries or elementary or every, "the certificate is empty: expected at least one statement, got none")
    shears = [Shear(data, deadline) for data in instances]
    lines = []
    for verify, entry in entries:
        which = entry["instance"]
        known = type(which) is int and 0 <= which < len(shears)
        require(known, f"expected the number of one of {len(shears)} instances")
        lines.append(verify(shears[which], entry))
    lines += [check_elementary(entry, deadline) for entry in elementary]
    return lines + [check_every(entry, deadline) for entry in every]
