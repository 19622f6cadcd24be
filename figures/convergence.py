"""The gap converges to the contrast: order, predicted constant, and the next order.

Left: abs(gap - c) of random decoders against eps, with abs(a1) eps from theory. Right: what is left after a1 eps, for
the polynomial shears whose a2 theory's power series give, with abs(a2) eps^2. No line is fitted to the points.
Claims `elbo-limit` and `higher-orders`.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.claims import elbo_limit, higher_orders
from ..proofs_checks.programs import Programs
from ..report.style import PAGE, subplots
from ..results import Table
from .curves import draw_law, key, law_axes, letter, series
from .data import Data, distinct, where
from .measure import SHOWN, measurements, named, records

NAMES = {"mlp": "smooth MLP", "shear": "polynomial shear"}
CAPTION = (
    "The gap converges to the IMA contrast at the rate γ⁻². Left: the gap less the contrast, measured on random "
    "decoders without any asymptotics, on lines of slope one whose constants are predicted. Right: what is left after "
    "the predicted first order, on lines of slope two whose constants are predicted as well."
)
FIRST, SECOND = "gap - c", "gap - c - a1 eps"


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "law": quantity, family, d, D, prior, instance, eps, measured, limit, difference, floor, order, ..."""
    measured = measurements(effort, seed, programs)
    (first,) = elbo_limit.laws(measured)
    second = named(higher_orders.laws(measured), "gap - c - a_1 eps")
    rows = records(first, FIRST) + records(second, SECOND)
    return Data({"law": Table.of(rows)}, {"effort": effort, "shown": SHOWN}, seed)


def draw(data: Data) -> Figure:
    """Two panels, one an order."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.7)
    table = data["law"]
    kinds = [(family, d) for family in distinct(table, "family") for d in distinct(where(table, family=family), "d")]
    for index, (family, d) in enumerate(kinds):
        for axes, quantity in ((left, FIRST), (right, SECOND)):
            rows = where(table, family=family, d=d, quantity=quantity)
            if rows.rows:
                draw_law(axes, rows, *series(index), label=f"{NAMES.get(family, family)}, d = {d}")
    law_axes(left, "|gap − c|")
    law_axes(right, "|gap − c − a₁ε|", bottom=_bottom(where(table, quantity=SECOND)))
    letter(left, "a  first order")
    letter(right, "b  next order")
    key(left, hollow=False)
    key(right, location="lower right")
    return figure


def _bottom(table: Table) -> float:
    """A power of ten below every point that is not zero."""
    size = np.abs(table.column("difference"))
    return float(10.0 ** np.floor(np.log10(np.min(size[size > 0]))))
