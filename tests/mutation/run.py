"""Mutation testing: are small changes of the sources noticed? Outside CI, since it takes an hour of a processor.

Run: python tests/mutation/run.py [--sample 200] [--seed 0] [--minutes 40] [--out mutants.json] [--part 1/2] [--again]
     python tests/mutation/run.py --report mutants.json ...

The sources are copied, one mutant at a time is written into the copy, and a fork of this process, in which third-party
libraries are imported already, runs its checks (`checks`) until the first fails. Limits are in seconds of the
processor, so that a busy machine decides nothing: a mutant that exceeds LIMIT counts as noticed, as its unchanged
checks keep within a third of it (they are run first, and one that fails or takes longer is left out). What was found is
written after every mutant, and a run that was stopped goes on where it was. Compiled programs may be kept in
ELBOGAP_CACHE_DIR: they go by what was compiled, never by the name of a source. The sample is in random order, so that
the beginning of it is one, too; --part 2/3 takes every third from the second on, for a process beside others, each with
a file of its own. Prints the share that was noticed with
its 95 % Clopper-Pearson interval, and every survivor.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cyclopts  # noqa: F401  what children find imported
import equinox  # noqa: F401
import hypothesis  # noqa: F401
import jax
import jax.export  # noqa: F401
import mpmath  # noqa: F401
import optimistix  # noqa: F401
import pytest
import scipy.optimize
import scipy.stats
import sympy  # noqa: F401
from checks import Checks, checks
from mutants import ROOT, Mutant, sample

LIMIT = 180
"""Seconds of the processor for all checks of a mutant."""
MISSED = ("survived", "unchecked")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "site", "build", "dist")


def child(work: Callable[[], int], folder: Path, limit: int) -> tuple[int, float]:
    """The exit status of `work` in a fork whose package is that of `folder`, and its seconds of the processor."""
    process = os.fork()
    if process == 0:
        status = 99
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
            os.environ.setdefault("ELBOGAP_CACHE_DIR", str(folder / "cache"))
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(folder))
            os.chdir(folder / "elbogap")
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, status, used = os.wait4(process, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def tested(files: tuple[str, ...]) -> int:
    """The status of pytest on some files: 0 if all passes."""
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--assert=plain", "-m", "not slow"]
    return int(pytest.main([*options, *files])) if files else 0


def derived(claims: tuple[str, ...]) -> int:
    """0 if every step of the derivations of these claims is proved or argued."""
    from elbogap.theory.registry import DERIVATIONS
    from elbogap.theory.verdicts import run_all

    names = [name for name in claims if name in DERIVATIONS]
    verdicts = run_all(names, 60.0, None).values()
    return int(any(step.status not in ("proved", "argued") for verdict in verdicts for step in verdict.steps))


def judged(claims: tuple[str, ...], table: Path) -> int:
    """0 if all laws of these claims hold and all of their controls are rejected, on the unchanged table."""
    from elbogap.shell.cache import prepare_jax

    prepare_jax()
    from elbogap.proofs_checks.draws import Draws
    from elbogap.proofs_checks.measurements import EFFORTS, Measurements
    from elbogap.proofs_checks.own import judge_measured, judge_own
    from elbogap.proofs_checks.programs import Programs
    from elbogap.proofs_checks.registry import CLAIMS

    measured = Measurements(EFFORTS["quick"], 0, programs=Programs(optimise=False))
    if table.exists():
        measured.adopt(pickle.loads(table.read_bytes()))
    for name in claims:
        claim = CLAIMS[name]
        found = judge_own(claim, Draws(0)) if claim.laws is None else judge_measured(claim, measured)
        wrong = any(law.verdict != "holds" for law in found.laws) or found.errors
        if wrong or not all(control.rejected for control in found.controls):
            print(name, [law.name for law in found.laws if law.verdict != "holds"])
            return 1
    if not table.exists():
        batches = {(batch.family, batch.latent_dim): batch for batch in measured.batches}
        table.write_bytes(pickle.dumps(batches))
    return 0


def all_checks(asked: Checks, folder: Path) -> tuple[int, float]:
    """The first status that is not zero, 0 if nothing notices, and the seconds; a fork a kind.

    The tests need a process in which the package is not imported yet: their types are checked by an import hook.
    """
    spent = 0.0
    for names, work in (
        (asked.judged, partial(judged, asked.judged, folder / "table")),
        (asked.derived, partial(derived, asked.derived)),
        (asked.tests, partial(tested, asked.tests)),
    ):
        if names:
            status, seconds = child(work, folder, LIMIT)
            spent += seconds
            if status:
                return status, spent
    return 0, spent


def within(asked: Checks, folder: Path, known: dict[str, float]) -> Checks:
    """The checks that the unchanged sources pass in time; `known` remembers what each takes, infinite if it fails."""

    def passes(kind: str, name: str, work: Callable[[], int]) -> bool:
        key = f"{kind} {name}"
        if key not in known:
            status, seconds = child(work, folder, LIMIT)
            known[key] = seconds if status == 0 else float("inf")
        return known[key] < LIMIT / 3

    table = folder / "table"
    return Checks(
        tuple(name for name in asked.tests if passes("test", name, partial(tested, (name,)))),
        tuple(name for name in asked.derived if passes("derive", name, partial(derived, (name,)))),
        tuple(name for name in asked.judged if passes("judge", name, partial(judged, (name,), table))),
    )


def main() -> int:
    """Draw, check, print."""
    parser = argparse.ArgumentParser(description="Mutation testing of theory, numerics, proofs_checks and auditing.")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=40.0, help="of the processor")
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    parser.add_argument("--part", default="1/1", help="K/N: every N-th mutant from the K-th on")
    parser.add_argument("--again", action="store_true", help="those that were not noticed: tests have been added")
    parser.add_argument("--report", type=Path, nargs="+", help="files of parts: print what they found together, stop")
    asked = parser.parse_args()
    if asked.report:
        return report({k: v for path in asked.report for k, v in json.loads(path.read_text())["mutants"].items()})
    part, parts = map(int, asked.part.split("/"))
    os.nice(19 - os.nice(0))
    found = json.loads(asked.out.read_text()) if asked.out.exists() else {"known": {}, "mutants": {}}
    if asked.again:  # what the checks of a module are, and what they take, may have changed, too
        noticed = {name: outcome for name, outcome in found["mutants"].items() if outcome not in MISSED}
        found = {"known": {}, "mutants": noticed}
    spent = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT, folder / "elbogap", ignore=LEFT_OUT)
        chosen = sample(asked.sample, asked.seed, folder / "elbogap")[part - 1 :: parts]
        child(lambda: judged((), folder / "table"), folder, 600)
        for mutant in chosen:
            if str(mutant) in found["mutants"]:
                continue
            if spent > 60 * asked.minutes:
                break
            start = time.time()
            outcome, seconds = one(mutant, folder, found["known"])
            spent += seconds
            found["mutants"][str(mutant)] = outcome
            print(f"{outcome:10s} {mutant}  {seconds:.0f} s of {time.time() - start:.0f}", flush=True)
            asked.out.write_text(json.dumps(found, indent=1))
    return report(found["mutants"])


def one(mutant: Mutant, folder: Path, known: dict[str, float]) -> tuple[str, float]:
    """What became of a mutant, and the seconds of its own checks."""
    asked = within(checks(mutant.file), folder, known)
    path = folder / "elbogap" / mutant.file
    true = path.read_text()
    path.write_text(mutant.source(folder / "elbogap"))
    try:
        status, seconds = all_checks(asked, folder)
    finally:
        path.write_text(true)
    if not (asked.tests or asked.derived or asked.judged):
        return "unchecked", seconds
    if status == 0:
        return "survived", seconds
    return "timed out" if status in (-signal.SIGXCPU, -signal.SIGKILL) else "noticed", seconds


def report(outcomes: dict[str, str]) -> int:
    """Print the share that was noticed, and the others."""
    missed = [name for name, outcome in outcomes.items() if outcome in MISSED]
    total, hit = len(outcomes), len(outcomes) - len(missed)
    if total:
        interval = scipy.stats.binomtest(hit, total).proportion_ci(method="exact")
        print(f"{hit} of {total} noticed: {hit / total:.1%} [{interval.low:.1%}, {interval.high:.1%}]")
    print("".join(f"  {outcomes[name]}: {name}\n" for name in missed), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
