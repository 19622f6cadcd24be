r"""Headline numbers as LaTeX macros: \elbogapOrder{elbo-limit} gives 1.000 in a paper that reads the file.

\elbogapVerdict, \elbogapOrder, \elbogapConstantError, \elbogapRemainder, \elbogapInstances, \elbogapRejected and
\elbogapPlanted take a claim's id; \elbogapClaims and \elbogapHolding count all. An id that is not in the file is an
error of LaTeX, never an empty place.
"""

from __future__ import annotations

from typing import Any

from .report import Report

_KINDS = ("Verdict", "Order", "ConstantError", "Remainder", "Instances", "Rejected", "Planted")


def macros_text(report: Report) -> str:
    """The file: one definition a claim and number, and the macros that look them up."""
    lines = [rf"% elbogap verify, seed {report.seed}, effort {report.effort}"]
    for kind in _KINDS:
        error = rf"\errmessage{{elbogap: no {kind} of claim #1}}"
        lookup = rf"\ifcsname elbogap@{kind}@#1\endcsname\csname elbogap@{kind}@#1\endcsname\else{error}\fi"
        lines.append(rf"\newcommand{{\elbogap{kind}}}[1]{{{lookup}}}")
    document = report.document()
    for claim in document["claims"]:
        for kind, value in _numbers(claim).items():
            lines.append(rf"\expandafter\def\csname elbogap@{kind}@{claim['id']}\endcsname{{{value}}}")
    held = sum(claim["verdict"] == "holds" for claim in document["claims"])
    lines += [
        rf"\newcommand{{\elbogapClaims}}{{{len(document['claims'])}}}",
        rf"\newcommand{{\elbogapHolding}}{{{held}}}",
    ]
    return "\n".join([*lines, ""])


def _numbers(claim: dict[str, Any]) -> dict[str, str]:
    laws = claim["evidence"]["measured"].get("laws", [])
    last: dict[str, Any] = next((law for law in reversed(laws) if law.get("order") is not None), {})
    found = {
        "Verdict": claim["verdict"],
        "Instances": str(sum(len(law["instances"]) for law in laws)),
        "Rejected": str(sum(control["rejected"] for control in claim["controls"])),
        "Planted": str(len(claim["controls"])),
    }
    shown = {"Order": ("order", "{:.3f}"), "Remainder": ("remainder_order", "{:.2f}")}
    found |= {kind: form.format(last[key]) for kind, (key, form) in shown.items() if last.get(key) is not None}
    if last.get("constant_error"):
        digits, exponent = f"{last['constant_error']:.1e}".split("e")
        found["ConstantError"] = rf"\ensuremath{{{digits} \cdot 10^{{{int(exponent)}}}}}"
    return found
