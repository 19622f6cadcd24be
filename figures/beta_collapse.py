"""The beta-VAE over the product of beta and the noise, recorded: one curve for every beta, and where latents die.

Left: normal data, linear networks: the mean KL of trained runs, and that of the optimum, sum_k 1/2 log(L_k / u) over
the eigenvalues above u = beta eps. Middle: Moebius mixings. Right: the same runs over eps, where they do not agree.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, subplots
from ..results import Table, recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "beta-collapse"
CAPTION = (
    "Trained β-VAEs at five β. Left: normal data and linear networks, the KL divergence from the prior over the "
    "product of β and the noise variance in units of the largest eigenvalue; line: the optimum, whose latents die at "
    "the eigenvalues (dotted). Middle: Moebius mixings of two uniform sources. Right: the same runs over the noise "
    "variance alone."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """KL over beta eps for both families, and over eps."""
    figure, ((left, middle, right),) = subplots(1, 3, width=PAGE, height=2.6, sharey=True)
    linear, moebius = (where(data["runs"], family=family) for family in ("linear", "moebius"))
    eigenvalues = np.array(data.parameters["eigenvalues"])[:2]
    u = np.geomspace(min(linear.column("level")), max(linear.column("level")), 200)
    optimum = np.sum(0.5 * np.log(np.maximum(eigenvalues / u[:, None], 1)), axis=1)
    left.plot(u, optimum, color=INK, linewidth=0.8, label="optimum")
    for value in eigenvalues:
        left.axvline(value, color=INK, linewidth=0.5, linestyle=":")
    _points(left, linear, "level")
    _points(middle, moebius, "level")
    _points(right, moebius, "noise")
    for axes, label in (
        (left, "β ε / largest eigenvalue"),
        (middle, "β ε / largest eigenvalue"),
        (right, "ε / largest eigenvalue"),
    ):
        log_axis(axes, "x")
        axes.set_xlabel(label)
        axes.set_ylabel("KL from the prior, nats")
    left.legend(loc="upper right")
    letter(left, "a  linear")
    letter(middle, "b  Moebius")
    letter(right, "c  Moebius, over ε")
    return figure


def _points(axes: Axes, runs: Table, abscissa: str) -> None:
    for index, beta in enumerate(sorted(distinct(runs, "beta"))):
        rows = where(runs, beta=beta)
        color, marker = series(index)
        place = 1.06 ** (index - 2)  # side by side
        x = place * rows.column(abscissa) if abscissa == "level" else rows.column(abscissa)
        axes.plot(x, rows.column("kl"), marker, color=color, markersize=2.6, alpha=0.8, label=f"β = {beta:.2g}")
