"""The command `elbogap check-certificate FILE`: the verified statements, one a line, or the reason of the refusal."""

import sys
from pathlib import Path

from ..errors import RequestError
from .check_certificate import CertificateError, check


def check_certificate_command(file: Path, /) -> int:
    """Re-verify an enclosure certificate in this process, with none of the code that made it.

    Parameters
    ----------
    file
        The certificate, as written by `elbogap verify enclosure --out DIR`.
    """
    if not file.is_file():
        raise RequestError(f"no certificate to check: expected a file, got {file}")
    try:
        lines = check(file)
    except CertificateError as error:
        print(f"elbogap: certificate refused: {error}", file=sys.stderr)
        return 1
    for line in lines:
        print(f"verified  {line}")
    print(f"{file}: all {len(lines)} statements verified")
    return 0
