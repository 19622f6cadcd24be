"""The plots of an audit: distribution of the contrast, entanglement of latents, account of the gap, traversals."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ...errors import RequestError
from ...report.style import INK, PALETTE, style, subplots
from ...shell import requests
from ..account import PARTS, Account
from ..findings import Findings
from ..geometry import ENTANGLED, Geometry
from .sentences import PART_NAMES

WIDTH = 4.4  # inches: readable on a phone and on a desk
_HATCHES = ("", "//", "..", "xx")
_MOST_LABELLED = 16  # latents up to which each cell of the heat map carries its number
_SPREAD = 1e-10  # contrasts that differ by less are one value: nothing to draw
_PIXEL = 6  # enlargement of small images


def named(findings: Findings, what: str) -> Figure:
    """The figure of this name. RequestError for another name, and where the audit has no such part."""
    account = findings.account if findings.account and findings.account.entries else None
    regime = findings.document["regime"]
    drawn: dict[str, Callable[[], Figure | None]] = {
        "gap": lambda: account_bars(account) if account else None,
        "contrast": lambda: histogram(findings.geometry),
        "correlation": lambda: heat_map(findings.geometry),
        "regime": lambda: regime_plot(regime, findings.parameters["eps"]) if regime else None,
    }
    requests.one_of("plot", what, drawn)
    figure = drawn[what]()
    if figure is None:
        raise RequestError(f"plot: expected an audit with something to draw as {what!r}, got one without")
    return figure


def histogram(geometry: Geometry) -> Figure | None:
    """Distribution of contrast and finite-noise contrast over the points; None where all are equal."""
    kept = geometry.contrast[np.isfinite(geometry.contrast)]
    values = [(kept, "contrast"), (geometry.finite_noise, "finite-noise contrast")]
    together = np.concatenate([column for column, _ in values])
    if np.ptp(together) < _SPREAD:
        return None
    figure, ((axes,),) = subplots(width=WIDTH, height=2.4)
    edges = np.histogram_bin_edges(together, bins=min(60, max(10, int(np.sqrt(len(kept))))))
    for index, (column, name) in enumerate(values):
        line = {"histtype": "stepfilled", "alpha": 0.45} if index == 0 else {"histtype": "step", "linestyle": "--"}
        axes.hist(column, bins=edges, color=PALETTE[index], label=name, **line)  # type: ignore[arg-type]
    if len(kept):
        axes.axvline(float(np.mean(kept)), color=INK, linewidth=0.8, label="mean contrast")
    axes.set_xlabel("nat")
    axes.set_ylabel("points")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def heat_map(geometry: Geometry) -> Figure:
    """Mean absolute correlation of columns; numbers in the cells of up to 16 latents."""
    matrix = geometry.correlation
    d = len(matrix)
    side = min(WIDTH, 1.4 + 0.36 * min(d, _MOST_LABELLED))
    figure, ((axes,),) = subplots(width=side + 0.7, height=side)
    # From transparent to blue: the page's own background is the zero, in light and in dark.
    fill = LinearSegmentedColormap.from_list("fill", [(0.35, 0.55, 0.75, 0.05), (0.35, 0.55, 0.75, 1.0)])
    shown = np.ma.masked_invalid(np.where(np.eye(d, dtype=bool), np.nan, matrix))
    drawn = axes.pcolormesh(shown, cmap=fill, vmin=0, vmax=1)
    axes.grid(False)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    step = 1 if d <= _MOST_LABELLED else max(1, d // 8)
    places = np.arange(0, d, step)
    axes.set_xticks(places + 0.5, [str(k) for k in places])
    axes.set_yticks(places + 0.5, [str(k) for k in places])
    axes.set_xlabel("latent")
    axes.set_ylabel("latent")
    if d <= _MOST_LABELLED:
        for k in range(d):
            for other in range(d):
                if k != other and np.isfinite(matrix[k, other]):
                    weight = "bold" if matrix[k, other] > ENTANGLED else "normal"
                    text = f"{matrix[k, other]:.2f}".lstrip("0") if matrix[k, other] >= 0.005 else "0"
                    axes.text(other + 0.5, k + 0.5, text, ha="center", va="center", fontsize=6, weight=weight)
    figure.colorbar(drawn, ax=axes, label="mean |cos| of columns")
    return figure


def account_bars(account: Account) -> Figure:
    """The parts at every point, stacked: positive ones upwards, negative ones downwards; the second route as dots."""
    entries = sorted(account.entries, key=lambda entry: entry.sum)
    figure, ((axes,),) = subplots(width=WIDTH, height=2.7)
    place = np.arange(len(entries))
    up, down = np.zeros(len(entries)), np.zeros(len(entries))
    for index, part in enumerate(PARTS):
        size = np.nan_to_num(np.array([getattr(entry, part) for entry in entries]))
        if not np.any(size):
            continue
        start = np.where(size >= 0, up, down)
        axes.bar(place, size, bottom=start, width=0.85, color=PALETTE[index], hatch=_HATCHES[index], linewidth=0)
        axes.bar(0, 0, color=PALETTE[index], hatch=_HATCHES[index], label=PART_NAMES[part])
        up, down = up + np.maximum(size, 0), down + np.minimum(size, 0)
    total = np.array([entry.total for entry in entries])
    error = np.array([entry.total_error for entry in entries])
    # Ink of the text, which follows the page.
    axes.errorbar(
        place, total, yerr=error, fmt="o", markersize=2, linewidth=0.8, color=INK, label="measured again", zorder=3
    )
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xticks([])
    axes.set_xlabel("points, by the size of their gap")
    axes.set_ylabel("log p − ELBO (nat)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def regime_plot(regime: dict, eps: float, label: str = "noise variance ε") -> Figure:
    """Mean abs(gap - contrast) against eps: predicted (by a1, or by the rate at kinks), measured, and the tolerance."""
    figure, ((axes,),) = subplots(width=WIDTH, height=2.4)
    checks = [regime["own"], *regime["checks"]]
    at = np.array([check["noise_var"] for check in checks])
    kinked = regime["rate"] == "1/gamma"
    span = np.geomspace(min([*at, eps]) / 3, max([*at, eps]) * 3, 50)
    predicted = regime["tolerance"] * (span / regime["predicted"]) ** (0.5 if kinked else 1.0)
    axes.plot(span, predicted, label="predicted: rate 1/γ" if kinked else "predicted: mean |a₁| ε")
    kept = [check for check in checks if check["deviation"] is not None]
    axes.plot(
        [check["noise_var"] for check in kept],
        [check["deviation"] for check in kept],
        "s",
        color=PALETTE[1],
        label="measured",
    )
    axes.axhline(regime["tolerance"], color=INK, linestyle="--", linewidth=0.8, label="tolerance")
    axes.axvline(eps, color=PALETTE[2], linestyle=":", label="this model")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("mean |gap − contrast| (nat)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def strips(images: Float[np.ndarray, "rows n H W C"], alts: Sequence[str]) -> tuple[list[Markup], bool]:
    """One `<img>` a row, its images side by side; and whether values had to be rescaled to [0, 1]."""
    from matplotlib.image import imsave

    low, high = float(np.min(images)), float(np.max(images))
    rescaled = low < -0.05 or high > 1.05
    shown = (images - low) / (high - low) if rescaled and high > low else np.clip(images, 0, 1)
    scale = max(1, min(_PIXEL, 96 // max(images.shape[2:4])))
    rows = []
    for alt, row in zip(alts, shown, strict=True):
        strip = np.concatenate([np.pad(image, ((0, 0), (0, 1), (0, 0)), constant_values=1.0) for image in row], axis=1)
        strip = np.repeat(np.repeat(strip, scale, axis=0), scale, axis=1)
        stream = io.BytesIO()
        with style():
            imsave(stream, np.repeat(strip, 3, axis=2) if strip.shape[2] == 1 else strip, format="png")
        data = base64.b64encode(stream.getvalue()).decode()
        rows.append(
            Markup(
                '<img src="data:image/png;base64,{}" alt="{}" style="max-width:100%;image-rendering:pixelated">'
            ).format(data, alt)
        )
    return rows, rescaled
