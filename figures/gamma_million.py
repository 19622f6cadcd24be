"""gamma^2 = 1e6, recorded: how much of the true decoder's ELBO is missed, and the MCC, by the way of training.

One panel a pair of networks. Abscissa: the ELBO by which a run lies behind the true decoder's; ordinate: its MCC. Were
the fall of the MCC the optimum's, runs with a small MCC would be those with the larger ELBO.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE, log_axis, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "gamma-million"
CAPTION = (
    "Training at γ² = 10⁶ on Moebius mixings, from the first step on or by way of larger noise: MCC over the ELBO that "
    "a run is behind the true decoder's. Left: two layers of 64 smooth units; right: one of 30 leaky ReLU units. Large "
    "symbols: medians. The ways that end with the larger ELBO are those that recover the sources."
)
PANELS = {"smooth": "a  two layers of 64", "small": "b  one layer of 30"}


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """One scatter plot a pair of networks."""
    figure, (panels,) = subplots(1, 2, width=PAGE, height=2.6, sharey=True)
    for axes, (networks, title) in zip(panels, PANELS.items(), strict=True):
        for index, way in enumerate(distinct(data["runs"], "way")):
            rows = where(data["runs"], networks=networks, way=way)
            color, marker = series(index)
            behind = np.maximum(rows.column("behind"), 1e-3)
            axes.plot(
                behind, rows.column("mcc_mean"), marker, color=color, markersize=2.6, alpha=0.6, markeredgewidth=0
            )
            middle = np.median(behind), np.median(rows.column("mcc_mean"))
            axes.plot(*middle, marker, color=color, markersize=6, label=way)
        log_axis(axes, "x")
        axes.set_xlabel("ELBO behind the true decoder's, nats")
        axes.set_ylabel("mean correlation coefficient")
        letter(axes, title)
    panels[0].legend(loc="lower left")
    return figure
