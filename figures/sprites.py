"""Sprites: traversals of trained VAEs and their training curves (the paper's figure), recorded.

Images of a disk with four uniform factors. In the palette `cosine` the renderer is in the IMA class, and each latent
finds one factor; in the palettes outside the class it is the contrast of the renderer that tells how far this fails.
Traversals: the median run of the first and of the last palette, one row a factor, the latent matched to it moving from
.05 to .95. Curves: every run of the palette, selected ones full.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE
from ..results import recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "sprites"
GAP = 2  # white pixels between the images of a traversal
CAPTION = (
    "Sprites. Left: traversals of the median run, one latent a row, for a palette in the IMA class and one far outside "
    "it. Right: mean correlation with the true factors and ELBO over training, every run; the precision γ² grows "
    "over the first half."
)
FACTORS = ("x", "y", "size", "hue")


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables and arrays; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """Traversals of two palettes beside the curves."""
    figure = Figure(figsize=(PAGE, 3.6))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.75, 1.0))
    palettes = [name.removeprefix("traversal_") for name in data.arrays if name.startswith("traversal_")]
    for row, (palette, panel) in enumerate(zip(_ends(palettes), "ab", strict=False)):
        axes = figure.add_subplot(grid[row, 0])
        images = data.arrays[f"traversal_{palette}"]
        sheet = montage(images)
        axes.imshow(sheet, interpolation="nearest")
        height = sheet.shape[0] / len(images)
        axes.set_yticks([height * (line + 0.5) for line in range(len(images))], FACTORS)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        letter(axes, f"{panel}  palette {palette}{_renderer(data, palette)}")
    upper, lower = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    _curves(upper, data, "curve_mcc")
    _curves(lower, data, "curve_elbo")
    upper.set_ylabel("MCC")
    lower.set_ylabel("ELBO")
    lower.set_ylim(bottom=_usual(data.arrays["curve_elbo"]))
    lower.set_xlabel("share of training")
    upper.tick_params(labelbottom=False)
    upper.legend(loc="lower right")
    letter(upper, "c  recovery")
    letter(lower, "d  objective")
    return figure


def _ends(palettes: list[str]) -> list[str]:
    """The first, inside the IMA class, and the last, farthest outside it."""
    return palettes if len(palettes) < 2 else [palettes[0], palettes[-1]]


def _renderer(data: Data, palette: str) -> str:
    """The contrast of the renderer itself, where it is recorded."""
    if "renderer" not in data.tables:
        return ""
    return f": contrast {where(data['renderer'], palette=palette).column('contrast_point')[0]:.3f}"


def _curves(axes: Axes, data: Data, name: str) -> None:
    """The curves of all runs with antithetic pairs, in the colour of their palette, those not selected faint."""
    runs = data["runs"]
    curves = np.asarray(data.arrays[name], float)
    share = np.arange(1, curves.shape[1] + 1) / curves.shape[1]
    for index, palette in enumerate(distinct(runs, "palette")):
        color, _ = series(index)
        chosen = (runs.column("palette") == palette) & (runs.column("variant") == "pairs")
        for row in np.flatnonzero(chosen):
            strong = runs.column("selected")[row]
            axes.plot(share, curves[row], color=color, linewidth=0.8 if strong else 0.4, alpha=0.9 if strong else 0.35)
        axes.plot([], [], color=color, label=palette)


def _usual(curves: np.ndarray) -> float:
    """Where the ordinate begins: the first steps, far below, would flatten the rest."""
    later = np.asarray(curves, float)[:, curves.shape[1] // 10 :]
    return float(np.quantile(later, 0.02))


def montage(images: np.ndarray) -> np.ndarray:
    """Images (rows, columns, H, W, 3) as one image with white gaps."""
    rows, columns, height, width, channels = images.shape
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, side = r * (height + GAP), c * (width + GAP)
            sheet[top : top + height, side : side + width] = images[r, c]
    return sheet
