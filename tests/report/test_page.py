"""Pages, formulas, tables and inline figures: self-contained, escaped, and free of clashes."""

import itertools
import re

import numpy as np
import pytest
from elbogap.report.page import mathml, page, table
from elbogap.report.style import INK, PALETTE, noise_axis, power_of_ten, style, subplots, svg
from matplotlib.colors import to_rgb

COLOUR_VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""What is seen of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)."""
LEAST_DIFFERENCE = 10.0
"""Distance in CIE 1976 L*a*b* at which colours are told apart at a glance; one is just noticeable side by side."""
LOWEST_CONTRAST = 3.0
"""What WCAG 2.2 asks between graphics and their background."""


def linear(color: str) -> np.ndarray:
    """Linear RGB of an sRGB colour."""
    channels = np.array(to_rgb(color))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear RGB, white D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb / to_xyz.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def a_figure(alt: str, slope: float) -> str:
    """A small figure over eps."""
    with style():
        figure, ((axes,),) = subplots()
        axes.plot([1e-3, 1e-1], [slope * 1e-3, slope * 1e-1])
        noise_axis(axes)
        return svg(figure, alt)


def test_two_figures_share_a_page_without_sharing_an_id() -> None:
    """Inline figures of one page have different ids, and every reference finds its target."""
    text = a_figure("One. With <b> & more.", 1.0) + a_figure("Two", 2.0)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="|url\()#([^")]+)', text)
    labels = " ".join(re.findall(r'aria-labelledby="([^"]+)"', text)).split()
    assert references and set(references) | set(labels) <= set(ids)


def test_a_figure_has_a_text_alternative_and_takes_the_colours_of_the_page() -> None:
    """Inline figures are images with title and description, and their ink and series follow light and dark."""
    text = a_figure("One. With <b> & more.", 1.0)
    assert 'role="img"' in text and re.search(r"<title [^>]*>One\.</title>", text)
    assert re.search(r"<desc [^>]*>One\. With &lt;b&gt; &amp; more\.</desc>", text)
    assert "currentColor" in text and "var(--series-1," in text and f": {INK}" not in text


def test_the_upper_axis_is_the_reciprocal_of_the_lower() -> None:
    """The axis on top reads gamma^2 = 1/eps where the one below reads eps."""
    with style():
        figure, ((axes,),) = subplots()
        axes.plot([1e-4, 1e-1], [1.0, 2.0])
        noise_axis(axes)
        figure.draw_without_rendering()
    (top,) = axes.child_axes
    below, above = (
        {
            label.get_text(): axis.transData.transform((label.get_position()[0], 1))[0]
            for label in axis.xaxis.get_ticklabels()
        }
        for axis in (axes, top)
    )
    for power in "¹²³⁴":
        assert above[f"10{power}"] == pytest.approx(below[f"10⁻{power}"])


@pytest.mark.parametrize(
    ("value", "text"), [(1e-3, "10⁻³"), (2e-3, "2×10⁻³"), (0.1, "10⁻¹"), (0.5, "0.5"), (1, "1"), (5, "5"), (0, "")]
)
def test_powers_of_ten(value: float, text: str) -> None:
    """Tick labels are powers of ten in Unicode, and plain numbers about one."""
    assert power_of_ten(value) == text


def test_the_same_figure_is_drawn_to_the_same_text() -> None:
    """Drawing is deterministic: the same numbers give the same SVG."""
    assert a_figure("One", 1.0) == a_figure("One", 1.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out(scheme: str) -> None:
    """Series keep 3 to 1 and text 4.5 to 1 against the page, light and dark."""
    css = page("t", "").split("@media screen")
    block = css[0] if scheme == "light" else css[1].split("@media print")[0]
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    assert len([name for name in colors if name.startswith("series")]) == len(PALETTE)
    for name, color in colors.items():
        if name in ("ink", "soft", "link", "holds", "fails", "open"):
            assert contrast(color, colors["paper"]) >= 4.5 and contrast(color, colors["wash"]) >= 4.5, name
        elif name.startswith("series"):
            assert contrast(color, colors["paper"]) >= LOWEST_CONTRAST, name


@pytest.mark.parametrize("vision", COLOUR_VISION)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_series_are_told_apart_by_every_kind_of_colour_vision(scheme: str, vision: str) -> None:
    """Any two colours of series differ clearly, also for readers who see two primaries only."""
    css = page("t", "").split("@media screen")[scheme == "dark"].split("@media print")[0]
    colors = re.findall(r"--series-\d: (#\w{6})", css)
    if scheme == "light":
        assert tuple(colors) == PALETTE
    seen = [lab(np.clip(COLOUR_VISION[vision] @ linear(color), 0, 1)) for color in colors]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > LEAST_DIFFERENCE


def test_a_page_is_whole_and_asks_for_nothing() -> None:
    """A page carries its own style, one title, and no address that a browser would fetch."""
    text = page("A & B", "<p>text</p>", toc=[("here", "a < b")])
    assert text.count("<h1>") == 1 and "<title>A &amp; B</title>" in text and "a &lt; b" in text
    assert "<script" not in text and not re.search(r'(src|href)="(?!#|data:)', text) and "@import" not in text


@pytest.mark.parametrize("latex", [r"\begin{aligned} a &= b \\ c &= d \end{aligned}", r"\log p = \frac{1}{2}", "a & b"])
def test_formulas_show_no_alignment_mark(latex: str) -> None:
    """No formula prints a raw ampersand, as latex2mathml would for aligned lines."""
    shown = mathml(latex)
    assert "<math" in shown and not re.search(r"&(amp|#x00026);|>&<", shown)
    assert shown.count("<math") == (2 if "aligned" in latex else 1)


def test_a_table_escapes_text_and_aligns_numbers() -> None:
    """Cells are text unless they are HTML already; numbers are shown to four digits."""
    text = table(["name", "x"], [["<i>", 1.23456], ["b", None]])
    assert "&lt;i&gt;" in text and ">1.235<" in text and 'tabindex="0"' in text and ">–<" in text
