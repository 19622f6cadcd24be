"""How figures look, and how one becomes part of a page.

One style file, `elbogap.mplstyle`, holds sizes, fonts and colours; `style()` applies it, for a paper or another `Look`.
Figures are made with `subplots`, without pyplot, so that nothing global is touched.

Inline SVG: ids carry a prefix made of the content, so that several figures share a page; the ink and the palette become
`currentColor` and `var(--series-N)`, which the page sets for light and for dark.

The small parameter is eps = 1/gamma^2; `noise_axis` shows eps below and gamma^2 on top. It grows to the right in every
figure, so that the limit is at the left and an order of convergence is a slope.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .look import COLUMN, PAGE, PAPER, Look

__all__ = [
    "COLUMN", "INK", "MARKERS", "PAGE", "PALETTE", "log_axis", "noise_axis", "power_of_ten", "style", "subplots", "svg",
]  # fmt: skip

STYLE_FILE = Path(__file__).parent / "elbogap.mplstyle"
_PARAMETERS = matplotlib.rc_params_from_file(STYLE_FILE, use_default_template=False)
PALETTE: tuple[str, ...] = tuple(f"#{color.lstrip('#')}" for color in _PARAMETERS["axes.prop_cycle"].by_key()["color"])
"""Colour-blind-safe colours, in the order in which series take them."""
INK = f"#{_PARAMETERS['text.color'].lstrip('#')}"
"""Colour of text and axes: near black on paper, the page's own text colour in an inline SVG."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SCREEN = 1.9
"""CSS pixels a point on a wide screen: text of 7.5 pt becomes 14 px."""
MOST_TICKS = 7
"""Labels of a logarithmic axis."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One marker a series, so that colour is never the only difference."""


@contextmanager
def style(look: Look = PAPER) -> Iterator[None]:
    """The style file's settings in this look, inside the block: for drawing and for saving."""
    with matplotlib.rc_context(fname=STYLE_FILE), matplotlib.rc_context(look.settings()):  # type: ignore[arg-type]
        yield


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = COLUMN,
    height: float = 2.5,
    margins: tuple[float, float, float, float] | None = None,
    **keywords: object,
) -> tuple[Figure, np.ndarray]:
    """A figure and the array (rows, columns) of its axes; width and height in inches, keywords as `Figure.subplots`.

    margins: left, bottom, right and top as shares of the figure; found automatically, at twice the time, if not given.
    """
    automatic = margins is None
    with matplotlib.rc_context({"figure.constrained_layout.use": automatic}):
        figure = Figure(figsize=(width, height))
    if margins is not None:
        figure.subplots_adjust(*margins)
    return figure, figure.subplots(rows, columns, squeeze=False, **keywords)  # type: ignore[call-overload]


def log_axis(axes: Axes, which: str = "y") -> None:
    """Make the axis `which` ("x" or "y") logarithmic, with ticks at powers of ten.

    Labels are plain Unicode: mathtext takes a third of the time of a figure.
    """
    axes.set(**{f"{which}scale": "log"})
    _log_ticks(axes.xaxis if which == "x" else axes.yaxis)


def _log_ticks(axis: Axis) -> None:
    axis.set_major_locator(_PowersOfTen())
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(power_of_ten))


class _PowersOfTen(LogLocator):
    """Ticks at powers of ten, as many as there is room for; at 1, 2 and 5 as well where less than two decades are."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """The ticks between vmin and vmax."""
        low, high = sorted((vmin, vmax))
        few = int(np.clip(self.axis.get_tick_space(), 2, MOST_TICKS)) if self.axis is not None else MOST_TICKS
        self.set_params(subs=(1.0, 2.0, 5.0) if low > 0 and high < 50 * low else (1.0,), numticks=few)
        return super().tick_values(vmin, vmax)


def power_of_ten(value: float | int, position: int | None = None) -> str:
    """10⁻³ for 1e-3, 2×10⁻³ for 2e-3; plain above 0.1 and below 10."""
    if not value > 0 or not np.isfinite(value):
        return ""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    digits = f"{value / 10.0**exponent:.3g}"
    if exponent == 0 or (exponent == -1 and digits != "1"):
        return f"{value:.3g}"
    power = f"10{str(exponent).translate(_RAISED)}"
    return power if digits == "1" else f"{digits}×{power}"


def noise_axis(axes: Axes) -> None:
    """Make the abscissa eps on a log scale, growing to the right, with gamma^2 = 1/eps on top."""
    log_axis(axes, "x")
    axes.set_xlabel("noise variance ε")
    axes.spines["top"].set_visible(True)
    top = axes.secondary_xaxis("top", functions=(_reciprocal, _reciprocal))
    _log_ticks(top.xaxis)  # its scale is that of the axis below, turned round
    top.set_xlabel("γ² = 1/ε")


def _reciprocal(values: Any) -> Any:
    # Matplotlib probes the transformation at 0 as well; a tiny number stands for it.
    return 1.0 / np.maximum(np.asarray(values, dtype=float), 1e-300)


def svg(figure: Figure, alt: str) -> Markup:
    """The figure as an inline `<svg>` with `alt` as its description; drawn under `style()` by itself.

    role="img" with <title> (the first sentence of `alt`) and <desc> (all of it). Ids start with a hash of the content;
    the same figure must not stand twice on one page.
    """
    stream = io.StringIO()
    with style():
        figure.savefig(stream, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Type")))
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    prefix = f"f{hashlib.sha256((alt + text).encode()).hexdigest()[:8]}-"
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\g<1>#{prefix}", text)
    text = text.replace("xlink:href", "href")
    text = _lighter(text)
    for number, color in enumerate(PALETTE, 1):
        text = text.replace(f": {color}", f": var(--series-{number}, {color})")
    text = text.replace(f": {INK}", ": currentColor")
    head, body = text.split(">", 1)
    width, height = re.search(r'viewBox="0 0 (\S+) (\S+)"', head).groups()  # type: ignore[union-attr]
    title = re.split(r"(?<=[.;:])\s", alt, maxsplit=1)[0]
    opening = (
        f'<svg class="figure" role="img" aria-labelledby="{prefix}title {prefix}desc" viewBox="0 0 {width} {height}" '
        f'style="max-width: {float(width) * SCREEN:.0f}px" xmlns="http://www.w3.org/2000/svg">'
    )
    labels = f'<title id="{prefix}title">{escape(title)}</title><desc id="{prefix}desc">{escape(alt)}</desc>'
    return Markup(opening + labels + body)


def _lighter(text: str) -> str:
    """The same drawing without metadata, comments, ids of groups, spaces between tags, and digits beyond 1/1000 pt."""
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"(\.\d{3})\d+", r"\1", text)
    return re.sub(r">\s+<", "><", text)
