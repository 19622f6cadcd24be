"""How figures look and what they say: sizes, text, directions, captions, LaTeX, the gallery."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elbogap.cli import run
from elbogap.figures.data import Data
from elbogap.figures.making import drawing
from elbogap.figures.registry import FIGURES, entry
from elbogap.figures.words import Words, latex_text, words
from elbogap.report.look import PAPER, SLIDES, Look, look
from elbogap.results import recorded
from matplotlib.figure import Figure
from matplotlib.text import Text

RECORDED = [one.name for one in FIGURES.values() if one.experiment]


def drawn(name: str, chosen: Look = PAPER) -> Figure:
    """A figure of recorded results: nothing has to be measured for it."""
    one = entry(name)
    return drawing(one, Data.of(recorded(one.experiment)), chosen)


@pytest.mark.parametrize("name", RECORDED)
def test_noise_grows_to_the_right_and_every_panel_has_a_title(name: str) -> None:
    """No abscissa is turned round, in any figure, and every panel says what it shows."""
    figure = drawn(name)
    for axes in figure.axes:
        assert not axes.xaxis_inverted()
        assert axes.get_title(loc="left")


@pytest.mark.parametrize("name", ["mcc-gamma", "mcc-contrast", "elbo-likelihood"])
def test_slides_are_smaller_with_larger_text(name: str) -> None:
    """All text, that placed by hand too, grows by the same share; the width is that of a slide."""
    paper, slides = drawn(name), drawn(name, SLIDES)
    share = SLIDES.font / PAPER.font
    sizes = [[text.get_fontsize() for text in figure.findobj(match=_is_text)] for figure in (paper, slides)]
    assert sizes[1] == pytest.approx([share * size for size in sizes[0]])
    assert slides.get_size_inches()[0] == pytest.approx(SLIDES.sized(*paper.get_size_inches())[0])


def _is_text(artist: object) -> bool:
    return isinstance(artist, Text) and bool(artist.get_text())


def test_a_width_and_a_text_size_are_what_was_asked() -> None:
    """`--width 5 --font-size 10` gives five inches and ten points whatever the figure was drawn for."""
    for name in ("mcc-gamma", "mcc-contrast"):
        figure = drawn(name, look("paper", 5.0, 10.0))
        assert figure.get_size_inches()[0] == pytest.approx(5.0)
        assert figure.axes[0].yaxis.label.get_fontsize() == pytest.approx(10.0)


@pytest.mark.parametrize("name", RECORDED)
def test_the_description_names_every_panel(name: str) -> None:
    """Those who do not see the figure read its caption's first sentence and each panel's title and axes."""
    figure = drawn(name)
    said = words(entry(name).load().CAPTION, figure)
    assert said.description.startswith(said.caption.split(". ")[0])
    for axes in figure.axes:
        assert axes.get_title(loc="left") in said.description
        assert axes.get_ylabel() in said.description


@pytest.mark.parametrize("name", list(FIGURES))
def test_captions_are_set_and_not_typed(name: str) -> None:
    """No caption says gamma^-2 or eps where γ⁻² and ε can be read, and LaTeX has a command for every symbol."""
    caption = entry(name).load().CAPTION
    assert not re.search(r"gamma|\beps\b|\^|\+-", caption)
    assert latex_text(caption).isascii()


def test_symbols_become_latex() -> None:
    """Neighbouring symbols share one formula, and what LaTeX reserves is escaped."""
    assert latex_text("rate γ⁻², within 5 %") == r"rate $\gamma^{-2}$, within 5 \%"
    assert latex_text("c + a₁ε") == r"c + a$_1\varepsilon$"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (apt-get install texlive-latex-base)")
def test_the_float_compiles(tmp_path: Path) -> None:
    """The snippet beside a figure is a float that LaTeX sets."""
    drawn("mcc-contrast").savefig(tmp_path / "mcc-contrast.pdf")
    snippet = Words(entry("convergence").load().CAPTION, "points").latex("mcc-contrast")
    page = rf"\documentclass{{article}}\usepackage{{graphicx}}\begin{{document}}{snippet}\end{{document}}"
    (tmp_path / "page.tex").write_text(page)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1500:]


def test_the_gallery_shows_each_figure_with_its_command_and_its_numbers(tmp_path: Path) -> None:
    """index.html holds image, caption, command and links to files that are there."""
    assert run(["figures", "mcc-contrast", "affine-flow", "--format", "svg", "--gallery", str(tmp_path)]) == 0
    text = (tmp_path / "index.html").read_text()
    for name in ("mcc-contrast", "affine-flow"):
        assert f"elbogap figures {name} --effort quick --seed 0" in text
        assert f'<section id="{name}">' in text
    links = re.findall(r'href="([^"#]+\.(?:csv|svg|txt|tex))"', text)
    assert len(links) >= 8 and all((tmp_path / link).is_file() for link in links)
    assert text.count("<svg") == 2
