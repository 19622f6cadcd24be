"""What `elbogap.audit` returns: the findings, and the pages and files made of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..shell.files import write_all
from .account import PARTS, Account
from .findings import Findings
from .pages.terminal import plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOGGED = ("contrast", "gap", "regime", "fit", "weights", "entropies", "collapse")


class AuditReport(Findings):
    """Everything that an audit found, with its text, its JSON document and its files."""

    def to_json(self) -> str:
        """`document` as JSON."""
        return json.dumps(self.document, indent=1, allow_nan=False)

    def text(self) -> str:
        """The page for a terminal, as plain text."""
        return plain_text(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """Findings and account as a notebook shows them."""
        from .pages.page import fragment

        return fragment(self)

    def scalars(self) -> dict[str, float]:
        """Every single number of the document by its path, such as "gap/parts/contrast/mean": for any logger.

        With the counts of inactive and entangled latents, and what the best rotation saves; what is undefined is left
        out.
        """
        document = self.document
        found = _scalars({key: document[key] for key in _LOGGED})
        found |= {f"{key}/count": float(len(document[key])) for key in ("inactive", "entangled", "alarms")}
        saved = [rotation.saving for rotation in self.rotations]
        return found | ({"rotations/best_saving": float(saved[0])} if saved else {})

    def plot(self, what: str = "gap") -> Figure:
        """A Matplotlib figure: "gap" (its parts at every point), "contrast", "correlation" or "regime".

        Raises RequestError for another name, and where the audit has no such part.
        """
        from ..report.style import style
        from .pages import plots

        with style():
            drawn = plots.named(self, what)
        return drawn

    def write(self, folder: Path) -> list[Path]:
        """Write report.html, audit.json and the CSV files into an existing folder; their paths."""
        from .pages.page import html  # matplotlib is loaded only where a page is written

        files = {"report.html": html(self), "audit.json": self.to_json() + "\n", "points.csv": points_csv(self)}
        files["latents.csv"] = latents_csv(self)
        if self.account and self.account.entries:
            files["account.csv"] = account_csv(self.account)
        return write_all(folder, files)


def points_csv(findings: Findings) -> str:
    """The geometry, one row a point: index, contrasts, z, lengths of columns."""
    d = findings.model.latent_dim
    header = ["index", "contrast", "finite_noise_contrast"]
    header += [f"z{k}" for k in range(d)] + [f"column_norm{k}" for k in range(d)]
    found = findings.geometry
    rows = zip(findings.indices, found.contrast, found.finite_noise, found.points, found.norms, strict=True)
    return _csv(header, ([i, c, n, *z, *norms] for i, c, n, z, norms in rows))


def latents_csv(findings: Findings) -> str:
    """One row a latent: whether it is active, its column, its posterior, and the encoder's, where there is one."""
    d, encoder = findings.model.latent_dim, findings.consistency
    columns = {
        "latent": np.arange(d),
        "active": np.isin(np.arange(d), findings.inactive, invert=True).astype(int),
        "median_column_norm": np.median(findings.geometry.norms, axis=0),
        "posterior_share": findings.posterior_share,
    }
    if encoder is not None:
        names = ("mean_offset", "std_ratio", "best_offset", "formula_ratio", "divergence")
        columns |= {name: getattr(encoder, name) for name in names}
    columns |= {f"correlation{k}": findings.geometry.correlation[:, k] for k in range(d)}
    return _csv(list(columns), zip(*columns.values(), strict=True))


def _scalars(value: Any, path: str = "") -> dict[str, float]:
    """The numbers of nested dictionaries, by path; lists and words are left out."""
    if isinstance(value, dict):
        found: dict[str, float] = {}
        for key, item in value.items():
            found |= _scalars(item, f"{path}/{key}" if path else str(key))
        return found
    return {path: float(value)} if isinstance(value, bool | int | float) else {}


def account_csv(account: Account) -> str:
    """The account of the gap, one row a point."""
    names = {"index": "point", "log_likelihood": "log_likelihood"} | {part: part for part in PARTS}
    names |= {"a1": "a1", "sum": "sum", "error": "error"}
    names |= {"measured_again": "total", "measured_again_error": "total_error"}
    return _csv(list(names), ([getattr(entry, name) for name in names.values()] for entry in account.entries))


def _csv(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{float(v):.10g}" if isinstance(v, float | np.floating) else v for v in row] for row in rows)
    return stream.getvalue()
