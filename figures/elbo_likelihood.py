"""ELBO, its limit and the log-likelihood over gamma^2 for fixed decoders (the paper's figure), recorded.

The limit is L_IMA(x) = log p(x) - c_IMA(f, g), p the push-forward density. Encoders are trained on decoders that are
kept fixed, with orthogonal and with triangular weights. Left: ELBO of the trained encoder, exact log-likelihood and
limit for one triangular decoder. Right: the distance of the ELBO from its limit for all decoders, trained and for the
exact best encoder, beside the control: the distance of the trained ELBO from the log-likelihood, without the contrast.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import PAGE, log_axis, noise_axis, subplots
from ..results import recorded
from .curves import letter, runs_over_noise, series
from .data import Data, distinct, where

EXPERIMENT = "fixed-decoder"
CURVES = {"log_likelihood": "log-likelihood", "elbo": "ELBO", "l_ima": "log p − contrast"}
SHOWN = "triangular"
CAPTION = (
    "ELBO and log-likelihood over the decoder precision for decoders that are kept fixed. The ELBO tends to the "
    "log-likelihood less the IMA contrast, not to the log-likelihood. The exact best encoder's goes on to its limit; a "
    "trained encoder's own error costs nats in proportion to the precision, and takes over from a thousand on."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """The curves of one decoder, and the distance from the limit for all."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.8)
    runs = data["runs"]
    shown = where(runs, decoder=SHOWN, index=0)
    for index, (name, label) in enumerate(CURVES.items()):
        color, marker = series(index)
        line = "--" if name == "l_ima" else "-"
        left.plot(1 / shown.column("gamma2"), shown.column(name), line, marker=marker, color=color, label=label)
    for index, decoder in enumerate(distinct(runs, "decoder")):
        color, _ = series(index + 3)
        rows = where(runs, decoder=decoder)
        runs_over_noise(right, rows, "difference", index + 3, f"{decoder}, trained", "index")
        for name, style, what in (("optimal_difference", "--", "exact"), ("gap", ":", "from log p")):
            levels = sorted(distinct(rows, "gamma2"))
            medians = [np.median(where(rows, gamma2=level).column(name)) for level in levels]
            right.plot(1 / np.array(levels), medians, style, color=color, label=f"{decoder}, {what}")
    for axes in (left, right):
        noise_axis(axes)
    log_axis(right)
    left.set_ylabel("nats, mean over points")
    right.set_ylabel("nats from log p − contrast")
    left.legend(loc="best")
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=points(5.8))
    letter(left, f"a  one {SHOWN} decoder")
    letter(right, "b  distance from the limit")
    return figure
