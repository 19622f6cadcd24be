"""`elbogap verify` end to end, as a user runs it: every claim holds, every control is rejected, and it can fail.

The first run fills the cache of this run of the tests, the second reads it. Sabotage runs on a copy of the package.
"""

import csv
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import elbogap
import pytest

ROOT = Path(elbogap.__file__).parent
CORE = [
    "elbo-decomposition",
    "encoder-mean",
    "encoder-variance",
    "likelihood-limit",
    "elbo-limit",
    "contrast",
    "linear-vae",
]
PROGRAM_BUDGET = 30
CORE_PROGRAM_BUDGET = 12

DRIVER = """
import sys
compiled = []
import jax.monitoring
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **_: compiled.append(name) if name.endswith("backend_compile_duration") else None)
from elbogap.cli import run
status = run(sys.argv[1:])
print("programs", len(compiled), file=sys.stderr)
sys.exit(status)
"""


def run(*arguments: str, cache: Path, package: Path | None = None) -> subprocess.CompletedProcess:
    """Run the command line in a process that counts the programs that XLA compiles or reads back."""
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(cache)}
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    command = [sys.executable, "-c", DRIVER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cache.parent)


def programs(done: subprocess.CompletedProcess) -> int:
    """How many programs a run used."""
    return int(done.stderr.split()[-1])


@pytest.fixture(scope="session")
def cache(kept: Path) -> Path:
    """The cache folder of this run of the tests."""
    return kept


@pytest.fixture(scope="session")
def verified(cache: Path) -> tuple[subprocess.CompletedProcess, dict]:
    """One run of `verify --json` over all claims, and its document."""
    done = run("verify", "--json", cache=cache)
    return done, json.loads(done.stdout)


def test_every_claim_holds_and_every_control_is_rejected(verified) -> None:
    """The default run exits with 0: all claims hold, all controls are rejected, three or more a claim."""
    done, document = verified
    failing = {claim["id"]: claim["verdict"] for claim in document["claims"] if claim["verdict"] != "holds"}
    assert done.returncode == 0 and not failing, (failing, done.stderr[-2000:])
    assert [claim["id"] for claim in document["claims"]][: len(CORE)] == CORE
    assert document["controls"]["planted"] == document["controls"]["rejected"]
    for claim in document["claims"]:
        ids = [control["id"] for control in claim["controls"]]
        assert len(ids) >= 3 and len(set(ids)) == len(ids), claim["id"]


def test_the_readme_shows_a_row_of_this_run(verified) -> None:
    """The README's excerpt is what `docs/readme_tables.py` prints of this run, but for leading digits of errors."""
    printed = runpy.run_path(str(ROOT / "docs" / "readme_tables.py"))["excerpt"](verified[1])
    leading = re.compile(r"\d\.\d(?=e-\d)")  # of a number near round-off, which another processor may have otherwise
    assert leading.sub("", printed) in leading.sub("", (ROOT / "README.md").read_text())


def test_the_document_has_its_schema(verified) -> None:
    """The JSON has the keys of version 1, and core claims carry derived and measured evidence with figures."""
    _, document = verified
    assert document["version"] == 1 and document["seed"] == 0 and document["effort"] == "quick"
    for claim in document["claims"]:
        assert {"id", "statement", "verdict", "evidence", "controls"} <= claim.keys()
        assert set(claim["evidence"]) == {"derived", "measured", "enclosed", "trained"}
    claims = {claim["id"]: claim for claim in document["claims"]}
    for name in CORE:
        evidence = claims[name]["evidence"]
        assert evidence["derived"]["verdict"] == evidence["measured"]["verdict"] == "holds", name
    (law,) = claims["elbo-limit"]["evidence"]["measured"]["laws"]
    assert law["predicted_order"] == 1 and abs(law["order"] - 1) < 0.02 and law["constant_error"] < 1e-4
    assert 1.75 < law["remainder_order"] < 2.25
    seen = {(row["family"], row["d"], row["prior"]) for row in law["instances"]}
    assert {family for family, _, _ in seen} >= {"linear", "moebius", "mlp", "shear"}
    assert {d for _, d, _ in seen} == {1, 2, 3} and {prior for _, _, prior in seen} == {"normal", "logistic"}


