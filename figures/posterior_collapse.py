"""Posterior collapse over the noise variance (claim `posterior-collapse`): exact thresholds, a kink and no jump.

A linear beta-VAE on data with covariance eigenvalues lambda_1 > lambda_2 > lambda_3, two latents; the average objective
is maximised over decoder and encoder from a random start. Predicted: |W_k|^2 = max(lambda_k - beta eps, 0) and
KL_k = 1/2 max(log(lambda_k / (beta eps)), 0).
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.claims.posterior_collapse import LATENT_DIM, trained
from ..proofs_checks.programs import Programs
from ..report.style import INK, PAGE, log_axis, subplots
from ..results import Table
from .curves import letter, series
from .data import Data, distinct, where
from .measure import instances

EIGENVALUES = (1.0, 0.3, 0.1)
BETAS = (1.0, 4.0)
LEVELS = {"small": 4}
PANELS = {"divergence": ("a  divergence from the prior", "KL of a latent (nats)")} | {
    "squared_length": ("b  length of its column", "|Wₖ|²")
}
CAPTION = (
    "Posterior collapse in a linear β-VAE. Left: the divergence of each latent from the prior; right: the squared "
    "length of its column. Both end exactly where βε reaches an eigenvalue λ of the data's covariance (dotted), with a "
    "kink and no jump. Points: decoder and encoder maximised from a random start; lines: predicted."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "latents": beta, eps, latent (from 1), divergence, squared_length, and both as predicted."""
    instances(effort)
    rows = []
    for i, noise in enumerate(np.geomspace(0.03, 2.0, LEVELS.get(effort, 41))):  # beta eps, with either beta in turn
        beta = BETAS[i % len(BETAS)]
        with np.errstate(all="ignore"):  # steps of the search that are not taken
            lengths, divergences = trained(seed, EIGENVALUES, noise / beta, beta)
        found = {"squared_length": lengths, "divergence": divergences}
        for k in range(LATENT_DIM):
            row = {"beta": beta, "eps": float(noise / beta), "latent": k + 1}
            row |= {name: float(values[k]) for name, values in found.items()}
            row["predicted_divergence"] = float(max(np.log(EIGENVALUES[k] / noise), 0.0)) / 2
            row["predicted_squared_length"] = float(max(EIGENVALUES[k] - noise, 0.0))
            rows.append(row)
    return Data({"latents": Table.of(rows)}, {"effort": effort, "eigenvalues": EIGENVALUES}, seed)


def draw(data: Data) -> Figure:
    """Divergence and squared length over beta eps; a colour a latent, hollow points for the second beta."""
    figure, (panels,) = subplots(1, 2, width=PAGE, height=2.5)
    table = data["latents"]
    for axes, (name, (title, label)) in zip(panels, PANELS.items(), strict=True):
        for k in distinct(table, "latent"):
            (color, marker), eigenvalue = series(k - 1), data.parameters["eigenvalues"][k - 1]
            for beta in distinct(table, "beta"):
                rows = where(table, latent=k, beta=beta)
                noise, filled = beta * rows.column("eps"), "full" if beta == BETAS[0] else "none"
                axes.plot(noise, rows.column(name), marker, color=color, markersize=3, fillstyle=filled)
            rows = where(table, latent=k)
            noise = rows.column("beta") * rows.column("eps")
            axes.plot(noise, rows.column(f"predicted_{name}"), color=color, linewidth=0.8)
            axes.plot([], [], marker, linestyle="-", linewidth=0.8, color=color, label=f"λ = {eigenvalue:g}")
            axes.axvline(eigenvalue, color=INK, linewidth=0.6, linestyle=":")
        log_axis(axes, "x")
        letter(axes, title)
        axes.set_xlabel("noise variance times β, βε")
        axes.set_ylabel(label)
    for beta, filled in zip(BETAS, ("full", "none"), strict=True):
        panels[1].plot([], [], "o", color=INK, fillstyle=filled, markersize=3, label=f"β = {beta:g}")
    panels[1].legend(loc="center left", bbox_to_anchor=(0.0, 0.57))
    return figure
