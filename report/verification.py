"""The report of `verify` as one HTML page, made of its JSON document alone (docs/report-schema.md).

A matrix claim by kind of evidence, then a section a claim: statement, assumptions, evidence, the convergence plot, the
controls with what rejected each, the derivation folded away, the command that reproduces it; at the end environment and
seed. The derivation's formulas come from `theory` by the claim's id, if its steps are those that the document judged.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from ..shell.typography import typeset
from ..theory.proof.derivation import DerivationVerdict, StepVerdict
from ..theory.registry import DERIVATIONS
from ..theory.render import explain_mathml
from .law_plot import law_plot
from .map_drawing import Node, drawn
from .page import csv_link, fragment, mathml, page, table
from .schema import KINDS, check

_WORDS = {"n/a": "none", "not installed": "none"}
_OPERATOR = re.compile(r"(<mi>(?:log|det|exp)</mi>)(?=<m(?!o))")  # latex2mathml leaves no space after a function
_DISPLAYED = re.compile(r'<math[^>]*display="block".*?</math>', re.DOTALL)


def render(document: dict[str, Any]) -> str:
    """The page of a verify document; RequestError if it is not one of this version."""
    check(document)
    claims = document["claims"]
    held = sum(claim["verdict"] == "holds" for claim in claims)
    body = fragment(
        "verification.html",
        document=document,
        held=held,
        summary=_summary(claims),
        matrix=_matrix(claims),
        map=_map(document),
        sections=[_section(claim, document) for claim in claims],
        environment=_environment(document),
    )
    toc = (
        [("matrix", "Summary")]
        + [(claim["id"], typeset(claim["title"])) for claim in claims]
        + [("environment", "Environment")]
    )
    return page(f"elbogap: {held} of {len(claims)} claims hold", body, toc=toc)


def _matrix(claims: list[dict[str, Any]]) -> Markup:
    shown = [kind for kind in KINDS if any(claim["evidence"][kind]["verdict"] != "n/a" for claim in claims)]
    rows = [
        [
            Markup('<a href="#{0}">{0}</a>').format(claim["id"]),
            badge(claim["verdict"]),
            *(badge(claim["evidence"][kind]["verdict"]) for kind in shown),
            f"{sum(control['rejected'] for control in claim['controls'])} of {len(claim['controls'])}",
        ]
        for claim in claims
    ]
    heads = ["claim", "verdict", *shown, "controls rejected"]
    return table(heads, rows, caption="Claim by kind of evidence") + csv_link(heads, rows, "claims.csv")


def _summary(claims: list[dict[str, Any]]) -> Markup:
    """What a reader wants first: what does not hold, what the rest stands on, and what is argued in words only."""
    steps = [step for claim in claims for step in claim["evidence"]["derived"].get("steps", [])]
    laws = [law for claim in claims for law in claim["evidence"]["measured"].get("laws", [])]
    stands = {kind: sum(claim["evidence"][kind]["verdict"] == "holds" for claim in claims) for kind in KINDS}
    return fragment(
        "summary.html",
        held=sum(claim["verdict"] == "holds" for claim in claims),
        claims=claims,
        open=[claim for claim in claims if claim["verdict"] != "holds"],
        proved=sum(step["status"] == "proved" for step in steps),
        laws=len(laws),
        instances=sum(len(law["instances"]) for law in laws),
        stands=stands,
        argued=[(claim["id"], count) for claim in claims if (count := _argued(claim))],
    )


def _argued(claim: dict[str, Any]) -> int:
    return sum(step["status"] == "argued" for step in claim["evidence"]["derived"].get("steps", []))


def _map(document: dict[str, Any]) -> Markup:
    """Which claim uses which; "" where no two share steps."""
    uses = document.get("uses", [])
    ids = {claim["id"] for claim in document["claims"]}
    arrows = {(one["from"], one["to"]): one["steps"] for one in uses if {one["from"], one["to"]} <= ids}
    if not arrows:
        return Markup("")
    nodes = [
        Node(
            claim["id"],
            claim["title"],
            tuple(kind for kind in KINDS if claim["evidence"][kind]["verdict"] not in ("n/a", "not installed")),
        )
        for claim in document["claims"]
    ]
    return Markup(drawn(nodes, arrows))


def badge(verdict: str) -> Markup:
    """A verdict in its colour; the word says it as well."""
    return Markup('<span class="{}">{}</span>').format(_WORDS.get(verdict, verdict), verdict)


def _section(claim: dict[str, Any], document: dict[str, Any]) -> Markup:
    measured = claim["evidence"]["measured"]
    laws = measured.get("laws", [])
    plotted = [law for law in laws if law.get("series") and law.get("predicted_order") is not None]
    target = claim.get("target") or claim["id"]
    instances = claim.get("instances") or "random decoders"
    return fragment(
        "claim.html",
        claim=claim,
        verdict=badge(claim["verdict"]),
        formula=mathml(claim["latex"]) if claim["latex"] else "",
        evidence=_evidence(claim),
        plot=law_plot(claim["id"], plotted[-1], instances) if plotted else "",
        plotted=plotted[-1] if plotted else None,
        instances=instances,
        summed=_rows(measured.get("table", [])),
        findings=_findings(claim["evidence"]["trained"].get("findings", [])),
        laws=_laws(laws, claim["id"]),
        controls=_controls(claim),
        derivation=derivation(claim["evidence"]["derived"]),
        command=f"elbogap verify {target} --effort {document['effort']} --seed {document['seed']}",
    )


def _evidence(claim: dict[str, Any]) -> Markup:
    each = [(kind, claim["evidence"][kind]) for kind in KINDS]
    # What a kind of evidence lacks is said where there is something to say.
    found = [(kind, one) for kind, one in each if one["verdict"] != "n/a" or one["summary"]]
    rows = [[kind, badge(one["verdict"]), typeset(one["summary"] or one.get("reason", ""))] for kind, one in found]
    return table(["evidence", "verdict", "figures"], rows)


def _rows(rows: list[dict[str, str]]) -> Markup:
    """The table that some claims make of their verdicts."""
    return table(list(rows[0]), [list(row.values()) for row in rows]) if rows else Markup("")


def _findings(findings: list[dict[str, Any]]) -> Markup:
    """What the trained models say: each statistic with its interval, the bound asked for, and its control."""
    heads = ["trained models", "runs", "not converged", "median", "from", "to", "asked", "control", "of the control"]
    rows = [
        [
            *(one["statement"], one["runs"], _not_converged(one), one["value"], one["low"], one["high"]),
            *(f"{one['direction']} {one['bound']:g}", one["control"], one["control_value"]),
        ]
        for one in findings
    ]
    return table(heads, rows) if rows else Markup("")


def _not_converged(finding: dict[str, Any]) -> int | str:
    """How many runs did not converge, where that is known."""
    count = finding.get("not_converged")
    return "not recorded" if count is None else count


def _laws(laws: list[dict[str, Any]], name: str) -> Markup:
    if not laws:
        return Markup("")
    rows = [
        [
            law["name"],
            badge(law["verdict"]),
            law.get("predicted_order"),
            law.get("order"),
            law.get("constant_error"),
            typeset(law["summary"]),
            len(law["instances"]),
        ]
        for law in laws
    ]
    heads = [
        "law",
        "verdict",
        "order, predicted",
        "order, observed",
        "constant, relative error",
        "figures",
        "instances",
    ]
    return table(heads, rows) + csv_link(heads, rows, f"{name}-laws.csv")


def _controls(claim: dict[str, Any]) -> Markup:
    if not claim["controls"]:
        return Markup("")
    rows = [
        [
            typeset(control["statement"]),
            badge("holds" if control["rejected"] else "inconclusive" if control.get("undecided") else "fails"),
            typeset(control["by"] or control.get("undecided", "")),
        ]
        for control in claim["controls"]
    ]
    said = {"holds": "rejected", "fails": "survived", "inconclusive": "undecided"}
    for row in rows:
        row[1] = Markup(re.sub(r">(holds|fails|inconclusive)<", lambda found: f">{said[found[1]]}<", str(row[1])))
    return table(["false variant", "outcome", "what rejected it"], rows)


def derivation(derived: dict[str, Any]) -> Markup:
    """The derivation with its formulas as MathML, or its rules alone if `theory` has other steps now; "" if none."""
    steps = derived.get("steps")
    if not steps:
        return Markup("")
    known = DERIVATIONS.get(derived.get("id", ""))
    current = known() if known else None
    if current is None or [step.rule for step in current.steps] != [step["rule"] for step in steps]:
        return fragment("steps.html", steps=steps)
    verdicts = (StepVerdict(s["status"], s["rule"], s.get("seconds", 0.0), s.get("detail", "")) for s in steps)
    shown = explain_mathml(current, DerivationVerdict(current.id, tuple(verdicts)))
    spaced = _OPERATOR.sub(r'\1<mspace width="0.17em"/>', shown)
    return Markup(_DISPLAYED.sub(lambda found: f'<div class="math">{found[0]}</div>', spaced))


def _environment(document: dict[str, Any]) -> Markup:
    rows = [["seed", str(document["seed"])], ["effort", document["effort"]]]
    rows += [[name, str(value)] for name, value in document["versions"].items()]
    rows += [[name, str(value)] for name, value in document.get("environment", {}).items()]
    return table(["", "value"], rows)
