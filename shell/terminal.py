"""What a person sees in the terminal: widths, symbols, tables, one line for what was noticed, pipes that end early.

Sentences are written in ASCII. A terminal that can show γ⁻² and ± is shown these (`say`, and whatever a `console`
prints); pipes and files get what is written, so that a search finds it. Symbols that an output cannot hold are spelled.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from .typography import spelled, typeset

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PAGE, TABLE = 110, 160
"""Columns where there is no terminal to ask: of a page of sentences, and of wide tables."""
INTERRUPTED = 130
"""The exit status of a command that was stopped by Ctrl-C."""


def shows_symbols(stream: Any) -> bool:
    """Whether this stream is a terminal whose encoding has the symbols of `typography`."""
    try:
        return stream is not None and stream.isatty() and bool("γ⁻²λ±√→".encode(stream.encoding or "ascii"))
    except (UnicodeEncodeError, LookupError):
        return False


def say(text: str) -> None:
    """Print sentences, with symbols where standard output shows them. Names and paths are for `print`."""
    print(typeset(text) if shows_symbols(sys.stdout) else text, flush=True)


def console(width: int = TABLE, file: io.StringIO | None = None) -> Console:
    """A console on standard output: as wide as the terminal, `width` columns where there is none.

    Strings that it prints are sentences (see `say`); what is to stay as it is written is a `rich.text.Text`.
    """
    from .typeset_console import TypesetConsole

    stream = file or sys.stdout
    wide = None if stream is not None and stream.isatty() else width
    return TypesetConsole(file=file, width=wide, highlight=False, symbols=shows_symbols(stream))


def plain_table(columns: Sequence[str], right: Sequence[str] = (), **options: Any) -> Table:
    """An empty table with one line under its head; the columns in `right` are set flush right."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left", **options)
    for column in columns:
        table.add_column(escape(column), overflow="fold", justify="right" if column in right else "left")
    return table


def records_table(title: str, records: Sequence[Mapping[str, object]]) -> Table:
    """Records that share their keys as a table, two digits a number."""
    from rich.markup import escape

    table = plain_table(list(records[0]) if records else (), title=escape(title))
    for record in records:
        shown = (f"{value:.2g}" if isinstance(value, float) else str(value) for value in record.values())
        table.add_row(*map(escape, shown))
    return table


def notice(line: str) -> None:
    """One line on standard error."""
    print(f"elbogap: {' '.join(line.split())}", file=sys.stderr, flush=True)


@cache
def notice_once(line: str) -> None:
    """A notice that a process gives once."""
    notice(line)


def let_pipes_end() -> None:
    """From here on a reader that closes the pipe early (`| head`) is no error: what it does not want is dropped."""
    sys.stdout, sys.stderr = _dropping(sys.stdout, 1), _dropping(sys.stderr, 2)


class _Pipe(io.FileIO):
    """A file descriptor whose writes succeed when nobody reads them any more."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            return memoryview(content).nbytes


def _dropping(stream: TextIO | None, descriptor: int) -> Any:
    if stream is None:  # closed by whoever started this process
        return open(os.devnull, "w")
    stream.flush()
    raw = io.BufferedWriter(_Pipe(descriptor, "w", closefd=False))
    errors = "elbogap.spelled" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(raw, stream.encoding, errors, line_buffering=descriptor == 2 or stream.isatty())


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return spelled(error.object[error.start : error.end]), error.end


codecs.register_error("elbogap.spelled", _spelled)
