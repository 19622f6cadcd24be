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
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RequestError
from ..shell.files import write_all
from .claim import Claim, ClaimResult
from .instances import Rows
from .laws import ConvergenceLaw, LawResult
from .mean_law import MeanLaw
from .statements import Expansion
from .verdict import KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .batch import Batch
    from .convergence_table import ConvergenceTable

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
            "uses": self._uses(),
            "controls": {"planted": self.planted, "rejected": self.rejected},
        }

    def _uses(self) -> list[dict[str, Any]]:
        """Which claim takes how many steps of its derivation from which: the arrows of the map."""
        derived = [result.claim for result in self.results if result.claim.derivation]
        if len(derived) < 2:
            return []
        from .claim_map import uses

        return [{"from": a, "to": b, "steps": count} for (a, b), count in uses(derived).items()]

    def to_json(self) -> str:
        """The JSON document as text; numbers that JSON has no name for become null."""
        return json.dumps(_finite(self.document()), indent=1, ensure_ascii=False)

    def laws_csv(self) -> str:
        """One line for each claim, law and instance."""
        described = [
            law.law.instances.row(i) for laws in self.laws.values() for law in laws for i in range(len(law.rows))
        ]
        names = list(dict.fromkeys(name for row in described for name in row))
        header = ["claim", "law", *names, "verdict", "reason", *FIGURES]
        rows = (
            [claim, law.name, *(row.get(name, "") for name in names), instance.verdict, instance.reason]
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

    def result(self, claim: str) -> ClaimResult:
        """The result of one claim; KeyError with the known ones if there is none."""
        for one in self.results:
            if one.claim.id == claim:
                return one
        raise KeyError(f"no claim {claim!r} in this run, expected one of {', '.join(self.laws)}")

    def has_curves(self, claim: str) -> bool:
        """Whether a claim has laws of convergence, which `table` and `plot` show."""
        return bool(self._curves(claim))

    def _own(self, claim: str) -> bool:
        return self.result(claim).claim.law is not None

    def _curves(self, claim: str) -> list[ConvergenceLaw | MeanLaw]:
        self.result(claim)
        return [one.law for one in self.laws[claim] if isinstance(one.law, ConvergenceLaw | MeanLaw)]

    def table(self, claim: str, most: int | None = None) -> ConvergenceTable:
        """Every law of convergence of a claim as a table: .text(), .csv(), .markdown(), .latex().

        most: show only so many instances of each law. RequestError if the claim has no law of convergence.
        """
        from .convergence_table import ConvergenceTable

        curves = self._curves(claim)
        if not curves:
            raise RequestError(
                f"claim {claim}: expected a law of convergence, got {', '.join(r.name for r in self.laws[claim])}"
            )
        return ConvergenceTable.of(claim, curves, most)

    def plot(self, claim: str, law: str | None = None) -> Figure:
        """The last law of convergence of a claim (or the named one), every instance, as a matplotlib figure."""
        from ..report.law_plot import law_figure

        curves = [one for one in self.laws[claim] if one.law in self._curves(claim) and law in (None, one.name)]
        if not curves:
            wanted = f"a law of convergence named {law!r}" if law else "a law of convergence"
            raise RequestError(f"claim {claim}: expected {wanted}, got {', '.join(r.name for r in self.laws[claim])}")
        statement = self._statement(claim, curves[-1].name)
        words = {"xlabel": statement.xlabel, "ylabel": statement.ylabel} if statement else {}
        return law_figure(law_document(curves[-1], most=None) | words)

    def _statement(self, claim: str, law: str) -> Expansion | None:
        found = zip(self.result(claim).claim.statements, self.laws[claim], strict=False)
        return next((one for one, result in found if result.name == law and isinstance(one, Expansion)), None)

    def __str__(self) -> str:
        """The table that the terminal shows."""
        from .terminal_report import report_text

        return report_text(self)

    def write(self, folder: Path | str) -> list[Path]:
        """Write report.json, report.html, the numbers as CSV, and the certificate if there is one; the paths.

        The folder is made if need be.
        """
        from ..report.verification import render

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        document = self.to_json()
        texts = {"report.json": document, "report.html": render(json.loads(document))}
        texts |= {"laws.csv": self.laws_csv(), "controls.csv": self.controls_csv()}
        if self.batches:
            texts["gaps.csv"] = self.gaps_csv()
        texts |= {
            f"{name}.csv": self.table(name).csv() for name in self.laws if self._own(name) and self.has_curves(name)
        }
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
    "chi_square",
    "freedom",
    "repetitions",
    "repetitions_needed",
    "difference",
    "tolerance",
    "eps_min",
    "eps_max",
)


