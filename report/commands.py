"""The command `elbogap report`: a saved verify document rendered again as a page."""

from __future__ import annotations

from pathlib import Path

from ..errors import RequestError
from ..shell import requests
from ..shell.files import write_by_rename


def report_command(file: Path, /, *, out: Path | None = None) -> int:
    """Render a saved report.json as a self-contained HTML page.

    Parameters
    ----------
    file
        The report.json that `elbogap verify --out` wrote.
    out
        The page to write; beside the file, with the ending .html, if it is not given.
    """
    from .schema import read

    document = read(file)
    target = out or file.with_suffix(".html")
    if target.resolve() == file.resolve():
        raise RequestError(f"--out: expected another file than the report itself, got {str(target)!r}")
    requests.out_file(target)
    from .verification import render

    print(write_by_rename(target, render(document)))
    return 0
