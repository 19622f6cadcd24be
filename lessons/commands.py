"""The command `elbogap lessons`: list the lessons, open one in the browser, or write them as static pages."""

from __future__ import annotations

from pathlib import Path

from ..shell import requests
from .catalogue import Lesson, lesson, lessons


def lessons_command(name: str | None = None, /, *, export: Path | None = None, browser: bool = True) -> int:
    """List the lessons, or open one in the browser.

    Parameters
    ----------
    name
        Number or name of the lesson to open, as `3` or `contrast`; without it, the lessons are listed.
    export
        Write static pages, which need no server and no network, into this folder: of NAME, or of all lessons.
    browser
        Open the browser; with --no-browser only the address is printed.
    """
    chosen = lesson(name) if name is not None else None
    if export is not None:
        return _export([chosen] if chosen else list(lessons()), export)
    if chosen is None:
        width = max((len(one.name) for one in lessons()), default=0)
        for one in lessons():
            print(f"{one.number}  {one.name:<{width}}  {one.title}")
        return 0
    from .server import open_in_browser

    return open_in_browser(chosen.path, browser=browser)


def _export(chosen: list[Lesson], folder: Path) -> int:
    from .server import require_marimo

    require_marimo()
    with requests.out_folder(folder, "--export"):
        from ..shell.cache import prepare_jax

        prepare_jax()
        from ..shell.files import write_by_rename
        from ..shell.progress import progress
        from .export import index, lesson_page
        from .notebook import at_presets, run

        with progress() as notify:
            for done, one in enumerate(chosen):
                notify(done, len(chosen), one.title)
                print(write_by_rename(folder / one.page, lesson_page(one, *at_presets(run(one.path)))), flush=True)
            notify(len(chosen), len(chosen), "done")
        print(write_by_rename(folder / "index.html", index(chosen)))
    return 0
