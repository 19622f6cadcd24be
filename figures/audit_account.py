"""The account of an audit: where the gap of a decoder and its encoder comes from, at three noises.

log p_eps(x) - ELBO(encoder) = amortisation + contrast + a1 eps + remainder (`auditing.account`), means over points of a
smooth network with a given encoder: the exact preimage and one standard deviation for all latents and points, which is
what amortisation costs. The dots are the same gap by a second route, importance sampling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..auditing.account import PARTS
from ..auditing.audit import audit
from ..numerics.families.registry import FAMILIES
from ..proofs_checks.programs import Programs
from ..report.style import INK, PALETTE, power_of_ten, subplots
from ..results import Table
from .curves import letter
from .data import Data, distinct, where
from .measure import instances

NOISES = (3e-2, 1e-2, 1e-3)
POINTS = 24
SPREAD = 0.8
LABELS = {"amortisation": "amortisation", "contrast": "contrast", "slope": "a₁ε", "remainder": "remainder"}
CAPTION = (
    "The account of an audit. The gap between log-likelihood and ELBO of a decoder with its encoder, mean over points, "
    "as the sum of what the encoder loses, the IMA contrast, the first order in the noise and the remainder; dots: the "
    "same gap measured by a second route, with 95 per cent intervals."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "account": eps, part (PARTS and "total", the second route), mean, low, high."""
    instances(effort)
    noises, points = (NOISES[1:2], 2) if effort == "small" else (NOISES, POINTS)
    decoder = FAMILIES["mlp"].draw(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(6,))), 2)
    rows = []
    for eps in noises:
        spread = SPREAD * np.sqrt(eps) * np.ones(2)
        report = audit(
            decoder,
            latent_dim=2,
            noise_var=eps,
            encoder=lambda x, spread=spread: (decoder.inverse(x), spread),
            points=points,
            account_points=points,
            seed=seed,
        )
        rows += account_rows(report, eps)
    return Data({"account": Table.of(rows)}, {"effort": effort, "points": points, "spread": SPREAD}, seed)


def account_rows(report: Any, eps: float) -> list[dict[str, Any]]:
    """The rows of one audit report."""
    found = {part: report.account.interval(part) for part in (*PARTS, "total")}
    return [
        {"eps": float(eps), "part": part, "mean": float(one.mean), "low": float(one.low), "high": float(one.high)}
        for part, one in found.items()
        if one is not None
    ]


def draw(data: Data) -> Figure:
    """One stacked bar a noise: positive parts upwards, negative ones downwards."""
    figure, ((axes,),) = subplots(width=3.4, height=2.6)
    table = data["account"]
    noises = sorted(distinct(table, "eps"))
    for place, eps in enumerate(noises):
        up = down = 0.0
        for index, part in enumerate(PARTS):
            rows = where(table, eps=eps, part=part)
            if not rows.rows:
                continue
            size = float(rows.column("mean")[0])
            start = up if size >= 0 else down
            axes.bar(place, size, bottom=start, color=PALETTE[index], width=0.55, hatch=("", "//", "..", "xx")[index])
            up, down = (up + size, down) if size >= 0 else (up, down + size)
        total = where(table, eps=eps, part="total")
        mean = total.column("mean")
        bars = np.stack([mean - total.column("low"), total.column("high") - mean])
        axes.errorbar([place], mean, bars, fmt="o", color=INK, markersize=3.5, capsize=2, elinewidth=0.7)
    for index, part in enumerate(PARTS):
        axes.bar(0, 0, color=PALETTE[index], hatch=("", "//", "..", "xx")[index], label=LABELS[part])
    axes.errorbar([], [], [], fmt="o", color=INK, markersize=3.5, label="second route")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xticks(range(len(noises)), [f"ε = {power_of_ten(eps)}\nγ² = {1 / eps:.0f}" for eps in noises])
    for label in axes.get_xticklabels():
        label.set_multialignment("center")
    letter(axes, "the gap and its parts")
    axes.set_ylabel("log p − ELBO (nats)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure
