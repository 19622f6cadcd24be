"""The commands `elbogap enclose` and `elbogap check-certificate`.

Exit status: 0 everything verified, 1 something refuted, inconclusive or not verified, 2 the request is wrong.
"""

from json import dumps
from pathlib import Path
from typing import Any

from flint import ctx, fmpq

from .. import __version__
from ..errors import RequestError
from ..shell import requests
from ..shell.options import Flag, Real, Whole
from ..shell.terminal import notice, say
from .all_eps import enclose_all_eps, proves_order_one
from .certificate import build_certificate as build_shear_certificate
from .certificate import save
from .checker import SECONDS, CertificateError, check
from .elementary.answers import fixed_statements, uniform_statements
from .elementary.document import build_certificate
from .elementary.fixed import DIGITS, enclose
from .elementary.instance import Instance
from .elementary.request import decoder_of, exact, instance, numbers
from .elementary.uniform import enclose_uniform
from .fixed import gap_at
from .likelihood import log_likelihood
from .maximiser import EnclosureError
from .recognised import as_shear
from .shear import ShearInstance
from .statements import Statement, decided, overall, verified

MOST_DIGITS = 60
SPARE_DIGITS = 4
SLOPE = "(gap - contrast)/eps"
Interval = tuple[fmpq, fmpq]
CERTIFICATE = "enclosure-certificate.json"
ALL_EPS_WIDTH = fmpq(1, 50)


def enclose_command(
    decoder: str,
    /,
    *,
    latent_dim: Whole,
    at: str,
    noise_var: str | None = None,
    up_to: str | None = None,
    offset: str | None = None,
    claim: str | None = None,
    digits: Whole = DIGITS,
    json: Flag = False,
    out: Path | None = None,
) -> int:
    """Enclose log p, the best ELBO and the gap of a decoder of your own, in ball arithmetic. FILE.py is executed.

    Parameters
    ----------
    decoder
        FILE.py:NAME, a function of the latents (SymPy symbols) that returns its outputs, or SymPy expressions.
    latent_dim
        The number of latents, 1 or 2; up to 4 for polynomial shears. The prior is N(0, I).
    at
        The point g, exact numbers separated by commas; x = f(g).
    noise_var
        One noise variance, an exact number such as 1/100 or 1e-2.
    up_to
        Instead: all noise variances from 0 to this one, for polynomial shears and for elementary decoders of which the
        misfit grows away from the point; about 1e-2 is within reach.
    offset
        A vector v with as many entries as outputs: x = f(g) + the part of v that is normal to the image at g.
    claim
        LOW,HIGH: the interval in which you put the gap (with --up-to: (gap - contrast)/eps), verified or refuted.
    digits
        About how many digits are asked for at one noise variance.
    json
        Print one JSON document.
    out
        A folder for the certificate, which `elbogap check-certificate` re-verifies.
    """
    if (noise_var is None) == (up_to is None):
        raise RequestError("expected one of --noise-var and --up-to, got " + ("none" if up_to is None else "both"))
    requests.whole("--digits", digits, 1, MOST_DIGITS)
    form = decoder_of(decoder, latent_dim)
    point = numbers(at, latent_dim, "--at")
    normal = numbers(offset, len(form.outputs), "--offset") if offset else ()
    shear = None if normal else as_shear(form, point)
    found = shear or instance(form, point, normal)
    limits: Interval | None = None
    if claim:
        low, high = numbers(claim, 2, "--claim")
        limits = low, high
    if limits and limits[0] > limits[1]:
        raise RequestError(f"--claim: expected LOW <= HIGH, got {claim}")
    eps = exact(noise_var or up_to or "", "--noise-var" if noise_var else "--up-to")
    if not 0 < eps <= 100:
        raise RequestError(f"the noise variance: expected a number above 0 and at most 100, got {noise_var or up_to}")
    with requests.out_folder(out):
        statements, certificate = _answer(found, eps, noise_var is not None, digits, limits)
        if out is not None and certificate is not None:
            save(certificate, out / CERTIFICATE)
    _show(decoder, statements, certificate if json else None, json)
    return 0 if overall(statements) == "verified" else 1


def _answer(
    found: Instance | ShearInstance, eps: fmpq, fixed: bool, digits: int, claimed: Interval | None
) -> tuple[list[Statement], dict[str, Any] | None]:
    """The statements, and the certificate if everything in it was proved."""
    try:
        if isinstance(found, ShearInstance):
            return _of_shear(found, eps, digits, claimed) if fixed else _for_all(found, eps, claimed)
        if not fixed:
            every = enclose_uniform(found, eps)
            return uniform_statements(every, claimed), build_certificate([], __version__, [every])
        enclosure = enclose(found, eps, digits)
    except EnclosureError as error:
        quantity = "gap of the best encoder" if fixed else f"{SLOPE} for every eps in (0, {eps}]"
        return [Statement(quantity, "inconclusive", None, str(error))], None
    certificate = build_certificate([enclosure], __version__) if enclosure.supremum else None
    return fixed_statements(enclosure, claimed), certificate


def _of_shear(
    shear: ShearInstance, eps: fmpq, digits: int, claimed: Interval | None
) -> tuple[list[Statement], dict[str, Any]]:
    """One noise variance of a polynomial shear, by its exact reduction: to any number of digits."""
    found = gap_at(shear, eps, digits + SPARE_DIGITS)
    with ctx.workprec(4 * (digits + 2 * SPARE_DIGITS)):
        contrast = shear.contrast()
        statements = [
            verified("contrast", contrast),
            verified("log p(x), up to the constant in f", log_likelihood(shear, eps)),
            verified("gap of the best encoder", found.gap),
            verified(SLOPE, (found.gap - contrast) / eps),
            verified("mean of the last latent of the best encoder", shear.driver + eps * found.box.mean),
            verified("variance of the last latent of the best encoder", eps * found.box.variance),
        ]
    if claimed is not None:
        statements.append(decided("gap of the best encoder", found.gap, claimed))
    return statements, build_shear_certificate([(shear, found)], [], [], __version__)


def _for_all(
    shear: ShearInstance, eps0: fmpq, claimed: Interval | None
) -> tuple[list[Statement], dict[str, Any] | None]:
    """All noise variances of (0, eps0] of a polynomial shear."""
    quantity = f"{SLOPE} for every eps in (0, {eps0}]"
    enclosure = enclose_all_eps(shear, eps0, ALL_EPS_WIDTH)
    statements = [verified("contrast", shear.contrast()), verified(quantity, enclosure.slope)]
    if proves_order_one(enclosure):
        statements.append(Statement("the gap differs from the contrast by exact order eps", "verified"))
    if claimed is not None:
        statements.append(decided(quantity, enclosure.slope, claimed))
    return statements, build_shear_certificate([], [enclosure], [], __version__)


def _show(decoder: str, statements: list[Statement], certificate: Any, as_json: bool) -> None:
    if not as_json:
        for statement in statements:
            say(statement.line())
        return
    document = {
        "format": "elbogap enclosure",
        "decoder": decoder,
        "outcome": overall(statements),
        "statements": [vars(statement) for statement in statements],
        "certificate": certificate,
    }
    print(dumps(document, indent=1))


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
        say(f"verified  {line}")
    print(f"all {len(lines)} statements verified")
    return 0
