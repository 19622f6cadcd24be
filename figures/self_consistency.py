"""Self-consistency of trained VAEs over gamma^2 (the paper's figure), recorded.

Encoder and decoder are both learnt. Left: the root mean square of z(f(z)) - z, f the learnt decoder: how far the
encoder is from inverting it. Right: the encoder's variance over the paper's formula 1 / (1 + gamma^2 |J_k|^2), which
tends to 1, beside the control with the rows of J in place of its columns, which does not.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, noise_axis, subplots
from ..results import recorded
from .curves import letter, runs_over_noise
from .data import Data

EXPERIMENT = "self-consistency"
CAPTION = (
    "Self-consistency of trained VAEs over the decoder precision. Left: how far the encoder is from inverting its own "
    "decoder. Right: its variance over the formula with the columns of the Jacobian, which tends to one, and over the "
    "same formula with the rows, which does not. Points: one run a mixing; lines: medians."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """Means on the left, variances on the right."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    runs = data["runs"]
    runs_over_noise(left, runs, "self_consistency", 0, "trained")
    runs_over_noise(right, runs, "variance_over_formula", 2, "columns of J (the formula)")
    runs_over_noise(right, runs, "variance_over_rows", 3, "rows of J (control)")
    right.axhline(1.0, color=INK, linewidth=0.6, linestyle="--")
    for axes in (left, right):
        noise_axis(axes, towards_zero=True)
    log_axis(left)
    shown = np.concatenate([runs.column("variance_over_formula"), runs.column("variance_over_rows")])
    if np.max(shown) > 10 * np.min(shown):
        log_axis(right)
    left.set_ylabel("rms of z(f(z)) − z, prior deviations")
    right.set_ylabel("encoder's variance / formula")
    right.legend(loc="best")
    letter(left, "a  mean")
    letter(right, "b  variance")
    return figure
