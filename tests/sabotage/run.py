"""Make each wrong edit in a copy of the package and see whether `elbogap verify` notices: python tests/sabotage/run.py.

Prints one line an edit, with what noticed it; exits with 1 if one goes unnoticed. Takes about half an hour on two
cores, most of it compiling what the edits in numerics changed. `--only theory` or `--only numerics` runs half of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from edits import NUMERICS, THEORY, Edit

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", ".*", "tests", "docs", "lessons", "examples", "benchmarks", "*.egg-info"
)


def noticed(edit: Edit, cache: Path) -> str:
    """What noticed the edit: claim, kind of evidence and reason; "" if nothing did."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "elbogap"
        shutil.copytree(ROOT, package, ignore=LEFT_OUT)
        path = package / edit.file
        text = path.read_text()
        if text.count(edit.true) != 1:
            raise ValueError(f"{edit.file}: expected {edit.true!r} once, got {text.count(edit.true)} times")
        path.write_text(text.replace(edit.true, edit.false))
        environment = os.environ | {"PYTHONPATH": folder, "ELBOGAP_CACHE_DIR": str(cache)}
        code = "from elbogap.cli import main; main()"
        command = [sys.executable, "-c", code, "verify", "--json", *edit.claims]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=folder)
    if done.returncode == 0:
        return ""
    if done.returncode != 1 or not done.stdout.strip():
        return f"an error: {done.stderr.strip().splitlines()[-1][:120]}"
    return describe(json.loads(done.stdout))


def describe(document: dict) -> str:
    """The kinds of evidence that do not hold, with the first reason, and how many controls survived."""
    found = []
    for claim in document["claims"]:
        for kind, evidence in claim["evidence"].items():
            if evidence["verdict"] in ("fails", "inconclusive"):
                reason = evidence.get("reason") or evidence["summary"]
                found.append(f"{claim['id']} {kind} {evidence['verdict']}: {reason[:100]}")
        survived = sum(not control["rejected"] for control in claim["controls"])
        found += [f"{claim['id']}: {survived} controls survived"] * bool(survived)
    return "; ".join(found)


def main() -> int:
    """Run the edits; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("theory", "numerics"))
    only = parser.parse_args().only
    edits = [*(THEORY if only != "numerics" else ()), *(NUMERICS if only != "theory" else ())]
    missed = 0
    with tempfile.TemporaryDirectory() as cache:
        for number, edit in enumerate(edits, 1):
            what = noticed(edit, Path(cache))
            missed += not what
            print(
                f"{number:2d} {edit.file}: {edit.false.strip().splitlines()[0][:60]}\n   {what or 'NOT NOTICED'}",
                flush=True,
            )
    print(f"{len(edits) - missed} of {len(edits)} wrong edits noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
