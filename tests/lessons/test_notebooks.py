"""Every lesson as a Jupyter notebook: valid, from the same cells, and alive in a kernel."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from elbogap.cli import run as command
from elbogap.lessons.answers import ANSWERS
from elbogap.lessons.catalogue import Lesson, lessons
from elbogap.lessons.notebook import cells

marimo = pytest.importorskip("marimo", reason='needs marimo: pip install "elbogap[teach]"')
LESSONS = lessons()


@pytest.mark.parametrize("missing", ["nbformat", "ipywidgets"])
def test_without_the_extra_a_notebook_says_how_to_get_it(missing: str, monkeypatch, capsys, tmp_path: Path) -> None:
    """Without nbformat the command ends with status 2 and the extra's name; without ipywidgets the notebook says it."""
    hint = 'pip install "elbogap[notebooks]"'
    if missing == "nbformat":
        monkeypatch.setattr("elbogap.lessons.ipynb.find_spec", lambda name: None)
        assert command(["lessons", "1", "--notebooks", str(tmp_path / "made")]) == 2
        assert capsys.readouterr().err == f"elbogap: notebooks need nbformat: {hint}\n"
        assert not (tmp_path / "made").exists()
        return
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    from elbogap.lessons.jupyter import App

    with pytest.raises(ImportError, match=re.escape(hint)):
        App()


def test_notebooks_are_made_from_the_same_cells(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """`elbogap lessons --notebooks DIR` writes a valid notebook a lesson: an install cell, all cells, no output yet."""
    nbformat = pytest.importorskip("nbformat", reason='needs pip install "elbogap[notebooks]"')
    assert command(["lessons", "--notebooks", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(LESSONS)
    for one in LESSONS:
        made = nbformat.read(tmp_path / f"{one.path.stem}.ipynb", 4)
        nbformat.validate(made)
        assert 'pip install -q "{source}[notebooks]"' in made.cells[1].source
        cells_of_app = sum("@app.cell" in cell.source for cell in made.cells)
        prose = sum(cell.cell_type == "markdown" for cell in made.cells) - 1
        functions = one.path.read_text().count("@app.function")
        assert cells_of_app + prose + functions == len(cells(one.path))


def executed(one: Lesson, folder: Path, last: str) -> Any:
    """The lesson's notebook after a run from top to bottom in a kernel of its own, with one cell more at the end."""
    nbformat = pytest.importorskip("nbformat", reason='needs pip install "elbogap[notebooks]"')
    nbclient = pytest.importorskip("nbclient", reason='needs pip install "elbogap[test]"')
    pytest.importorskip("ipywidgets", reason='needs pip install "elbogap[notebooks]"')
    assert command(["lessons", one.name, "--notebooks", str(folder)]) == 0
    made = nbformat.read(folder / f"{one.path.stem}.ipynb", 4)
    made.cells.append(nbformat.v4.new_code_cell(last))
    client = nbclient.NotebookClient(made, timeout=600, kernel_name="python3")
    return client.execute()


@pytest.mark.slow
@pytest.mark.parametrize("one", LESSONS, ids=lambda one: one.name)
def test_every_notebook_runs_in_a_fresh_kernel(one: Lesson, tmp_path: Path) -> None:
    """From top to bottom without an error; each slider, moved, changes its value; a wrong answer is answered."""
    moved = (
        "for name, widget in app.widgets.items():\n"
        "    if name.endswith('_slider'):\n"
        "        before = app.values[name].value\n"
        "        low, high = (widget.min, widget.max) if hasattr(widget, 'min') else (0, 1)\n"
        "        widget.value = high if widget.value == low else low\n"
        "        assert app.values[name].value != before, name\n"
        "    elif name.endswith('_field'):\n"
        "        widget.value = '1e7'\n"
        "print(sorted(app.widgets))"
    )
    begun = time.monotonic()
    made = executed(one, tmp_path, moved)
    print(f"{one.name}: {time.monotonic() - begun:.0f} s")
    assert all(f"{name}_field" in made.cells[-1].outputs[0].text for name in ANSWERS[one.name])


def test_a_cell_runs_again_when_its_slider_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Jupyter a cell is run with what it reads, shown, and run again with what depends on it when a slider moves."""
    pytest.importorskip("ipywidgets", reason='needs pip install "elbogap[notebooks]"')
    import IPython.display
    from elbogap.lessons.jupyter import App

    shown = []

    class Handle:
        update = staticmethod(shown.append)

    monkeypatch.setattr(IPython.display, "display", lambda value, **options: shown.append(value) or Handle)
    app = App()

    @app.cell
    def _():
        level_slider = marimo.ui.slider(steps=[1, 3, 10], value=3, label="level")
        level_slider  # noqa: B018
        return (level_slider,)

    @app.cell
    def _(level_slider):
        square = level_slider.value**2
        marimo.md(f"The square is {square}.")
        return (square,)

    assert ".asked { display: none }" in shown[0].data  # what is to be predicted waits for the prediction
    assert app.values["square"] == 9 and "The square is 9." in shown[-1].data
    app.widgets["level_slider"].value = 2  # an index: the third step
    assert app.values["square"] == 100 and "The square is 100." in shown[-1].data
