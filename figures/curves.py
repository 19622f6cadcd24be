"""Drawing shared by figures: a convergence law as points on predicted lines, and the stamp of recorded results."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..report.look import points
from ..report.style import INK, MARKERS, PALETTE, log_axis, noise_axis
from ..results import Table
from .data import Data, distinct, where

WIDTH, APART = 0.07, 0.1
"""Decades: the half-width over which runs of one gamma^2 are spread, and the offset of two quantities."""
GREY = "#555555"
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
"""Lines of the instances of one series: colour and marker tell the series apart, dashes the instances."""
WIDEST = 5
"""Entries of a legend in one row."""
VISIBLE = 3.0
"""Points less than this many times above their own error bound are drawn hollow: they show the floor, not the law."""


def draw_law(axes: Axes, table: Table, color: str, marker: str, label: str = "") -> None:
    """Each instance's absolute differences as points; predicted constant eps^order as a line with its own dashes."""
    for number, instance in enumerate(distinct(table, "instance")):
        rows = where(table, instance=instance)
        eps, size = rows.column("eps"), np.abs(rows.column("difference"))
        solid = size > VISIBLE * rows.column("floor")
        dashes = DASHES[number % len(DASHES)]
        axes.plot(eps, np.abs(rows.column("predicted")), color=color, linestyle=dashes, linewidth=0.8, zorder=2)
        axes.plot(eps[solid], size[solid], marker, color=color, markersize=3, linestyle="none", zorder=3)
        axes.plot(eps[~solid], size[~solid], marker, color=color, fillstyle="none", markersize=2.4, alpha=0.6)
    axes.plot([], [], marker, color=color, linestyle="-", linewidth=0.8, label=label)


def law_axes(axes: Axes, ylabel: str, bottom: float | None = None) -> None:
    """Logarithmic in both, eps with gamma^2 on top."""
    noise_axis(axes)
    log_axis(axes)
    axes.set_ylabel(ylabel)
    if bottom is not None:
        axes.set_ylim(bottom=bottom)


def key(axes: Axes, *, hollow: bool = True, location: str = "upper left", figure: Figure | None = None) -> None:
    """The legend, with the meaning of points and lines after the series; below the whole `figure` if it is given."""
    handles, labels = axes.get_legend_handles_labels()
    handles += [_neutral(marker="o", linestyle="none"), _neutral()]
    labels += ["measured", "predicted"]
    if hollow:
        handles.append(_neutral(marker="o", linestyle="none", fillstyle="none"))
        labels.append("at its error bound")
    if figure is None:
        axes.legend(handles, labels, loc=location)  # type: ignore[call-overload]
    else:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=len(handles) if len(handles) <= WIDEST else -(-len(handles) // 2),
        )


def _neutral(**look: Any) -> Line2D:
    return Line2D([], [], color=INK, linewidth=0.8, markersize=3, **look)


def letter(axes: Axes, text: str) -> None:
    """The panel's letter and title, above its left end."""
    axes.set_title(text, loc="left")


def stamp(figure: Figure, data: Data) -> None:
    """Write under a figure of recorded results that they are recorded, with seed and versions."""
    if data.stamp:
        figure.supxlabel(data.stamp, fontsize=points(5.0), color=GREY, x=0.99, ha="right")


def series(index: int) -> tuple[str, str]:
    """Colour and marker of the index-th series."""
    return PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]


def runs_over_noise(axes: Axes, runs: Table, name: str, index: int, label: str, member: str = "mixing") -> None:
    """One column of recorded runs against eps = 1/gamma2: selected runs as points, the others faint, and the medians.

    Runs of one noise are spread sideways by their `member`; without a column `selected` all runs are.
    """
    color, marker = series(index)
    selected = runs.column("selected").astype(bool) if "selected" in runs.columns else np.ones(len(runs.rows), bool)
    places = {value: place for place, value in enumerate(distinct(runs, member))}
    place = np.array([places[value] for value in runs.column(member).tolist()]) / max(1, len(places) - 1)
    eps = 10.0 ** (WIDTH * (2 * place - 1) + APART * (2 * (index % 2) - 1)) / runs.column("gamma2")
    values = runs.column(name)
    axes.plot(eps[~selected], values[~selected], marker, color=color, markersize=1.8, alpha=0.25, markeredgewidth=0)
    axes.plot(eps[selected], values[selected], marker, color=color, markersize=2.4, alpha=0.7, markeredgewidth=0)
    levels = sorted(distinct(runs, "gamma2"))
    medians = [np.median(values[selected & (runs.column("gamma2") == level)]) for level in levels]
    axes.plot(1 / np.array(levels), medians, color=color, label=label)
