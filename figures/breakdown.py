"""Where assumptions break: folds and kinks, and the rates 1, 1/2 and 1/4 (claims `elbo-limit`, `folds`, `kinks`).

Left: the expected gap less its limit, for one latent with a normal prior: leaky ReLU decoders (limit 0, rate 1/2),
folded decoders a z^2 + b z^4 (limit log 2, rate 1/4), beside a smooth decoder at a point (rate 1). Right: why. Within
sqrt(eps) of a kink the gap is a profile Gamma of rho = r/sqrt(eps), not the contrast 0 of either piece.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..numerics.special.kink import Kink, gap, profile
from ..proofs_checks.claims import elbo_limit, folds, kinks
from ..proofs_checks.programs import Programs
from ..report.style import PAGE, subplots
from ..results import Table
from .curves import draw_law, key, law_axes, letter, series
from .data import Data, columns, distinct, where
from .measure import measurements, records

SHOWN = 2
LABELS = {"smooth": "smooth, at a point: rate 1", "kink": "leaky ReLU: rate 1/2", "fold": "fold: rate 1/4"}
KINK = Kink(np.array(1.0), np.array(0.2), np.array(0.3))
RHO = np.linspace(0.0, 4.0, 41)
NOISES = (1e-1, 1e-2, 1e-4)
CAPTION = (
    "Where assumptions break. Left: the expected gap less its limit falls like the square root of ε for leaky ReLU "
    "decoders and like its fourth root for folds, against ε for a smooth decoder; constants are predicted. Right: "
    "near a kink the gap follows a profile in r over the square root of ε, towards which it converges."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Tables "law": quantity (smooth, kink, fold), instance, eps, ...; "profile": eps, rho, gap, limit."""
    measured = measurements(effort, seed, programs)
    laws = {
        "smooth": elbo_limit.laws(measured)[0],
        "kink": kinks.expected_law("E[gap]", measured),
        "fold": folds.expected_law("E[gap] - log 2", measured),
    }
    rows = [record for name, law in laws.items() for record in records(law, name, SHOWN) if record["d"] == 1]
    eps, rho = np.array(NOISES)[:, None], RHO[None, :]
    near = columns(eps=eps, rho=rho, gap=gap(rho * np.sqrt(eps), eps, KINK), limit=profile(rho, KINK)[0])
    parameters = {"effort": effort, "kink": {name: float(value) for name, value in KINK._asdict().items()}}
    return Data({"law": Table.of(rows), "profile": near}, parameters, seed)


def draw(data: Data) -> Figure:
    """Rates on the left, the profile on the right."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    for index, quantity in enumerate(distinct(data["law"], "quantity")):
        draw_law(left, where(data["law"], quantity=quantity), *series(index), label=LABELS[quantity])
    law_axes(left, "|E[gap] − limit|")
    key(left, hollow=False, figure=figure)
    table = data["profile"]
    for index, eps in enumerate(distinct(table, "eps")):
        rows, (color, marker) = where(table, eps=eps), series(index + 2)
        right.plot(rows.column("rho"), rows.column("gap"), marker, color=color, markersize=2.4, label=f"ε = {eps:g}")
    rows = where(table, eps=distinct(table, "eps")[0])
    right.plot(rows.column("rho"), rows.column("limit"), color="black", linewidth=0.9, label="profile Γ (ε → 0)")
    right.set_xlabel("distance from the kink, ρ = r/√ε")
    right.set_ylabel("gap")
    right.legend(loc="upper right")
    letter(left, "a  rates of the expected gap")
    letter(right, "b  beside a kink")
    return figure
