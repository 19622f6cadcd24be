"""Self-consistency of trained VAEs over gamma^2 (the paper's figure), recorded.

Encoder and decoder are both learnt. First: the root mean square of z(f(z)) - z, f the learnt decoder: how far the
encoder is from inverting it. Second: the median over points of the encoder's variance over the paper's formula
1 / (1 + gamma^2 |J_k|^2), which tends to 1. Third: the share of points where it is within 5 % of 1, beside the control
with the rows of J in place of its columns. The control's median is near 1 as well, since rows and columns have the same
sum of squares, and for that reason is not shown: point by point the rows are wrong. Last: the squared error of the
reconstruction from the posterior mean.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, noise_axis, subplots
from ..results import recorded
from .curves import letter, runs_over_noise
from .data import Data

EXPERIMENT = "self-consistency"
CAPTION = (
    "Self-consistency of trained VAEs over the decoder precision. First: how far the encoder is from inverting its own "
    "decoder. Second: its variance over the formula with the columns of the Jacobian, which tends to one. Third: the "
    "share of variances within 5 % of that formula, and of the one with rows. Last: the squared error of "
    "reconstruction. Points: one run a mixing; lines: medians."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """Means, variances, the share of variances that are right, and the reconstruction."""
    figure, ((left, middle), (right, last)) = subplots(2, 2, width=PAGE, height=5.0)
    runs = data["runs"]
    runs_over_noise(left, runs, "self_consistency", 0, "trained")
    runs_over_noise(middle, runs, "variance_over_formula", 2, "trained")
    runs_over_noise(right, runs, "share_within_5_percent", 2, "columns of J")
    runs_over_noise(right, runs, "share_of_rows_within_5_percent", 3, "rows of J")
    runs_over_noise(last, runs, "reconstruction", 0, "trained")
    middle.axhline(1.0, color=INK, linewidth=0.6, linestyle="--")
    for axes in (left, middle, right, last):
        noise_axis(axes)
    log_axis(left)
    log_axis(last)
    right.set_ylim(0, 1.3)  # room for the legend
    right.set_yticks([0, 0.25, 0.5, 0.75, 1])
    left.set_ylabel("rms of z(f(z)) − z")
    middle.set_ylabel("encoder's variance / formula")
    right.set_ylabel("share within 5 %")
    right.legend(loc="upper center")
    last.set_ylabel("|x − f(mean)|²")
    letter(left, "a  mean")
    letter(middle, "b  variance")
    letter(right, "c  points")
    letter(last, "d  reconstruction")
    return figure
