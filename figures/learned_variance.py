"""A learnt decoder variance over training, recorded: gamma^2 and its estimates from samples and from means.

One panel a setting. Over the steps: the learnt gamma^2 and the two estimates, medians over seeds, every seed faint. The
estimate from samples lies on the learnt value, that from means far above; it is the figure of the paper's code.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "learned-variance"
CAPTION = (
    "A decoder variance that is learnt, on Moebius maps of two uniform sources: γ² over training (circles), its "
    "estimate from the error of samples (squares), and from that of the means (triangles); the data's variance is one. "
    "Left: two observed coordinates; middle: four, where the ELBO has no maximum in γ²; right: four with noise, whose "
    "inverse is dashed. Lines: medians over seeds."
)
PANELS = {"square": "a  D = d, no noise", "tall": "b  D > d, no noise", "noisy": "c  D > d, noise"}
QUANTITIES = {"gamma2": "learnt", "from_samples": "error of samples", "from_means": "error of means"}


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """One panel a setting."""
    figure, (panels,) = subplots(1, 3, width=PAGE, height=2.6, sharey=True)
    for axes, (setting, title) in zip(panels, PANELS.items(), strict=True):
        rows = where(data["path"], setting=setting)
        steps = sorted(distinct(rows, "step"))
        for index, (name, label) in enumerate(QUANTITIES.items()):
            color, marker = series(index)
            axes.plot(rows.column("step"), rows.column(name), ".", color=color, markersize=1.5, alpha=0.25)
            medians = [np.median(where(rows, step=step).column(name)) for step in steps]
            axes.plot(steps, medians, color=color, marker=marker, markersize=2.5, label=label)
        noise = data.parameters["settings"][setting][1]
        if noise:
            axes.axhline(1 / noise, color=INK, linewidth=0.6, linestyle="--")
        log_axis(axes)
        axes.set_xlabel("training step")
        axes.set_ylabel("γ²")
        letter(axes, title)
    panels[-1].legend(loc="lower right")
    return figure
