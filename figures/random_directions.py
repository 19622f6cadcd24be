"""The contrast of random directions against the data dimension D (claim `random-directions`).

Independent isotropic columns in R^D: the mean of c over random Jacobians, its central 90 per cent, and theory's
1/2 sum_k [ psi(D/2) - psi((D-k+1)/2) ]. Large D makes columns orthogonal by itself: c ~ d(d-1)/(4D).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..numerics.contrast import contrast_of_jacobian
from ..proofs_checks.formulas import predict
from ..proofs_checks.programs import Programs
from ..report.style import log_axis, power_of_ten, subplots
from ..results import Table
from .curves import key, letter, series
from .data import Data, distinct, where
from .measure import instances

LATENT_DIMS = {"small": (2,)}
ALL_LATENT_DIMS = (2, 5, 10)
DATA_DIMS = (2, 5, 10, 30, 100, 300, 1000)
SAMPLES = 500
CAPTION = (
    "The contrast of random directions falls with the data dimension. Points: means over random Jacobians; bars: their "
    "central 90 per cent; lines: the predicted expectation. High dimension makes random columns nearly orthogonal."
)


def _contrasts(jacobians: Any) -> dict[str, Any]:
    return {"contrast": contrast_of_jacobian(jacobians)}


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "contrast": d, D, mean, standard_error, low, high (5 and 95 per cent), predicted."""
    samples = SAMPLES if effort == "small" else SAMPLES * max(1, instances(effort) // 6)
    programs = programs or Programs()
    rows = []
    dims = LATENT_DIMS.get(effort, ALL_LATENT_DIMS)
    for d in dims:
        for D in (D for D in DATA_DIMS if d <= D and (effort != "small" or D <= 5)):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(d, D)))
            found = programs.run(_contrasts, rng.standard_normal((samples, D, d)))["contrast"]
            rows.append(
                {"d": d, "D": D, "mean": float(found.mean()), "standard_error": float(found.std() / samples**0.5)}
                | {"low": float(np.quantile(found, 0.05)), "high": float(np.quantile(found, 0.95))}
                | {"predicted": float(predict("random_mean", d, D=D))}
            )
    return Data({"contrast": Table.of(rows)}, {"effort": effort, "samples": samples}, seed)


def draw(data: Data) -> Figure:
    """One curve a latent dimension, logarithmic in both."""
    figure, ((axes,),) = subplots()
    table = data["contrast"]
    for index, d in enumerate(distinct(table, "d")):
        rows, (color, marker) = where(table, d=d), series(index)
        D, mean = rows.column("D"), rows.column("mean")
        bars = np.stack([mean - rows.column("low"), rows.column("high") - mean])
        axes.plot(D, rows.column("predicted"), color=color, linewidth=0.9)
        axes.errorbar(D, mean, bars, fmt=marker, color=color, elinewidth=0.6, capsize=1.5, markersize=3)
        axes.plot([], [], marker, linestyle="-", color=color, label=f"d = {d}")
    log_axis(axes, "x")
    log_axis(axes)
    axes.set_xticks([1, 10, 100, 1000], [power_of_ten(x) for x in (1, 10, 100, 1000)])
    axes.set_xlim(1.5, 1500)
    axes.set_ylim(bottom=1e-5)
    letter(axes, "random directions become orthogonal")
    axes.set_xlabel("data dimension D")
    axes.set_ylabel("IMA contrast of random columns")
    key(axes, hollow=False, location="upper right")
    return figure
