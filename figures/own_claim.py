"""The figure `convergence` of claims of one's own: every instance on its predicted line, and its numbers as CSV."""

from __future__ import annotations

from pathlib import Path

from ..errors import RequestError
from ..proofs_checks.loading import claims_in
from ..proofs_checks.statements import Expansion
from ..proofs_checks.verify import verify
from ..report.style import Look, style
from ..shell.files import write_by_rename


def claim_figures(name: str, effort: str, seed: int, folder: Path, formats: list[str], look: Look) -> list[Path]:
    """Draw the last law of convergence of each claim in FILE.py[:NAME]; the paths.

    RequestError if none of them has such a law, or none could be measured.
    """
    claims = [claim for claim in claims_in(name) if any(isinstance(one, Expansion) for one in claim.statements)]
    if not claims:
        raise RequestError(f"--claim: expected a claim with a law of convergence, got none in {name}")
    report = verify(claims, effort=effort, seed=seed)
    written = []
    for claim in claims:
        if not report.laws[claim.id]:
            raise RequestError(f"--claim: {report.result(claim.id).reason}")
        with style(look):
            figure = report.plot(claim.id)
            for suffix in formats:
                path = folder / f"convergence-{claim.id}.{suffix}"
                figure.savefig(path, format=suffix, metadata={"CreationDate": None} if suffix == "pdf" else None)
                written.append(path)
        written.append(write_by_rename(folder / f"convergence-{claim.id}.csv", report.table(claim.id).csv()))
    return written
