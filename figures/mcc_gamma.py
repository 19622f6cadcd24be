"""MCC and contrast of trained VAEs over gamma^2 (the paper's figure): recorded runs on Moebius mixings.

Every run is shown: those selected by held-out ELBO as points, the other restarts faint; the line joins the medians
of the selected. MCC from posterior means and from samples; the contrast per point, and that of the mean Jacobian, which
the paper's code logs and which is not the mean contrast.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from ..proofs_checks.programs import Programs
from ..report.style import PAGE, log_axis, noise_axis, subplots
from ..results import recorded
from .curves import letter, runs_over_noise
from .data import Data

EXPERIMENT = "moebius-gamma"
CAPTION = (
    "VAEs trained on Möbius mixings of three uniform sources, over the decoder precision. Left: the mean correlation "
    "with the sources; right: the IMA contrast of the learnt decoder. Points: the restart with the largest held-out "
    "ELBO, one a mixing; faint: the other restarts; lines: medians. As γ grows the sources are recovered."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """The recorded tables; `effort` and `seed` are those of the recording."""
    return Data.of(recorded(EXPERIMENT))


def draw(data: Data) -> Figure:
    """MCC on the left, contrasts on the right."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    runs = data["runs"]
    for index, (name, label) in enumerate({"mcc_mean": "posterior means", "mcc_sample": "samples"}.items()):
        runs_over_noise(left, runs, name, index, label)
    labels = {"contrast_point": "mean over points", "contrast_mean_jacobian": "of the mean Jacobian"}
    for index, (name, label) in enumerate(labels.items()):
        runs_over_noise(right, runs, name, index + 2, label)
    for axes in (left, right):
        noise_axis(axes)
    log_axis(right)
    left.set_ylabel("mean correlation coefficient")
    left.set_ylim(top=1.02)
    right.set_ylabel("IMA contrast of the decoder")
    left.legend(loc="lower left")
    right.legend(loc="lower right")
    letter(left, "a  recovery of the sources")
    letter(right, "b  contrast")
    return figure
