"""The front door: `elbogap COMMAND`. Each command is loaded only when it is asked for.

Exit status: 0 everything asked for holds, 1 something does not, 2 the request itself is wrong (one line on standard
error: what, expected, received), 130 interrupted. `--debug` shows the traceback instead of the line, and
what the library writes to its log.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from . import __version__
from .errors import RequestError
from .shell.terminal import INTERRUPTED, let_pipes_end, notice

app = App(
    name="elbogap",
    help="Verify by machine what happens to a VAE whose decoder becomes nearly deterministic "
    "(arXiv 2206.02416): the gap between log-likelihood and ELBO converges to the IMA contrast.",
    version=__version__,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
COMMANDS = (
    (
        "verify",
        "proofs_checks.commands:verify_command",
        "Check the claims: derive, measure, reject the controls.",
    ),
    (
        "false-alarms",
        "proofs_checks.commands:false_alarms_command",
        "Measure every claim on many seeds, and count the false alarms.",
    ),
    (
        "audit",
        "auditing.commands:audit_command",
        "Audit a decoder of your own: where its ELBO gap comes from, entangled latents, which noise variance.",
    ),
    ("new", "proofs_checks.commands:new_command", "Write a file with a claim of your own that holds as it stands."),
    ("explain", "proofs_checks.commands:explain_command", "Show a claim and its derivation, step by step."),
    (
        "enclose",
        "enclosures.commands:enclose_command",
        "Enclose the gap of a decoder of your own, given by elementary functions, in ball arithmetic.",
    ),
    (
        "check-certificate",
        "enclosures.commands:check_certificate_command",
        "Re-verify an enclosure certificate.",
    ),
    ("record", "training.commands:record_command", "Train the recorded experiments again and write their results."),
    ("sweep", "training.sweeps.commands:sweep_command", "Train a grid of small VAEs; a killed sweep continues."),
    ("figures", "figures.commands:figures_command", "Draw figures, with their numbers as CSV."),
    ("lessons", "lessons.commands:lessons_command", "Open a teaching notebook, or write them all as static pages."),
    ("report", "report.commands:report_command", "Render a saved verify report as a page."),
    ("cache", "shell.cache:cache_command", "Show or clear the compiled programs and verdicts kept between runs."),
)
"""Name, where its function is, and what it does, of every command."""

for _name, _target, _summary in COMMANDS:
    app.command(f"elbogap.{_target}", name=_name, help=_summary)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    tokens = [token for token in arguments if token != "--debug"]
    if len(tokens) < len(arguments):
        logging.basicConfig(format="%(name)s: %(message)s")
        logging.getLogger("elbogap").setLevel(logging.DEBUG)
    try:
        status = app(tokens)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        notice("interrupted")
        return INTERRUPTED
    except Exception as error:
        if len(tokens) < len(arguments):
            raise
        notice(_line(error))
        return 2 if isinstance(error, CycloptsError | RequestError) or _missing_extra(error) else 1
    return status if isinstance(status, int) else 0


def _missing_extra(error: BaseException | None) -> str:
    """The hint of an optional dependency that is not installed, "" if that is not what went wrong."""
    while error is not None:
        if isinstance(error, ImportError) and "pip install" in str(error):
            return str(error)
        error = error.__cause__
    return ""


def _line(error: Exception) -> str:
    if hint := _missing_extra(error):
        return hint
    if isinstance(error, CycloptsError) and isinstance(error.__cause__, RequestError):
        return str(error.__cause__)
    text = " ".join(str(error).split())
    if isinstance(error, RequestError):
        return text
    if isinstance(error, CycloptsError):
        return f"{text} (try elbogap --help)"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'standard output'}: {error.strerror}"
    return f"unexpected {type(error).__name__}: {text[:400]} (--debug shows where)"


def main() -> None:
    """Entry point of the `elbogap` script."""
    let_pipes_end()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C does
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a full disk, said already; the interpreter would say it again
        os._exit(status)
    if status == INTERRUPTED:
        # A compilation under way cannot be interrupted; its thread must not hold up the exit.
        os._exit(status)
    sys.exit(status)
