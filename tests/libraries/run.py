"""Decoders of other libraries from the command line: python tests/libraries/run.py [--only NAME] [--page FILE].

Each example of `examples/decoders` is audited in an environment that holds pinned releases of its library and the
package as installed from this checkout, by the command of its own docstring, at few points. What is seen: the exit
status that the alarms stand for, finite numbers, an account that a second route confirms, and for the examples of
`independent.CASES` numbers of code that shares nothing with the package. What is refused must be refused in one line.
Needs a network and an hour on two cores; not part of the test suite.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = Path("examples/decoders")
FEW = ["--points", "16", "--account-points", "2", "--samples", "1024"]
GROUPS = {
    "jax": [["keras==3.15.1", "flax==0.12.8", "dm-haiku==0.0.17", "numpyro==0.22.0"]],
    # PyTorch first: what comes after takes the release that is there. scvi-tools needs Flax where JAX is.
    "torch": [["torch==2.13.0"], ["flax==0.12.8", "scvi-tools==1.4.2", "diffusers==0.42.1", "pythae==0.1.2"]],
    # Needs torchvision, which fits one release of torch, and one build: both from one index.
    "multivae": [["torch==2.14.1", "torchvision==0.29.1"], ["multivae==1.0.3"]],
}
"""What is installed into an environment, step by step."""


class Example(NamedTuple):
    """A file of `examples/decoders`: its library, the environment, what is refused of it and with which words."""

    library: str
    group: str
    refused: tuple[tuple[str, str], ...] = ()


_COMMANDS = "import sys, json; from elbogap.cli import run; print(*[run(one) for one in json.loads(sys.argv[1])])"
"""Runs commands one after another and prints their statuses: imports are most of what a refusal costs."""
EXAMPLES = {
    "flax_nnx": Example(
        "flax (NNX)", "jax", (("VAE.decoder", r"call model\.eval\(\)"), ("vae", r"one of its parts is 'decoder'"))
    ),
    "flax_linen": Example("flax (Linen)", "jax", (("model", r"lambda z: model\.apply\(variables, z\)"),)),
    "haiku_vae": Example("dm-haiku", "jax", (("transformed", r"a callable"), ("network", r"hk\.transform"))),
    "keras_jax": Example("keras", "jax", (("vae", r"one of its parts is 'decoder'"),)),
    "numpyro_vae": Example("numpyro", "jax"),
    "pythae_vae": Example("pythae", "torch", (("vae", r"one of its parts is 'decoder'"),)),
    "multivae_vae": Example("multivae", "multivae", (("model", r"one of its parts is .decode.: audit that"),)),
    "diffusers_tiny": Example("diffusers", "torch", (("Flat.vae.decode", r"to accept z of shape"),)),
    "diffusers_kl": Example("diffusers", "torch", (("Flat.vae.decode", r"to accept z of shape"),)),
    "scvi_counts": Example("scvi-tools", "torch", (("vae.generative", r"library"), ("model", r"got SCVI"))),
}


def main() -> int:
    """Install, audit, compare, and print the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"some of {','.join(EXAMPLES)}")
    parser.add_argument("--page", type=Path, help="a Markdown file that the table is written to")
    parser.add_argument("--environments", type=Path, help="a folder where environments are kept for the next run")
    asked = parser.parse_args()
    rows, bad = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        kept = asked.environments or Path(temporary)
        pythons: dict[str, Path] = {}
        for name, example in EXAMPLES.items():
            if asked.only and name not in asked.only.split(","):
                continue
            if example.group not in pythons:
                pythons[example.group] = environment(kept / example.group, GROUPS[example.group])
            python = pythons[example.group]
            row, problems = audited(name, example, python, Path(temporary) / name)
            problems += refusals(name, example, python) if example.refused else []
            rows.append(row)
            bad += len(problems)
            print(f"{name}: {json.dumps(row)}", *problems, sep="\n  ", flush=True)
    text = table(rows)
    print(text)
    if asked.page:
        asked.page.write_text(text)
    return 1 if bad else 0


def environment(folder: Path, steps: list[list[str]]) -> Path:
    """The Python of an environment with these releases, made unless it is there, and the package as it is now."""
    python = folder / "bin" / "python"
    needed = [["--force-reinstall", "--no-deps", str(ROOT)]]
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        needed = [*steps, [str(ROOT)]]
    for requirements in needed:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
    return python


