"""Two columns at a controlled angle, recorded: the gap of a trained encoder, and what is learnt instead.

Left: given decoders, the gap over the contrast of the angle, on the diagonal where the limit is met; the two units
nearly coincide. Right: learnt decoders, MCC over the cosine.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "controlled-angle"
CAPTION = (
    "Moebius maps after two columns at an angle. Left: given decoders and trained encoders, the gap between "
    "log-likelihood and ELBO over the contrast of the angle; lines: equality, and the best encoder at this noise. "
    "Middle: learnt decoders, recovery of two uniform sources; points: the restart with the largest ELBO, faint: the "
    "others. Right: by how much the learnt decoder's ELBO exceeds that of the true one, which it does as soon as the "
    "columns are oblique."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """Gap, MCC, and ELBO beyond the truth's."""
    figure, ((left, middle, right),) = subplots(1, 3, width=PAGE, height=2.6)
    given = data["given"]
    top = float(np.max(given.column("limit")))
    left.plot([0, top], [0, top], color=INK, linewidth=0.8, linestyle="--", label="contrast")
    for index, unit in enumerate(("columns", "determinant")):
        rows = where(given, unit=unit)
        color, marker = series(index)
        left.plot(
            rows.column("limit"),
            rows.column("gap"),
            marker,
            color=color,
            markersize=2.8,
            alpha=0.7,
            label=f"unit {unit}",
        )
    levels = sorted(distinct(given, "cosine"))
    best = [np.median(where(given, cosine=c, unit="columns").column("predicted")) for c in levels]
    left.plot([-0.5 * np.log1p(-(c**2)) for c in levels], best, color=series(0)[0], linewidth=0.8, label="best encoder")
    left.set_xlabel("contrast of the angle")
    left.set_ylabel("gap, nats")
    left.legend(loc="upper left")
    for index, (axes, name, sign) in enumerate(((middle, "mcc_mean", 1), (right, "shortfall", -1))):
        color, marker = series(index + 2)
        for selected, size, alpha in ((False, 2, 0.3), (True, 2.8, 0.8)):
            rows = where(data["runs"], selected=selected)
            axes.plot(
                rows.column("cosine"),
                sign * rows.column(name),
                marker,
                color=color,
                markersize=size,
                alpha=alpha,
                markeredgewidth=0,
            )
        axes.plot(levels, [np.median(sign * where(rows, cosine=c).column(name)) for c in levels], color=color)
        axes.set_xlabel("cosine of the columns")
    middle.set_ylabel("mean correlation coefficient")
    right.set_ylabel("ELBO beyond the truth's, nats")
    letter(left, "a  given decoder")
    letter(middle, "b  learnt: recovery")
    letter(right, "c  learnt: ELBO")
    return figure
