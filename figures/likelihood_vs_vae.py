"""One decoder class, an invertible flow, trained by maximum likelihood and as a VAE: recorded runs, joined by mixing.

Left: recovery of the sources; middle: contrast of the decoder; right: the nats that the flow's held-out log-likelihood
falls short of the data's own. Points: the restart with the largest held-out objective; faint: the other restarts.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE, log_axis, subplots
from ..results import Table, recorded
from .curves import GREY, letter, series
from .data import Data, distinct, where

EXPERIMENT = "likelihood-vs-vae"
METHODS = {"likelihood": "likelihood", "vae": "VAE"}
PANELS = {
    "mcc_mean": ("a  recovery", "mean correlation coefficient"),
    "contrast_point": ("b  contrast", "IMA contrast of the decoder"),
    "shortfall": ("c  fit", "nats below the data's density"),
}
CAPTION = (
    "One decoder class, an invertible flow after a learnt measure-preserving rotation, trained by maximum likelihood "
    "and as a VAE, on Möbius mixings of three sources. Lines join the two on one mixing; faint: restarts that were "
    "not selected. Both fit the density; only the VAE recovers the sources."
)
_FAINT = 0.12
"""Sideways, so that restarts that were not selected stand beside the selected."""


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def values(rows: Table, name: str) -> np.ndarray:
    """One quantity of the runs; `shortfall` is the difference of two columns."""
    if name == "shortfall":
        return rows.column("log_likelihood_data") - rows.column("log_likelihood")
    return rows.column(name)


def draw(data: Data) -> Figure:
    """Paired points of three quantities."""
    figure, (panels,) = subplots(1, 3, width=PAGE, height=2.4)
    runs = data["runs"]
    for axes, (name, (title, label)) in zip(panels, PANELS.items(), strict=True):
        for mixing in distinct(runs, "mixing"):
            rows = where(runs, mixing=mixing, selected=True)
            pair = [values(where(rows, method=method), name)[0] for method in METHODS]
            axes.plot([0, 1], pair, color=GREY, linewidth=0.5, alpha=0.7, zorder=1)
        for place, method in enumerate(METHODS):
            color, marker = series(place)
            for selected, size, alpha in ((False, 2.0, 0.35), (True, 3.6, 0.9)):
                chosen = values(where(runs, method=method, selected=selected), name)
                across = place + (0 if selected else _FAINT * (2 * place - 1))
                axes.plot(
                    np.full(len(chosen), across), chosen, marker, color=color, markersize=size, alpha=alpha, zorder=2
                )
        axes.set_xticks([0, 1], list(METHODS.values()))
        axes.set_xlim(-0.4, 1.4)
        axes.set_ylabel(label)
        letter(axes, title)
        if name == "mcc_mean":
            axes.set_ylim(top=1.02)
        elif name == "contrast_point":
            log_axis(axes)
    return figure