def command_of(path: Path) -> list[str]:
    """The arguments of the first `elbogap audit` in a docstring, its lines joined."""
    found = re.search(r"^ +elbogap (audit (?:.*\\\n)*.*)$", path.read_text(), re.M)
    assert found is not None, path
    return shlex.split(found.group(1).replace("\\\n", " "))


def audited(name: str, example: Example, python: Path, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The row of the table, and what is not as it should be."""
    out = folder / "out"
    folder.mkdir(parents=True)
    asked = command_of(ROOT / FOLDER / f"{name}.py")
    before, begun = os.times(), time.monotonic()
    done = _run(python, ["-m", "elbogap", *asked, *FEW, "--json", "--out", str(out)])
    after, wall = os.times(), time.monotonic() - begun
    row = {"example": name, "library": example.library, "version": _version(python, example.library.split()[0])}
    if example.group != "jax":
        row["version"] += f", torch {_version(python, 'torch')}"
    if done.returncode not in (0, 1) or not done.stdout.strip():
        return row, [f"status {done.returncode}: {done.stderr.strip()[-500:]}"]
    found = json.loads(done.stdout)
    parameters, gap = found["parameters"], found["gap"]
    row |= {
        "d": str(parameters["latent_dim"]),
        "output": " x ".join(map(str, parameters["output_shape"])),
        "likelihood": parameters["observation"]["name"],
        "derivatives": f"{parameters['derivatives']['route']}, {parameters['derivatives']['orders']}",
        "contrast": f"{found['contrast']['mean']:.3g}",
        "gap": f"{gap['sum']['mean']:.3g}",
        "again": f"{gap['measured_again']['mean']:.3g}",
        "CPU s": f"{after.children_user + after.children_system - before.children_user - before.children_system:.0f}",
    }
    problems = [] if done.returncode == bool(found["alarms"]) else [f"status {done.returncode}, {found['alarms']}"]
    numbers = (found["contrast"]["mean"], gap["sum"]["mean"], gap["measured_again"]["mean"])
    if not all(number is not None and math.isfinite(number) for number in numbers):
        problems.append(f"not finite: {numbers}")
    if gap["points_without_error"]:
        problems.append(f"no error stated at {gap['points_without_error']} points")
    if not gap["closes"]:
        problems.append(f"the second route disagrees: {gap}")
    compared = _run(python, [str(Path(__file__).parent / "independent.py"), name, str(out)])
    if compared.returncode:
        problems.append(f"independent: {(compared.stdout + compared.stderr).strip()[-800:]}")
    print(f"{name}: {wall:.0f} s, alarms {found['alarms']}", compared.stdout.strip(), sep="\n", flush=True)
    row["independent"] = (compared.stdout.strip().splitlines() or ["-"])[-1] if compared.returncode == 0 else "differs"
    return row, problems


def refusals(name: str, example: Example, python: Path) -> list[str]:
    """What should have been refused in one line, and was not."""
    asked = command_of(ROOT / FOLDER / f"{name}.py")
    d = asked[asked.index("--latent-dim") + 1]
    commands = [["audit", str(FOLDER / f"{name}.py:{part}"), "--latent-dim", d] for part, _ in example.refused]
    done = _run(python, ["-c", _COMMANDS, json.dumps(commands)])
    lines = [line for line in done.stderr.splitlines() if line.startswith("elbogap: ")]
    print(*lines, sep="\n", flush=True)
    if done.stdout.split() != ["2"] * len(commands) or len(lines) != len(commands):
        return [f"expected status 2 and a line each, got {done.stdout.split()}: {done.stderr[-800:]}"]
    pairs = zip(example.refused, lines, strict=True)
    return [f"{part}: expected {words!r}, got {line}" for (part, words), line in pairs if not re.search(words, line)]


def _run(python: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    removed = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JAX_ENABLE_X64")}
    cache = {"ELBOGAP_CACHE_DIR": str(python.parents[1] / "cache"), "OMP_NUM_THREADS": "1"}
    command = [str(python), "-P", *arguments]  # not the checkout's own modules, which lie in the working folder
    return subprocess.run(command, cwd=ROOT, env=removed | cache, capture_output=True, text=True, check=False)


def _version(python: Path, package: str) -> str:
    done = _run(python, ["-c", f"from importlib.metadata import version; print(version({package!r}))"])
    return done.stdout.strip()


def table(rows: list[dict[str, str]]) -> str:
    """The table in Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([row.get(name, "-") for name in names] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
