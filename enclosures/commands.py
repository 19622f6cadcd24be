"""The command `elbogap check-certificate FILE`: the verified statements, one a line, or the reason of the refusal."""

from pathlib import Path

from ..errors import RequestError
from ..shell import requests
from ..shell.options import Real
from ..shell.terminal import notice
from .checker import SECONDS, CertificateError, check


def check_certificate_command(file: Path, /, *, seconds: Real = SECONDS) -> int:
    """Re-verify an enclosure certificate in this process, with none of the code that made it.

    Parameters
    ----------
    file
        The certificate, as written by `elbogap verify enclosure --out DIR`.
    seconds
        How long checking may take; a certificate that needs longer is refused, and the message says so.
    """
    requests.number("--seconds", seconds, above=0)
    if not file.is_file():
        raise RequestError(f"no certificate to check: expected a file, got {file}")
    try:
        lines = check(file, seconds)
    except CertificateError as error:
        notice(f"certificate refused: {error}")
        return 1
    for line in lines:
        print(f"verified  {line}")
    print(f"all {len(lines)} statements verified")
    return 0
