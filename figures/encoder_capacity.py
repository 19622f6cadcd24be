"""The amortisation gap over the size of the encoder at gamma^2 = 1e5, recorded, with the residual encoder.

Abscissa: parameters of the encoder. Points: one a decoder; lines: medians; the residual encoder stands apart.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import COLUMN, INK, log_axis, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "encoder-capacity"
CAPTION = (
    "What a trained encoder misses of the best ELBO at γ² = 10⁵, for six given decoders of three latents, over the "
    "parameters of the encoder. Circles and line: networks of two layers; squares: the largest of them with one learnt "
    "correction by its own residual. Dashed: .02 nats."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """One panel, both axes logarithmic."""
    figure, ((axes,),) = subplots(width=COLUMN, height=2.6)
    runs = data["runs"]
    names = distinct(runs, "encoder")
    kinds = {"plain": [name for name in names if name != "residual"], "residual": ["residual"]}
    for index, (label, members) in enumerate(kinds.items()):
        color, marker = series(index)
        chosen = [where(runs, encoder=name) for name in members]
        for rows in chosen:
            values = np.maximum(rows.column("amortisation"), 1e-5)
            axes.plot(rows.column("parameters"), values, marker, color=color, markersize=2.8, alpha=0.7)
        sizes = [np.median(rows.column("parameters")) for rows in chosen]
        medians = [np.median(rows.column("amortisation")) for rows in chosen]
        axes.plot(sizes, medians, color=color, marker=marker, markersize=4, label=label)
    axes.axhline(0.02, color=INK, linewidth=0.6, linestyle="--")
    log_axis(axes, "x")
    log_axis(axes)
    axes.set_xlabel("parameters of the encoder")
    axes.set_ylabel("ELBO missed, nats")
    axes.legend(loc="best")
    letter(axes, "amortisation gap, γ² = 10⁵")
    return figure
