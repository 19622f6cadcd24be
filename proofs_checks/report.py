"""The outcome of a run as data: the JSON document, the numbers as CSV, and how they reach the disk.

The JSON document has `version` 1; docs/report-schema.md says what is in it, and `report.verification` makes a page of
it. Files are written beside their target and renamed into place: an interrupted run leaves no half-written file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..shell.files import write_all
from .batch import Batch
from .claim import ClaimResult
from .laws import ConvergenceLaw, LawResult
from .verdict import KINDS

DOCUMENT_VERSION = 1
LARGEST_SERIES = 6


@dataclass(frozen=True)
class Report:
    """Everything a run found."""

    seed: int
    effort: str
    results: tuple[ClaimResult, ...]
    laws: dict[str, tuple[LawResult, ...]]
    batches: tuple[Batch, ...]
    certificate: str | None = None
    programs: int = 0

    @property
    def planted(self) -> int:
        """How many controls were planted."""
        return sum(len(result.controls) for result in self.results)

    @property
    def rejected(self) -> int:
        """How many controls were rejected."""
        return sum(control.rejected for result in self.results for control in result.controls)

    @property
    def false_alarm(self) -> float:
        """A bound on the probability that a true claim was rejected by chance: the union over all laws."""
        return sum(law.law.false_alarm for laws in self.laws.values() for law in laws)

    @property
    def holds(self) -> bool:
        """Whether every claim asked for holds."""
        return all(result.verdict == "holds" for result in self.results)

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return {
            "version": DOCUMENT_VERSION,
            "seed": self.seed,
            "effort": self.effort,
            "versions": {name: version(name) for name in ("elbogap", "jax", "sympy", "numpy", "scipy")},
            "environment": environment(),
            "false_alarm": self.false_alarm,
            "programs": self.programs,
            "decoders": sum(len(batch.instances) for batch in self.batches),
            "claims": [_claim_document(result) for result in self.results],
            "controls": {"planted": self.planted, "rejected": self.rejected},
        }

    def to_json(self) -> str:
        """The JSON document as text; numbers that JSON has no name for become null."""
        return json.dumps(_finite(self.document()), indent=1, ensure_ascii=False)

    def laws_csv(self) -> str:
        """One line for each claim, law and instance."""
        header = ["claim", "law", "family", "d", "D", "prior", "verdict", "reason", *FIGURES]
        rows = (
            [claim, law.name, *row.values(), instance.verdict, instance.reason]
            + [_number(instance.figures.get(figure)) for figure in FIGURES]
            for claim, laws in self.laws.items()
            for law in laws
            for i, instance in enumerate(law.rows)
            for row in [law.law.instances.row(i)]
        )
        return _csv(header, rows)

    def gaps_csv(self) -> str:
        """One line for each instance and noise variance of the shared table of gaps."""
        header = ["family", "d", "D", "prior", "instance", "eps", "log_likelihood", "log_likelihood_error"]
        header += ["elbo", "gap", "gap_error", "contrast"]
        return _csv(header, (row for batch in self.batches for row in batch.csv_rows()))

    def controls_csv(self) -> str:
        """One line for each control: whether it was rejected, and by what."""
        rows = (
            [result.claim.id, control.id, control.statement, control.rejected, control.by]
            for result in self.results
            for control in result.controls
        )
        return _csv(["claim", "control", "statement", "rejected", "by"], rows)

    def write(self, folder: Path) -> list[Path]:
        """Write report.json, report.html, the numbers as CSV, and the certificate if there is one; the paths."""
        from ..report.verification import render

        document = self.to_json()
        texts = {"report.json": document, "report.html": render(json.loads(document))}
        texts |= {"laws.csv": self.laws_csv(), "gaps.csv": self.gaps_csv(), "controls.csv": self.controls_csv()}
        if self.certificate is not None:
            texts["enclosure-certificate.json"] = self.certificate
        return write_all(folder, texts)


FIGURES = (
    "predicted_constant",
    "order",
    "order_half_width",
    "constant",
    "constant_half_width",
    "constant_error",
    "remainder_order",
    "difference",
    "tolerance",
    "eps_min",
    "eps_max",
)


def _claim_document(result: ClaimResult) -> dict[str, Any]:
    evidence = {}
    for kind in KINDS:
        found = result.evidence[kind]
        evidence[kind] = {"verdict": found.verdict, "summary": found.summary, **found.details}
    return {
        "id": result.claim.id,
        "title": result.claim.title,
        "statement": result.claim.statement,
        "latex": result.claim.latex,
        "paper": result.claim.paper,
        "source": result.claim.source,
        "assumptions": list(result.claim.assumptions),
        "verdict": result.verdict,
        "evidence": evidence,
        "controls": [vars(control) for control in result.controls],
    }


def law_document(result: LawResult) -> dict[str, Any]:
    """One law of the measured evidence: predicted and observed order and constant, and its instances."""
    law = result.law
    document: dict[str, Any] = {"name": result.name, "verdict": result.verdict, "summary": result.summary}
    document["false_alarm"] = law.false_alarm
    if isinstance(law, ConvergenceLaw):
        order = result.spread("order")
        document |= {
            "predicted_order": law.order,
            "order": order[1] if order else None,
            "interval": [order[0], order[2]] if order else None,
            "predicted_constant": _middle(result, "predicted_constant"),
            "constant": _middle(result, "constant"),
            "constant_error": (result.spread("constant_error") or (None,))[-1],
            "remainder_order": _middle(result, "remainder_order"),
        }
        document["series"] = series(law)
    document["instances"] = [
        {**law.instances.row(i), "verdict": row.verdict, "reason": row.reason, **row.figures}
        for i, row in enumerate(result.rows)
    ]
    return document


def series(law: ConvergenceLaw) -> list[dict[str, Any]]:
    """What a plot of the law needs: eps, difference (measured - limit), floor and the predicted constant.

    For one instance of each family and size, at most `LARGEST_SERIES` of them.
    """
    rows = [law.instances.row(i) for i in range(len(law.instances))]
    first = {(row["family"], row["d"]): i for i, row in reversed(list(enumerate(rows)))}
    return [
        rows[i]
        | {name: [_short(value) for value in values] for name, values in curves.items()}
        | {"constant": _short(law.constant[i])}
        for i in sorted(first.values())[:LARGEST_SERIES]
        for curves in [{"eps": law.eps, "difference": law.difference[i], "floor": law.floor[i]}]
    ]


def environment() -> dict[str, Any]:
    """The kind of machine: Python, system, processor architecture, number of cores."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def _short(value: float) -> float:
    """Six significant digits: what a plot can show."""
    return float(f"{float(value):.6g}")


def _middle(result: LawResult, figure: str) -> float | None:
    spread = result.spread(figure)
    return spread[1] if spread else None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _csv(header: list[str], rows: Iterator[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