def test_the_program_budget_is_kept(verified) -> None:
    """All claims together compile at most 30 programs."""
    assert programs(verified[0]) <= PROGRAM_BUDGET


def test_the_same_seed_prints_the_same_digits_and_files_are_written(verified, cache: Path, tmp_path: Path) -> None:
    """A run of the core claims from the cache prints the first run's digits, and writes its files."""
    out = tmp_path / "new" / "folder"
    done = run("verify", *CORE, "--out", str(out), cache=cache)
    assert done.returncode == 0, done.stderr[-2000:]
    assert programs(done) <= CORE_PROGRAM_BUDGET
    assert "7 of 7 claims hold" in done.stdout and "seed 0" in done.stdout
    again = json.loads((out / "report.json").read_text())
    first = {claim["id"]: claim for claim in verified[1]["claims"]}
    for claim in again["claims"]:
        for kind, evidence in claim["evidence"].items():
            assert evidence["summary"] == first[claim["id"]]["evidence"][kind]["summary"]
    written = {path.name for path in out.iterdir()}
    assert written == {"report.json", "report.html", "laws.csv", "gaps.csv", "controls.csv"}
    assert "7 of 7 claims hold" in (out / "report.html").read_text()
    with (out / "gaps.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 8 * 6 * 11 and float(rows[0]["gap_error"]) < 1e-4


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package that may be broken."""
    folder = tmp_path_factory.mktemp("copy")
    kept = ("theory", "numerics", "enclosures", "proofs_checks", "training", "results", "report", "shell")
    for name in kept:
        shutil.copytree(ROOT / name, folder / "elbogap" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.py"):
        shutil.copy(path, folder / "elbogap" / path.name)
    return folder


@pytest.mark.parametrize(
    ("file", "true", "false", "claim"),
    [
        (
            "theory/formulas/closed_forms.py",
            "- sp.digamma((data_dim - k + 1) / sp.Integer(2))",
            "- sp.digamma((data_dim - k) / sp.Integer(2))",
            "random-directions",
        ),
        pytest.param(
            "theory/formulas/gaussian.py",
            'prior="B_ab l1_b", curvature="-1/2 s_k B_ab',
            'prior="B_ab l1_b", curvature="-1 s_k B_ab',
            "encoder-mean",
            marks=pytest.mark.slow,  # traces a dozen programs again, twice; the claim above needs none
        ),
        pytest.param(
            "numerics/modes.py",
            "-jnp.sum(jnp.log(jnp.diagonal(factor)))",
            "-0.5 * jnp.sum(jnp.log(jnp.diagonal(factor)))",
            "linear-vae",
            marks=pytest.mark.slow,  # compiles everything again, twice
        ),
    ],
    ids=[
        "theory: random columns",
        "theory: the factor 1/2 in the mean shift",
        "numerics: the factor of the log-determinant",
    ],
)
def test_a_broken_formula_is_noticed(file: str, true: str, false: str, claim: str, copy: Path, cache: Path) -> None:
    """Breaking one term, in theory or in numerics, makes `verify` exit with 1."""
    path = copy / "elbogap" / file
    source = path.read_text()
    assert source.count(true) == 1, f"{file} no longer contains {true!r}"
    assert run("verify", claim, cache=cache, package=copy).returncode == 0, "the copy itself must pass"
    try:
        path.write_text(source.replace(true, false))
        done = run("verify", claim, cache=cache, package=copy)
    finally:
        path.write_text(source)
    assert done.returncode == 1 and "fails" in done.stdout, done.stderr[-2000:]
