"""ELBO, its limit L_IMA and the log-likelihood over gamma^2 for fixed decoders (the paper's figure), recorded.

L_IMA(x) = log p(x) - c_IMA(f, g), what the ELBO converges to. An orthogonal and a triangular network as decoder;
encoders trained on them. Left: the three curves for the triangular decoder, means over points; right: the distance of
the ELBO from L_IMA, for all decoders.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE, log_axis, noise_axis, subplots
from ..results import Table, recorded
from .curves import letter, series
from .data import Data, distinct, where

EXPERIMENT = "fixed-decoder"
CURVES = {"log_likelihood": "log-likelihood", "elbo": "ELBO", "l_ima": "log-likelihood − contrast"}
CAPTION = (
    "ELBO and log-likelihood over the decoder precision for decoders that are kept fixed. The ELBO converges to the "
    "log-likelihood less the IMA contrast, not to the log-likelihood."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def means(runs: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """gamma^2 in ascending order, and the mean of a column over the runs of each."""
    levels = sorted(distinct(runs, "gamma2"))
    return np.array(levels), np.array([np.mean(where(runs, gamma2=level).column(name)) for level in levels])


def draw(data: Data) -> Figure:
    """The curves of one decoder, and the distance from the limit for all."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    runs = data["runs"]
    decoders = distinct(runs, "decoder")
    shown = where(runs, decoder="triangular" if "triangular" in decoders else decoders[0])
    for index, (name, label) in enumerate(CURVES.items()):
        color, marker = series(index)
        gamma2, values = means(shown, name)
        left.plot(1 / gamma2, values, marker=marker, color=color, label=label, linestyle="--" if index == 2 else "-")
    for index, decoder in enumerate(decoders):
        color, marker = series(index)
        rows = where(runs, decoder=decoder)
        gamma2, distance = means(rows, "elbo")
        distance = np.abs(distance - means(rows, "l_ima")[1])
        right.plot(1 / gamma2, distance, marker=marker, color=color, label=decoder)
    for axes in (left, right):
        noise_axis(axes, towards_zero=True)
    log_axis(right)
    left.set_ylabel("nats, mean over points")
    right.set_ylabel("|ELBO − (log p − contrast)|")
    left.legend()
    right.legend()
    letter(left, "a  triangular decoder" if "triangular" in decoders else f"a  {decoders[0]}")
    letter(right, "b  distance from the limit")
    return figure
