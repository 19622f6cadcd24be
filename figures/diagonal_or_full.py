"""Diagonal against full covariance of the encoder, recorded: MCC of each trained run beside that of random rotations.

Each panel has one column of points a kind of encoder, and one for the sources themselves remixed by a random rotation,
which is what is left when nothing prefers a direction.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, where

EXPERIMENT = "diagonal-or-full"
CAPTION = (
    "VAEs with a diagonal and with a full covariance of the encoder, on the same data. Left: linear mixings of three "
    "normal sources, orthogonal columns of different lengths. Right: Moebius mixings of two uniform sources, networks. "
    "Points: runs selected by held-out ELBO, faint: the other restarts; hollow: the sources remixed at random; bars: "
    "medians."
)
PANELS = {"linear": "a  linear, three sources", "moebius": "b  Moebius, two sources"}


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """One panel a family."""
    figure, (panels,) = subplots(1, 2, width=PAGE, height=2.6, sharey=True)
    for axes, (family, title) in zip(panels, PANELS.items(), strict=True):
        for index, encoder in enumerate(("diagonal", "full")):
            rows = where(data["runs"], family=family, encoder=encoder)
            kept = rows.column("selected").astype(bool)
            place = index + 0.5 * (rows.column("mixing") / max(1, rows.column("mixing").max()) - 0.5)
            color, marker = series(index)
            mcc = rows.column("mcc_mean")
            axes.plot(place[kept], mcc[kept], marker, color=color, markersize=2.8, alpha=0.8, markeredgewidth=0)
            axes.plot(place[~kept], mcc[~kept], marker, color=color, markersize=2, alpha=0.25, markeredgewidth=0)
            axes.hlines(np.median(mcc[kept]), index - 0.3, index + 0.3, color=INK, linewidth=1)
        chance = where(data["runs"], family=family, encoder="full", selected=True).column("mcc_chance")
        place = 2 + 0.5 * (np.arange(len(chance)) / max(1, len(chance) - 1) - 0.5)
        axes.plot(place, chance, "o", color=INK, fillstyle="none", markersize=2.8, alpha=0.7)
        axes.hlines(np.median(chance), 1.7, 2.3, color=INK, linewidth=1)
        axes.set_xticks([0, 1, 2], ["diagonal", "full", "random rotation"])
        axes.set_ylabel("mean correlation coefficient")
        letter(axes, title)
    return figure
