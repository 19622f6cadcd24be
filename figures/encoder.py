"""The best encoder against its prediction: mean, variance, and how far the paper's variance formula reaches.

Every vector is looked at along one random direction u of its instance. Left: abs(u.(mu* - g)) with abs(u.m) eps.
Middle: abs(u.(sigma^2 - eps s)) with abs(u.t) eps^2. Right: the error of the paper's formula
1/(gamma^2 |J_k|^2 - l''_kk), of the same order eps^2, with its predicted constant.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from ..proofs_checks.claims import encoder_mean, encoder_variance
from ..proofs_checks.programs import Programs
from ..report.style import PAGE, subplots
from ..results import Table
from .curves import draw_law, key, law_axes, letter, series
from .data import Data, distinct, where
from .measure import measurements, named, records

PANELS = {
    "mean": ("a  mean", "|u·(μ* − g)|"),
    "variance": ("b  variance less its leading order", "|u·(σ² − εs)|"),
    "paper": ("c  error of the paper's formula", "|u·(σ² − paper's formula)|"),
}
NAMES = {"mlp": "smooth MLP", "shear": "polynomial shear"}
SHOWN = 2
CAPTION = (
    "The encoder that maximises the ELBO inverts the decoder. Left: its mean approaches the preimage g at the rate "
    "γ⁻². Middle: its variance less ε over the squared column norm, of order γ⁻⁴. Right: the error of the "
    "paper's variance formula is of the same order γ⁻⁴. Lines are predicted, not fitted."
)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "law": quantity (mean, variance, paper), family, d, D, prior, instance, eps, measured, predicted, ..."""
    measured = measurements(effort, seed, programs)
    variances = encoder_variance.laws(measured)
    laws = {
        "mean": named(encoder_mean.laws(measured), "mean - preimage"),
        "variance": named(variances, "variance - eps s"),
        "paper": named(variances, "variance - paper's formula"),
    }
    rows = [record for quantity, law in laws.items() for record in records(law, quantity, SHOWN)]
    return Data({"law": Table.of(rows)}, {"effort": effort, "shown": SHOWN}, seed)


def draw(data: Data) -> Figure:
    """Three panels, one a quantity."""
    figure, (panels,) = subplots(1, 3, width=PAGE, height=2.5)
    table = data["law"]
    for axes, (quantity, (title, ylabel)) in zip(panels, PANELS.items(), strict=True):
        rows = where(table, quantity=quantity)
        index = 0
        for family in distinct(rows, "family"):
            for d in distinct(where(rows, family=family), "d"):
                label = f"{NAMES.get(family, family)}, d = {d}"
                draw_law(axes, where(rows, family=family, d=d), *series(index), label=label)
                index += 1
        law_axes(axes, ylabel)
        letter(axes, title)
    key(panels[0], figure=figure)
    return figure
