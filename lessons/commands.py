"""The command `elbogap lessons`: list the lessons, open one in the browser, write them as pages or notebooks."""

from __future__ import annotations

from pathlib import Path

from ..shell import requests
from ..shell.terminal import say
from .catalogue import Lesson, lesson, lessons


def lessons_command(
    name: str | None = None, /, *, export: Path | None = None, notebooks: Path | None = None, browser: bool = True
) -> int:
    """List the lessons, or open one in the browser.

    Parameters
    ----------
    name
        Number or name of the lesson to open, as `3` or `contrast`; without it, the lessons are listed.
    export
        Write pages, which need no server and no network, into this folder: of NAME, or of all lessons.
    notebooks
        Write Jupyter notebooks into this folder: of NAME, or of all lessons.
    browser
        Open the browser; with --no-browser only the address is printed.
    """
    chosen = lesson(name) if name is not None else None
    if export is not None or notebooks is not None:
        ones = [chosen] if chosen else list(lessons())
        if export is not None:
            _export(ones, export)
        if notebooks is not None:
            _notebooks(ones, notebooks)
        return 0
    if chosen is None:
        width = max((len(one.name) for one in lessons()), default=0)
        for one in lessons():
            say(f"{one.number:>2}  {one.name:<{width}}  {one.title}")
        return 0
    from .server import open_in_browser

    return open_in_browser(chosen.path, browser=browser)


def _notebooks(chosen: list[Lesson], folder: Path) -> None:
    from .ipynb import notebook_text, require_nbformat

    require_nbformat()
    with requests.out_folder(folder, "--notebooks"):
        from ..shell.files import write_by_rename

        for one in chosen:
            print(write_by_rename(folder / f"{one.path.stem}.ipynb", notebook_text(one)), flush=True)


def _export(chosen: list[Lesson], folder: Path) -> None:
    from .server import require_marimo

    require_marimo()
    with requests.out_folder(folder, "--export"):
        from ..shell.cache import prepare_jax

        prepare_jax()
        from ..shell.files import write_by_rename
        from ..shell.progress import progress
        from .export import index, lesson_page, symbols_page, with_exercises
        from .notebook import at_presets, run

        with progress() as notify:
            for done, one in enumerate(chosen):
                notify(done, len(chosen), one.title)
                shown = at_presets(with_exercises(one.name, run(one.path)))
                print(write_by_rename(folder / one.page, lesson_page(one, *shown)), flush=True)
            notify(len(chosen), len(chosen), "done")
        print(write_by_rename(folder / "symbols.html", symbols_page()))
        print(write_by_rename(folder / "index.html", index(chosen)))
