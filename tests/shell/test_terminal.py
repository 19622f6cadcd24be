"""What a person sees: tables that show every character, symbols, one line a notice, pipes that end early."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest
from elbogap.shell import terminal

MARKUP = "[bold]x[/bold]"


def test_a_table_shows_what_is_in_the_records() -> None:
    """Brackets are characters, not markup; numbers have two digits."""
    stream = io.StringIO()
    console = terminal.console(file=stream)
    console.print(terminal.records_table(MARKUP, [{MARKUP: MARKUP, "rate": 0.0149, "seeds": 200}]))
    assert stream.getvalue().count(MARKUP) == 3 and "0.015" in stream.getvalue() and "200" in stream.getvalue()


def test_a_notice_is_one_line(capsys: pytest.CaptureFixture) -> None:
    """Line feeds of an error's text do not make a notice longer than a line."""
    terminal.notice("first\n  second")
    assert capsys.readouterr() == ("", "elbogap: first second\n")


def test_output_after_a_reader_left_is_dropped() -> None:
    """Writing to a pipe without reader goes on, and the process ends with the status that it chose."""
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "import sys; from elbogap.shell.terminal import console, let_pipes_end; let_pipes_end()\n"
        "print('x' * 100000, flush=True); console().print('y'); print('z', file=sys.stderr); sys.exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (7, "z\n")


def shown_in(encoding: str, *, terminal_: bool) -> str:
    """What sentences, a table and a name look like on an output of this encoding, a terminal or a pipe."""
    code = (
        "from elbogap.shell.terminal import console, let_pipes_end, records_table, say; let_pipes_end()\n"
        "say('gamma^-2 +- 1'); console().print(records_table('1/gamma', [{'eps': 'sqrt(eps)'}]))\n"
        "print('ε of gamma.py')"
    )
    reader, writer = pty.openpty() if terminal_ else os.pipe()
    environment = os.environ | {"PYTHONIOENCODING": encoding, "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    text = os.read(reader, 10_000).decode()
    os.close(reader)
    return " ".join(re.sub(r"─|\+-{3,}\+|-{3,}|\+\+|\|", " ", text).split())  # without the lines of the table


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_symbols_are_for_terminals_that_have_them() -> None:
    """On a UTF-8 terminal sentences have symbols and names stay; a pipe gets what is written; ASCII is spelled."""
    assert shown_in("utf-8", terminal_=True) == "γ⁻² ± 1 1/γ ε √ε ε of gamma.py"
    assert shown_in("utf-8", terminal_=False) == "gamma^-2 +- 1 1/gamma eps sqrt(eps) ε of gamma.py"
    assert shown_in("ascii", terminal_=True) == "gamma^-2 +- 1 1/gamma eps sqrt(eps) eps of gamma.py"
