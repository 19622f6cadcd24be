"""How far Gaussian approximations are from the posterior (claim `vi-accuracy`): means of first and of second order.

Everything is measured and judged by the claim; the figure draws its laws, the first instance solid, the others dashed.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..proofs_checks.claims.vi_accuracy import CLAIM
from ..proofs_checks.laws import ConvergenceLaw
from ..proofs_checks.programs import Programs
from ..proofs_checks.verify import verify
from ..report.style import PAGE, subplots
from ..results import Table
from .curves import draw_law, key, law_axes, letter, series
from .data import Data, where
from .measure import instances

LAWS = {
    "mode": "mode",
    "mean, mean field": "mean field",
    "mean, full covariance": "full covariance",
    "covariance": "covariance",
}
SHOWN = 2
"""Instances of each law."""
CAPTION = (
    "How far Gaussian approximations of the posterior are from it, along one direction. Left: the mean of the best "
    "Gaussian with full covariance is off by order ε², mode and mean-field mean by order ε. Right: covariances are too "
    "small by order ε². Points: the posterior summed on a grid, encoders by Newton's method; lines: predicted."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "law": quantity, instance, eps, difference, floor, order, constant, predicted."""
    instances(effort)
    laws = {one.law.name: one.law for one in verify([CLAIM], seed=seed).laws[CLAIM.id]}
    rows = []
    for name in LAWS:
        law = laws[name]
        assert isinstance(law, ConvergenceLaw)
        for i in range(SHOWN):
            constant = float(law.constant[i])
            for eps, difference, floor in zip(law.eps, law.difference[i], law.floor[i], strict=True):
                row = {"quantity": name, "instance": i, "eps": float(eps), "difference": float(difference)}
                row |= {"floor": float(floor), "order": float(law.order), "constant": constant}
                rows.append(row | {"predicted": constant * float(eps) ** law.order})
    return Data({"law": Table.of(rows)}, {"effort": effort}, seed)


def draw(data: Data) -> Figure:
    """Errors of means, and of the covariance, over the noise variance."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.7)
    for number, (name, label) in enumerate(LAWS.items()):
        axes = right if name == "covariance" else left
        draw_law(axes, where(data["law"], quantity=name), *series(number), label)
    smallest = np.min(np.abs(data["law"].column("difference")))
    for axes, title, label in ((left, "a  means", "|e·(mean − E z)|"), (right, "b  covariance", "|e·(Cov − Σ)e|")):
        law_axes(axes, label, bottom=smallest / 30)
        letter(axes, title)
    left.legend(loc="lower right")
    key(right, hollow=False, location="lower right")
    return figure
