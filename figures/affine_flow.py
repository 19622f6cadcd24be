"""MCC against contrast for affine flows of four sources: recorded VAEs, one point a mixing.

The mixings are couplings of every strength from 0, a rotation, which is in the IMA class, to 1. Points: the restart
with the largest held-out ELBO; faint: the other restarts; Spearman's rank correlation of the points in the corner.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from scipy.stats import spearmanr

from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import COLUMN, subplots
from ..results import recorded
from .curves import letter, series
from .data import Data, where

EXPERIMENT = "affine-flow"
CAPTION = (
    "Recovery of four uniform sources mixed by an affine flow, against the mean IMA contrast of the mixing. Points: "
    "the restart with the largest held-out ELBO, one a mixing; faint: the other restarts. The farther the mixing from "
    "the IMA class, the less of the sources is recovered."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """One scatter plot."""
    figure, ((axes,),) = subplots(width=COLUMN, height=2.5)
    color, marker = series(1)
    for selected, size, alpha in ((False, 2, 0.3), (True, 3.2, 0.8)):
        rows = where(data["runs"], selected=selected)
        contrast, mcc = rows.column("mixing_contrast"), rows.column("mcc_mean")
        axes.plot(contrast, mcc, marker, color=color, markersize=size, alpha=alpha, markeredgewidth=0)
    rank = spearmanr(contrast, mcc).statistic
    note = f"Spearman {rank:.2f}, n = {len(mcc)}".replace("-", "−")
    axes.text(0.97, 0.95, note, transform=axes.transAxes, ha="right", va="top", fontsize=points(6.8))
    letter(axes, "affine flows: recovery against contrast")
    axes.set_xlabel("mean IMA contrast of the mixing")
    axes.set_ylabel("mean correlation coefficient")
    return figure
