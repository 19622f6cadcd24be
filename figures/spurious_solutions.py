"""Spurious solutions: equal likelihood at every noise, different ELBO (claim `spurious-solutions`).

A decoder f after a map a of the latents that preserves the prior, a rotation or a swirl, against f itself at the same
x. Left: the log-likelihoods differ by no more than the error of the quadrature. Right: the ELBOs differ by
c(f) - c(f o a), the predicted limit, plus a predicted multiple of eps.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.claims import spurious_solutions
from ..proofs_checks.laws import IdentityLaw
from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import PAGE, log_axis, noise_axis, power_of_ten, subplots
from ..results import Table
from .curves import key, letter, series
from .data import Data, distinct, where
from .measure import measurements, named, records

SHOWN = 3
LOWEST = 1e-17
CAPTION = (
    "Remixing the latents by a map that preserves the prior is invisible to the likelihood and visible to the ELBO. "
    "Left: differences of log-likelihoods are at the error of the measurement for every noise. Right: differences of "
    "optimal ELBOs tend to the difference of the IMA contrasts, predicted."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "law": family (f o rotation, f o swirl), instance, eps, log_likelihood, log_likelihood_error, measured, ...

    measured: ELBO*(f o a) - ELBO*(f); limit, constant, predicted: of it; log_likelihood: the same difference of log p.
    """
    measured = measurements(effort, seed, programs)
    laws = spurious_solutions.laws(measured)
    (likelihood,) = [law for law in laws if law.name == "log p of f o a = log p of f"]
    assert isinstance(likelihood, IdentityLaw)
    rows = records(named(laws, "ELBO* difference"), "ELBO*", SHOWN)
    ladder = list(dict.fromkeys(row["eps"] for row in rows))
    for row in rows:
        i, e = row["instance"], ladder.index(row["eps"])
        row["log_likelihood"] = float(likelihood.left[i, e] - likelihood.right[i, e])
        row["log_likelihood_error"] = float(likelihood.tolerance[i, e])
    return Data({"law": Table.of(rows)}, {"effort": effort, "shown": SHOWN}, seed)


def draw(data: Data) -> Figure:
    """Two panels: what the likelihood sees, and what the ELBO sees."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    table = data["law"]
    for index, family in enumerate(distinct(table, "family")):
        color, marker = series(index)
        for instance in distinct(where(table, family=family), "instance"):
            rows = where(table, family=family, instance=instance)
            eps = rows.column("eps")
            left.plot(eps, np.maximum(np.abs(rows.column("log_likelihood")), LOWEST), marker, color=color)
            left.plot(eps, rows.column("log_likelihood_error"), color=color, linewidth=0.6, linestyle=":")
            right.plot(eps, rows.column("measured"), marker, color=color)
            fine = np.geomspace(eps.min(), eps.max(), 60)
            limit, constant = rows.column("limit")[0], rows.column("constant")[0]
            right.plot(fine, limit + constant * fine, color=color, linewidth=0.8)
        right.plot([], [], marker, color=color, label=family.replace("shear o", "f after a").replace("after a", "∘"))
    noise_axis(left)
    log_axis(left)
    left.set_ylim(bottom=LOWEST / 3, top=1.0)
    left.plot([], [], "k:", linewidth=0.6, label="error bound of the measurement")
    left.legend(
        loc="upper left", title=f"equal: drawn at {power_of_ten(LOWEST)}", title_fontsize=points(6.8), alignment="left"
    )
    left.set_ylabel("|log p(f∘a) − log p(f)|")
    noise_axis(right)
    right.set_ylabel("ELBO*(f∘a) − ELBO*(f)")
    key(right, hollow=False, figure=figure)
    letter(left, "a  the likelihood cannot tell")
    letter(right, "b  the ELBO can")
    return figure