def _claim_document(result: ClaimResult) -> dict[str, Any]:
    evidence = {}
    claim = result.claim
    for kind in KINDS:
        found = result.evidence[kind]
        evidence[kind] = {"verdict": found.verdict, "summary": found.summary, **found.details}
    laws = evidence["measured"].get("laws", [])
    for statement, document in zip(claim.statements, laws, strict=False):
        document |= {"xlabel": statement.xlabel, "ylabel": statement.ylabel}
    return {
        "id": claim.id,
        "title": claim.title,
        "statement": claim.statement,
        "latex": claim.latex,
        "paper": claim.paper,
        "source": claim.source,
        "assumptions": list(claim.assumptions),
        "verdict": result.verdict,
        "reason": result.reason,
        "instances": instances_in_words(claim, len(laws[0]["instances"]) if laws else 0),
        "target": claim.target,
        "evidence": evidence,
        "controls": [vars(control) for control in result.controls],
    }


def instances_in_words(claim: Claim, count: int) -> str:
    """What the points of a plot were measured on."""
    if claim.laws:
        return "random decoders"
    if claim.over.draw is not None:
        return f"{count} random instances ({claim.over.name})"
    return f"{count} listed cases" if count > 1 else "one case"


def law_document(result: LawResult, most: int | None = LARGEST_SERIES) -> dict[str, Any]:
    """One law of the measured evidence: predicted and observed order and constant, and its instances.

    most: how many instances have their points in it.
    """
    law = result.law
    document: dict[str, Any] = {"name": result.name, "verdict": result.verdict, "summary": result.summary}
    document["false_alarm"] = law.false_alarm
    if isinstance(law, ConvergenceLaw | MeanLaw):
        order = result.spread("order")
        document |= {
            "predicted_order": law.along.sign * law.order,
            "log_power": law.log_power,
            "along": law.along.name,
            "grows": law.along.grows,
            "order": order[1] if order else None,
            "interval": [order[0], order[2]] if order else None,
            "predicted_constant": _middle(result, "predicted_constant"),
            "constant": _middle(result, "constant"),
            "constant_error": (result.spread("constant_error") or (None,))[-1],
            "remainder_order": _middle(result, "remainder_order"),
        }
        if isinstance(law, MeanLaw):
            document["floor"] = "standard error"
            document["repetitions"] = max(means.count for means in law.means)
        document["series"] = series(law, most)
    document["instances"] = [
        {**law.instances.row(i), "verdict": row.verdict, "reason": row.reason, **row.figures}
        for i, row in enumerate(result.rows)
    ]
    return document


def series(law: ConvergenceLaw | MeanLaw, most: int | None = LARGEST_SERIES) -> list[dict[str, Any]]:
    """What a plot of the law needs: eps, difference (measured - limit), floor and the predicted constant.

    For one instance of each family and size, at most `most` of them.
    """
    rows = [law.instances.row(i) for i in range(len(law.instances))]
    if isinstance(law.instances, Rows):
        first = {law.instances.label(i): i for i in reversed(range(len(rows)))}
        rows = [{"label": label} for label, _ in sorted(first.items(), key=lambda item: item[1])]
        chosen = sorted(first.values())
        described = dict(zip(chosen, rows, strict=True))
    else:
        chosen = sorted({(row["family"], row["d"]): i for i, row in reversed(list(enumerate(rows)))}.values())
        described = {i: rows[i] for i in chosen}
    return [
        described[i]
        | {name: [_short(value) for value in values] for name, values in curves.items()}
        | {"constant": _short(law.constant[i])}
        for i in chosen[:most]
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
