"""The tables of the README, printed from what they show: `python docs/readme_tables.py REPORT.json`.

REPORT.json is what `elbogap verify --out DIR` writes (or `verify --json` prints): the excerpt is a row of it, set in
columns that fit a page. The table of the paper's theorems comes from the registry of claims. Tests compare both with
the README.
"""

from __future__ import annotations

import json
import sys
import textwrap
from itertools import zip_longest
from pathlib import Path
from typing import Any

SHOWN = "elbo-limit"
"""The claim whose row the README shows."""
WIDTHS = {"derived": 36, "measured": 36, "enclosed": 36, "trained": 22}
"""Characters at which the words of each kind of evidence are wrapped."""
_ABOUT = {
    "Proposition 1": "Reizinger et al. 2022, Proposition 1 (self-consistency)",
    "Theorem 1": "Reizinger et al. 2022, Theorem 1 (the ELBO's limit)",
    "Gresele et al. 2021, 4.4": "Gresele et al. 2021, 4.4 (the IMA contrast)",
}


def excerpt(document: dict[str, Any], name: str = SHOWN) -> str:
    """The row of one claim of a verify document, under the heads of its columns."""
    (claim,) = (one for one in document["claims"] if one["id"] == name)
    rejected = sum(control["rejected"] for control in claim["controls"])
    columns = {"claim": [claim["id"], claim["paper"]], "verdict": [claim["verdict"]]}
    for kind, wide in WIDTHS.items():
        found = claim["evidence"][kind]
        columns[kind] = [found["verdict"], *textwrap.wrap(found["summary"], wide)]
    columns["controls rejected"] = [f"{rejected} / {len(claim['controls'])}"]
    rows = [list(columns), *map(list, zip_longest(*columns.values(), fillvalue=""))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"    {line}".rstrip() for line in lines)


def theorems() -> str:
    """The paper's theorems, the claims that judge them, and the files of each."""
    from elbogap.proofs_checks.registry import CLAIMS

    lines = ["| in the paper | claims | derivation | laws and controls |", "|---|---|---|---|"]
    named = ""
    for claim in sorted((one for one in CLAIMS.values() if one.paper), key=lambda one: list(_ABOUT).index(one.paper)):
        about = _ABOUT[claim.paper] if claim.paper != named else ""
        named, file = claim.paper, f"claims/{claim.id.replace('-', '_')}.py"
        cells = f"`{claim.id}` | [theory](theory/{file}) | [proofs_checks](proofs_checks/{file}) |"
        lines.append(f"| {about} | {cells}" if about else f"| | {cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(excerpt(json.loads(Path(sys.argv[1]).read_text())) + "\n\n" + theorems())
