"""The tail of the importance weights of the best mean-field guide (claim `pareto-k`), and what a sample sees of it.

The posterior is N(0, R^-1) with the correlations R = (1, rho; rho, 1), which is the limit for a decoder whose columns
have the cosine rho; the guide is N(0, I), the best with independent coordinates. The index of the weights' tail is
1 - lambda_min(R) = rho. A sample is judged by Hill's estimate: the mean of log w less the log of the smallest weight,
over the largest weights (a share of 1 per cent here).
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.claims.pareto_k import narrow_guide
from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, subplots
from ..results import Table
from .curves import key, letter, series
from .data import Data, distinct, where
from .measure import instances

COSINES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SAMPLES = {"small": (1000,)}
ALL_SAMPLES = (1000, 100_000)
SHARE, REPEATS = 0.01, 20
INDICES = (0.3, 0.6, 0.9)
CAPTION = (
    "The tail of the importance weights of the best mean-field guide. Left: for two columns with cosine ρ the index "
    "is 1 − λ, with the smallest eigenvalue λ of their correlations, that is ρ (line); samples see less. Points: means "
    "of twenty samples, bars: their central 90 per cent. Right: what a fit sees at log-weights of size s, against "
    "κ − κ²/(2s)."
)


def _hill(rng: np.random.Generator, rho: float, samples: int) -> float:
    z = rng.standard_normal((samples, 2))
    log_weights = -rho * z[:, 0] * z[:, 1]  # z'z/2 - z'Rz/2, up to a constant
    largest = np.sort(log_weights)[-max(10, int(SHARE * samples)) :]
    return float(largest.mean() - largest[0])


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Tables "samples": rho, samples, mean, low, high; "seen": kappa, s, index, predicted."""
    instances(effort)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(8,)))
    sampled = []
    for count in SAMPLES.get(effort, ALL_SAMPLES):
        for rho in COSINES:
            found = np.array([_hill(rng, rho, count) for _ in range(REPEATS)])
            low, high = (float(np.quantile(found, q)) for q in (0.05, 0.95))
            sampled.append({"rho": rho, "samples": count, "mean": float(found.mean()), "low": low, "high": high})
    sizes = np.geomspace(2.0, 300.0, 4 if effort == "small" else 12).tolist()
    seen = [
        {"kappa": kappa, "s": s, "index": narrow_guide(s, kappa)[0], "predicted": kappa - kappa**2 / (2 * s)}
        for kappa in INDICES
        for s in sizes
    ]
    parameters = {"effort": effort, "share": SHARE, "repeats": REPEATS}
    return Data({"samples": Table.of(sampled), "seen": Table.of(seen)}, parameters, seed)


def draw(data: Data) -> Figure:
    """Left: estimates over the index; right: the index at a size of the weights."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.5)
    for number, count in enumerate(distinct(data["samples"], "samples")):
        rows, (color, marker) = where(data["samples"], samples=count), series(number)
        mean = rows.column("mean")
        bars = np.stack([mean - rows.column("low"), rows.column("high") - mean])
        place = rows.column("rho") + 0.012 * (2 * number - 1)
        look = {"color": color, "elinewidth": 0.6, "capsize": 1.5, "markersize": 3}
        left.errorbar(place, mean, bars, fmt=marker, label=f"{count:,} weights", **look)
    left.plot([0, 1], [0, 1], color=INK, linewidth=0.8, label="1 − λ")
    letter(left, "a  estimated from samples")
    left.set(xlabel="cosine ρ of the two columns", ylabel="index of the tail", xlim=(0, 1), ylim=(-0.02, 1.35))
    left.legend(loc="upper left")
    for number, kappa in enumerate(distinct(data["seen"], "kappa")):
        rows, (color, marker) = where(data["seen"], kappa=kappa), series(number + 2)
        right.plot(rows.column("s"), rows.column("predicted"), color=color, linewidth=0.8)
        right.plot(rows.column("s"), rows.column("index"), marker, color=color, markersize=3)
        right.plot([], [], marker, linestyle="-", linewidth=0.8, color=color, label=f"κ = {kappa:g}")
    log_axis(right, "x")
    letter(right, "b  at weights of one size")
    right.set(xlabel="logarithm s of the weights", ylabel="index seen there", ylim=(0, 1.7))
    key(right, hollow=False, location="upper left")
    return figure
