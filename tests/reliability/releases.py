"""Whether the bounds in pyproject.toml are true: python tests/reliability/releases.py [--only WORD] [--suite].

Installs the lowest direct versions on Python 3.11 and the newest on 3.12 and 3.13, each into a folder of its own, runs
the commands of `CHECKS`, and prints the table of what was installed and what it did (`--page FILE` writes it). With
`--suite` the test suite is run in each: some twenty minutes, without PyTorch, whose builds take several GB; its tests
are skipped. Needs `uv` on the path, a network, and Pythons of these versions (uv finds or fetches them).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASES = {"lowest": ("3.11", "lowest-direct"), "3.12": ("3.12", "highest"), "3.13": ("3.13", "highest")}
"""Name, Python, and which versions are taken of what pyproject.toml names."""
SHOWN = ("jax", "numpy", "scipy", "sympy", "equinox", "optimistix", "optax", "jaxtyping", "matplotlib", "python-flint")
SHOWN += ("cyclopts", "jinja2", "latex2mathml", "hypothesis", "flatbuffers", "safetensors")
CHECKS = {
    "verify": ["-m", "elbogap", "verify", "contrast", "--out", "out"],
    "verify a program": ["-m", "elbogap", "verify", "linear-vae"],
    "verify a program again": ["-m", "elbogap", "verify", "linear-vae"],
    "own claim": ["-m", "elbogap", "verify", str(ROOT / "examples/theorems/laplace.py")],
    "enclose": ["-m", "elbogap", "check-certificate", "certificate.json"],
    "audit": ["-m", "elbogap", "audit", "g.py:f", "--latent-dim", "1", "--points", "8", "--account-points", "2"],
    "figures": ["-m", "elbogap", "figures", "conditioning", "--format", "svg", "--out", "figures"],
    "sweep": ["-m", "elbogap", "sweep", "sweep.toml"],
    "strategies": ["-c", "from elbogap import testing; testing.decoders(('mlp',)); testing.noises(2)"],
}
"""Every core dependency is used by one of these at least; the extras `rigorous` and `safetensors` are installed too."""
CERTIFICATE = """
import json
from elbogap.enclosures.balls import rational
from elbogap.enclosures.certificate import build_certificate
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.proofs import reference_instances
one = reference_instances()[0]
document = build_certificate([(one, gap_at(one, rational("1/10"), 20))], [], [], "0")
open("certificate.json", "w").write(json.dumps(document))
"""


def main() -> int:
    """Install, run and print; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"one of {', '.join(RELEASES)}")
    parser.add_argument("--suite", action="store_true", help="run the test suite, too")
    parser.add_argument("--page", type=Path, help="a Markdown file that the table is written to")
    asked = parser.parse_args()
    found = {}
    for name, (python, resolution) in RELEASES.items():
        if asked.only in ("", name):
            with tempfile.TemporaryDirectory() as folder:
                found[name] = release(Path(folder), python, resolution, suite=asked.suite)
            print(f"{name}: {json.dumps(found[name])}", flush=True)
    text = table(found)
    print(text)
    if asked.page:
        asked.page.write_text(text)
    return 1 if any(_failed(check, value) for one in found.values() for check, value in one.items()) else 0


def _failed(check: str, value: str) -> bool:
    if check == "suite":
        return " passed" not in value or "failed" in value or "error" in value
    return check in CHECKS and value != "ok"


def release(folder: Path, python: str, resolution: str, *, suite: bool = False) -> dict[str, str]:
    """One environment: the versions that it got, and of each check "ok" or its last line; of pytest its last line."""
    sys.path.insert(0, str(Path(__file__).parent))
    from kills import prepare

    interpreter = folder / "venv/bin/python"
    work = folder / "work"
    prepare(work)
    install = ["uv", "pip", "install", "--python", str(interpreter), "--resolution", resolution]
    for command in (
        ["uv", "venv", "--python", python, str(folder / "venv")],
        [*install, f"{ROOT}[rigorous,safetensors]"] if not suite else [*install, *tools(), "--editable", str(ROOT)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"python": python, "install": _last(done.stderr)}
    listed = json.loads(_run(["uv", "pip", "list", "--format", "json", "--python", str(interpreter)], work).stdout)
    versions = {one["name"]: one["version"] for one in listed}
    found = {"python": python} | {name: versions.get(name, "-") for name in SHOWN}
    _run([str(interpreter), "-c", CERTIFICATE], work)
    for name, arguments in CHECKS.items():
        done = _run([str(interpreter), *arguments], work)
        found[name] = "ok" if done.returncode == 0 else f"status {done.returncode}: {_last(done.stderr)}"
    if suite:
        # What one package says of another's age is no fault of ours: matplotlib 3.9 of pyparsing 3.3, for one.
        quiet = ["-W", "ignore::DeprecationWarning"]
        done = subprocess.run(
            [str(interpreter), "-m", "pytest", "-q", "--tb=short", "-rf", *quiet],
            cwd=ROOT, env=_environment(work), capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(done.stdout[-20_000:], done.stderr[-2_000:], file=sys.stderr)
        found["suite"] = _last(done.stdout)
    return found


def tools() -> list[str]:
    """What the extra `test` asks for, without PyTorch."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    return [one for one in asked if not one.startswith("torch")]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)


def _environment(folder: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return environment | {"ELBOGAP_CACHE_DIR": str(folder / "cache")}


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:200]


def table(found: dict[str, dict[str, str]]) -> str:
    """The table in Markdown: a row a package and a check, a column an environment."""
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    rows = [["", *found], ["---"] * (len(found) + 1)]
    rows += [[name, *(one.get(name, "-") for one in found.values())] for name in names]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
