"""The plot of a convergence law in a verify document: measured points on the predicted line, as inline SVG.

Everything comes from the document: `series` (eps, difference = measured - limit, floor, the predicted constant) and
`predicted_order`. Points below their floor are drawn hollow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.lines import Line2D

from .style import INK, MARKERS, PALETTE, log_axis, noise_axis, style, subplots, svg

VISIBLE = 3.0
"""A point this many times above its floor is drawn full."""


def law_plot(claim: str, law: dict[str, Any]) -> Markup:
    """The figure of one law of a claim; empty if no point can be shown."""
    curves = [series for series in law.get("series", []) if _points(series)[1].size]
    if not curves:
        return Markup("")
    order = law["predicted_order"]
    kinds = list(dict.fromkeys(_kind(series) for series in curves))
    with style():
        figure, ((axes,),) = subplots(height=2.6, margins=(0.19, 0.19, 0.97, 0.8))
        for series in curves:
            color, marker = _look(kinds.index(_kind(series)))
            eps, size, solid = _points(series)
            if series.get("constant"):
                axes.plot(eps, abs(series["constant"]) * eps**order, color=color, linewidth=0.8)
            axes.plot(eps[solid], size[solid], marker, color=color, markersize=3)
            axes.plot(eps[~solid], size[~solid], marker, color=color, markersize=2.4, fillstyle="none", alpha=0.6)
        noise_axis(axes)
        log_axis(axes)
        axes.set_ylabel("|measured − limit|")
        handles = [Line2D([], [], color=c, marker=m, linewidth=0.8) for c, m in map(_look, range(len(kinds)))]
        handles.append(Line2D([], [], color=INK, linewidth=0.8))
        axes.legend(handles, [*kinds, "predicted"], loc="best" if len(kinds) < 4 else "upper left")
        return svg(figure, _alt(claim, law, kinds))


def _alt(claim: str, law: dict[str, Any], kinds: list[str]) -> str:
    observed = "" if law.get("order") is None else f", observed {law['order']:.3f}"
    return (
        f"Convergence of {law['name']}, claim {claim}. Points measured on random decoders ({'; '.join(kinds)}) against "
        f"the noise variance, both axes logarithmic, beside lines of predicted constant and order: predicted order "
        f"{law['predicted_order']:g}{observed}."
    )


def _kind(series: dict[str, Any]) -> str:
    return f"{series['family'].replace('_', ' ')}, d = {series['d']}"


def _look(index: int) -> tuple[str, str]:
    return PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]


def _points(series: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """eps, abs(difference), and whether it stands above its floor; where it is finite and not zero."""
    eps, difference, floor = (
        np.array([np.nan if value is None else value for value in series[name]], dtype=float)
        for name in ("eps", "difference", "floor")
    )
    size = np.abs(difference)
    shown = np.isfinite(size) & (size > 0)
    return eps[shown], size[shown], (size > VISIBLE * np.where(np.isfinite(floor), floor, np.inf))[shown]
