"""What `elbogap.audit` returns: the findings, and the pages and files made of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..shell.files import write_all
from .account import PARTS, Account
from .findings import Findings
from .pages.terminal import plain_text


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

    def write(self, folder: Path) -> list[Path]:
        """Write report.html, audit.json and the CSV files into an existing folder; their paths."""
        from .pages.page import html  # matplotlib is loaded only where a page is written

        files = {"report.html": html(self), "audit.json": self.to_json() + "\n", "points.csv": points_csv(self)}
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
