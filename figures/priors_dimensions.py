"""Sources and model's priors of four laws in four dimensions, recorded: MCC by ranks, one panel a law of the sources.

Normal sources are the control: no prior of the model recovers them from a conformal mixing. In two dimensions any
rotation keeps an MCC of .7 or more.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "priors-dimensions"
CAPTION = (
    "Recovery of sources by VAEs whose prior is or is not the sources' law, over the number of sources, on Moebius "
    "mixings; one panel a law of the sources, one colour a prior. Points: runs selected by ELBO; lines: medians. "
    "Bounded sources are recovered with either bounded prior, and worst with a Laplace one; normal ones with none."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """Four panels."""
    figure, (panels,) = subplots(1, 4, width=PAGE, height=2.5, sharey=True)
    runs = where(data["runs"], selected=True)
    dimensions = sorted(distinct(runs, "d"))
    for number, (axes, sources) in enumerate(zip(panels, data.parameters["laws"], strict=True)):
        for index, prior in enumerate(data.parameters["laws"]):
            rows = where(runs, sources=sources, prior=prior)
            color, marker = series(index)
            place = np.array([dimensions.index(d) for d in rows.column("d").tolist()]) + 0.12 * (index - 1.5)
            axes.plot(
                place, rows.column("mcc_spearman"), marker, color=color, markersize=2.6, alpha=0.7, markeredgewidth=0
            )
            medians = [np.median(where(rows, d=d).column("mcc_spearman")) for d in dimensions]
            axes.plot(np.arange(len(dimensions)) + 0.12 * (index - 1.5), medians, color=color, label=f"{prior} prior")
        axes.set_xticks(range(len(dimensions)), [str(d) for d in dimensions])
        axes.set_xlabel("sources")
        axes.set_ylabel("MCC by ranks")
        letter(axes, f"{'abcd'[number]}  {sources}")
    panels[2].legend(loc="lower left")
    return figure
