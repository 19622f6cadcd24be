"""The plot of a convergence law: measured points on the predicted line, as a figure and as inline SVG.

Everything comes from the law's document: `series` (eps, difference = measured - limit, floor, the predicted constant),
`predicted_order`, what it goes along and the words on its axes. Points below their floor are drawn hollow; a law in
means has error bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import COLUMN, INK, MARKERS, PALETTE, log_axis, noise_axis, style, subplots, svg

VISIBLE = 3.0
"""A point this many times above its floor is drawn full."""

NOISE_VARIANCE = "noise variance"
"""What laws about decoders go along: with gamma^2 on top."""

LEGEND = 8
"""More instances than this have no names in the legend."""

BESIDE = 3
"""More names than this stand beside the plot, where they cover no point."""


def law_plot(claim: str, law: dict[str, Any], instances: str = "random decoders") -> Markup:
    """The figure of one law of a claim as SVG; empty if no point can be shown."""
    if not _curves(law):
        return Markup("")
    return svg(law_figure(law), _alt(claim, law, instances))


def law_figure(law: dict[str, Any]) -> Figure:
    """The figure of one law: abs(measured - limit) and the predicted lines, both axes logarithmic."""
    curves = _curves(law)
    kinds = list(dict.fromkeys(_kind(series) for series in curves))
    about_decoders = law.get("along", NOISE_VARIANCE) == NOISE_VARIANCE
    named = kinds if len(kinds) <= LEGEND and kinds != [""] else []
    beside = not about_decoders and len(named) > BESIDE
    with style():
        margins = (0.19, 0.19, 0.97, 0.8 if about_decoders else 0.95)
        if beside:
            margins = (0.13, 0.19, 0.62, 0.95)
        figure, ((axes,),) = subplots(width=1.5 * COLUMN if beside else COLUMN, height=2.6, margins=margins)
        for series in curves:
            _draw(axes, law, series, *_look(kinds.index(_kind(series))))
        if about_decoders:
            noise_axis(axes)
        else:
            log_axis(axes, "x")
            axes.set_xlabel(law.get("xlabel") or law["along"])
        log_axis(axes)
        axes.set_ylabel(law.get("ylabel") or "|measured − limit|")
        handles = [Line2D([], [], color=c, marker=m, linewidth=0.8) for c, m in map(_look, range(len(named)))]
        handles.append(Line2D([], [], color=INK, linewidth=0.8))
        if beside:
            axes.legend(handles, [*named, "predicted"], loc="center left", bbox_to_anchor=(1.02, 0.5))
        else:
            axes.legend(handles, [*named, "predicted"], loc="best" if len(kinds) < 4 else "upper left")
    return figure


def _draw(axes: Axes, law: dict[str, Any], series: dict[str, Any], color: str, marker: str) -> None:
    eps, size, floor = _points(series)
    at = 1 / eps if law.get("grows") else eps
    solid = size > VISIBLE * floor
    if series.get("constant"):
        order = -law["predicted_order"] if law.get("grows") else law["predicted_order"]
        line = abs(series["constant"]) * eps**order * np.log(1 / eps) ** law.get("log_power", 0)
        axes.plot(at, line, color=color, linewidth=0.8)
    if law.get("floor") == "standard error":
        error = np.stack([np.minimum(floor, 0.9 * size), floor])
        axes.errorbar(at, size, yerr=error, fmt="none", ecolor=color, elinewidth=0.6, capsize=1.5)
    axes.plot(at[solid], size[solid], marker, color=color, markersize=3)
    axes.plot(at[~solid], size[~solid], marker, color=color, markersize=2.4, fillstyle="none", alpha=0.6)


def _curves(law: dict[str, Any]) -> list[dict[str, Any]]:
    return [series for series in law.get("series", []) if _points(series)[1].size]


def _alt(claim: str, law: dict[str, Any], instances: str) -> str:
    observed = "" if law.get("order") is None else f", observed {law['order']:.3f}"
    kinds = "; ".join(kind for kind in dict.fromkeys(map(_kind, _curves(law))) if kind)
    along = law.get("xlabel") or law.get("along", NOISE_VARIANCE)
    return (
        f"Convergence of {law['name']}, claim {claim}. Points measured on {instances}{f' ({kinds})' if kinds else ''} "
        f"against {'the ' if along == NOISE_VARIANCE else ''}{along}, both axes logarithmic, beside lines of predicted "
        f"constant and order: predicted order {law['predicted_order']:g}{observed}."
    )


def _kind(series: dict[str, Any]) -> str:
    if "label" in series:
        return str(series["label"])
    return f"{series['family'].replace('_', ' ')}, d = {series['d']}"


def _look(index: int) -> tuple[str, str]:
    return PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]


def _points(series: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """eps, abs(difference) and floor, where the difference is finite and not zero."""
    eps, difference, floor = (
        np.array([np.nan if value is None else value for value in series[name]], dtype=float)
        for name in ("eps", "difference", "floor")
    )
    size = np.abs(difference)
    shown = np.isfinite(size) & (size > 0)
    return eps[shown], size[shown], np.where(np.isfinite(floor), floor, np.inf)[shown]
