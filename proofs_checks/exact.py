"""Derived and enclosed evidence: what needs no JAX, worked out in a process of its own beside the measurements.

SymPy and ball arithmetic then use one core, JAX the other. The process is a fresh interpreter (never a fork: JAX has
threads). Proofs depend on nothing but their sources and libraries: verdicts of derivations are kept by the hash of
theory's sources, what ball arithmetic found by that of the enclosures' sources as well (a certificate is always made
anew). Without python-flint the enclosures are `not installed`, with the hint.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..shell import children
from ..shell.cache import collect_rarely
from ..shell.files import hash_of_sources
from ..shell.kept import keep, read_kept
from .claim import ControlOutcome, Evidence

STEP_TIME_LIMIT = 60.0
"""Seconds that one SymPy call may take; the slowest core step takes a tenth of it."""

DECIDED = ("holds", "fails")
"""The verdicts of ball arithmetic that are kept."""


@dataclass(frozen=True)
class Enclosed:
    """What ball arithmetic proved: the evidence, the false statements that it refuted, and the certificate."""

    evidence: Evidence
    controls: tuple[ControlOutcome, ...] = ()
    certificate: str | None = None


class ExactEvidence:
    """A running request for the verdicts on `derivations`, and for what ball arithmetic proves of `enclosed` claims."""

    def __init__(
        self,
        derivations: Sequence[str],
        enclosed: Sequence[str],
        effort: str,
        *,
        certificate: bool = False,
        cache_dir: Path | None = None,
    ) -> None:
        request = {
            "derivations": list(derivations),
            "time_limit": STEP_TIME_LIMIT,
            "enclosed": list(enclosed),
            "effort": effort,
            "certificate": certificate,
            "cache": str(cache_dir) if cache_dir else None,
        }
        self._process = children.begin(f"from {__name__} import serve; serve()", json.dumps(request))

    def wait(self) -> tuple[dict[str, Evidence], dict[str, Enclosed]]:
        """The derived evidence and what was enclosed, by claim id."""
        answer = json.loads(children.finish(self._process))
        derived = {verdict["id"]: derived_from(verdict) for verdict in answer["derived"]}
        return derived, {claim: _enclosed(found) for claim, found in answer["enclosed"].items()}

    def cancel(self) -> None:
        """Stop the process if it still runs."""
        children.stop(self._process)


def serve() -> None:
    """Answer the request in the first argument on standard output (run by `ExactEvidence`)."""
    from ..theory.verdicts import run_all

    collect_rarely()
    request = json.loads(sys.argv[1])
    verdicts = run_all(request["derivations"], request["time_limit"], request["cache"])
    kept = Path(request["cache"]) if request["cache"] else None
    enclosed = _all_enclosed(request["enclosed"], request["effort"], request["certificate"], kept)
    json.dump({"derived": [asdict(verdict) for verdict in verdicts.values()], "enclosed": enclosed}, sys.stdout)


def _all_enclosed(
    claims: Sequence[str], effort: str, certified: bool, folder: Path | None
) -> dict[str, dict[str, Any]]:
    """The enclosed evidence by claim id; without python-flint it is `not installed`, with the hint."""
    found: dict[str, dict[str, Any]] = {}
    try:
        from ..enclosures.certificate import written
        from ..enclosures.proofs import certificate
        from ..enclosures.rows import CERTIFIED

        for claim in claims:
            found[claim] = _proved(claim, effort, folder)
            found[claim]["certificate"] = written(certificate(effort)) if certified and claim == CERTIFIED else None
    except ImportError as error:
        missing = {"verdict": "not installed", "hint": str(error), "instances": [], "controls": []}
        return dict.fromkeys(claims, missing)
    return found


def _proved(claim: str, effort: str, folder: Path | None) -> dict[str, Any]:
    """What ball arithmetic finds for a claim: kept in `folder`, if its verdict is one that another run would find."""
    from ..enclosures.rows import evidence_of

    path = folder / f"enclosed-{claim}-{effort}-{_made_from()}.json" if folder else None
    found = read_kept(path, _complete) if path else None
    if found is None:
        found = asdict(evidence_of(claim, effort))
        if path and found["verdict"] in DECIDED:
            keep(path, json.dumps(found))
    return found


def _complete(content: bytes) -> dict[str, Any]:
    """A kept finding; ValueError if it is none, or has no verdict that is kept."""
    found = json.loads(content)
    controls = [ControlOutcome(**control) for control in found["controls"]]
    if found["verdict"] not in DECIDED or not found["instances"] or not controls:
        raise ValueError(f"expected intervals and controls with a verdict among {', '.join(DECIDED)}")
    return found


def _made_from() -> str:
    """Hash of what an enclosure depends on: sources, python-flint, SymPy."""
    import flint

    from ..theory.verdicts import source_hash

    made_from = f"{flint.__version__} {source_hash()} {hash_of_sources('enclosures')}"
    return hashlib.sha256(made_from.encode()).hexdigest()[:24]


def derived_from(verdict: dict[str, Any]) -> Evidence:
    """The derived evidence of a verdict on a derivation, as it is kept in JSON; its times are left out.

    A report says what was found, so that one seed gives the same bytes whatever was kept and however busy the machine.
    """
    verdict = verdict | {"steps": [{k: step[k] for k in ("status", "rule", "detail")} for step in verdict["steps"]]}
    statuses = [step["status"] for step in verdict["steps"]]
    counts = {name: statuses.count(name) for name in ("proved", "refuted", "evaluated", "timed out", "argued")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if counts["refuted"]:
        return Evidence("fails", summary, verdict)
    # Steps that are argued in words are said to be so; they do not make or break the machine's verdict.
    checked = counts["proved"] and not counts["evaluated"] and not counts["timed out"]
    return Evidence("holds" if checked else "inconclusive", summary, verdict)


def _enclosed(found: dict[str, Any]) -> Enclosed:
    controls = tuple(ControlOutcome(**control) for control in found["controls"])
    summary = found.get("hint") or f"{len(found['instances'])} intervals"
    evidence = Evidence(found["verdict"], summary, {"instances": found["instances"]})
    return Enclosed(evidence, controls, found.get("certificate"))
