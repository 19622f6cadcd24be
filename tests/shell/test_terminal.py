"""What a person sees: tables that show every character, one line a notice, pipes that end early."""

import io
import os
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
