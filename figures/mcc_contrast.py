"""MCC against contrast (the paper's figure): recorded VAEs on Moebius mixings followed by linear maps.

A linear map takes a mixing out of the IMA class, the further the larger its contrast. Left: against the contrast of the
linear map, which is what one draws; right: against the mean contrast of the whole mixing, which is what the ELBO sees.
One point a mixing (the restart with the largest held-out ELBO); Spearman's rank correlation in the corner.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from scipy.stats import spearmanr

from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import PAGE, subplots
from ..results import Table, recorded
from .curves import letter, series
from .data import Data, where

EXPERIMENT = "moebius-linear"
PANELS = {
    "map_contrast": ("a  against the linear map", "IMA contrast of the linear map"),
    "mixing_contrast": ("b  against the whole mixing", "mean IMA contrast of the mixing"),
}
CAPTION = (
    "Recovery of the sources against the contrast of the mixing. Each point is a VAE trained on one mixing outside the "
    "IMA class. The larger the contrast, the less of the sources is recovered, and the more clearly so if the contrast "
    "is that of the whole mixing."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def selected(runs: Table) -> Table:
    """The runs that were selected; all where the recording does not say."""
    return where(runs, selected=True) if "selected" in runs.columns else runs


def draw(data: Data) -> Figure:
    """Two scatter plots with one ordinate."""
    figure, (panels,) = subplots(1, 2, width=PAGE, height=2.5, sharey=True)
    runs = selected(data["runs"])
    for index, (axes, (name, (title, label))) in enumerate(zip(panels, PANELS.items(), strict=True)):
        color, marker = series(index)
        contrast, mcc = runs.column(name), runs.column("mcc_mean")
        axes.plot(contrast, mcc, marker, color=color, markersize=3, alpha=0.7, markeredgewidth=0)
        rank = spearmanr(contrast, mcc).statistic
        note = f"Spearman {rank:.2f}, n = {len(mcc)}".replace("-", "−")
        axes.text(0.97, 0.95, note, transform=axes.transAxes, ha="right", va="top", fontsize=points(6.8))
        axes.set_xlabel(label)
        letter(axes, title)
    panels[0].set_ylabel("mean correlation coefficient")
    return figure
