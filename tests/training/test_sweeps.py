"""Sweeps: what a configuration may say, what the store keeps; a killed sweep neither loses nor repeats a run."""

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import elbogap
import pytest
from elbogap.cli import run as elbogap_command
from elbogap.errors import RequestError
from elbogap.shell.executors import Local
from elbogap.training.sweeps.config import RunSpec, load, specs
from elbogap.training.sweeps.store import Run, Store, key_of
from elbogap.training.sweeps.sweep import sweep

GRID = {"seeds": [0, 1], "gamma2": [10, 1e3], "mixings": ["moebius", "affine-flow"]}
TINY = {
    "grid": GRID,
    "model": {"latent_dim": 2, "hidden": [4]},
    "data": {"train": 64, "held_out": 64},
    "training": {"steps": 20, "warm_up": 2, "batch": 8},
}
SEEDS = r"a list of integers from 0 to 2\*\*32 - 1"
EXAMPLE = Path(elbogap.__file__).parent / "examples" / "sweep.toml"


def toml(document: dict[str, dict[str, Any]]) -> str:
    """The document as TOML; its values are written alike in JSON."""
    lines = [
        f"[{table}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())
        for table, keys in document.items()
    ]
    return "\n".join(lines)


def pretended(spec: RunSpec) -> Run:
    """A run that costs nothing, with a result that depends on its parameters."""
    result = {name: float(spec.seed) for name in ("elbo", "mcc_mean", "mcc_sample", "contrast_point")}
    return Run(spec.parameters(), "finished", result | {"contrast_mean_jacobian": spec.gamma2}, 0.0)


def test_a_sweep_is_the_product_of_its_grid() -> None:
    """Every combination of seed, gamma^2 and mixing is one run, with a key of its own."""
    found = specs(TINY)
    assert len(found) == 8
    assert len({key_of(spec.parameters()) for spec in found}) == 8
    assert {(spec.seed, spec.gamma2, spec.mixing) for spec in found} == {
        (seed, float(gamma2), mixing)
        for seed in GRID["seeds"]
        for gamma2 in GRID["gamma2"]
        for mixing in GRID["mixings"]
    }


def test_the_example_says_the_defaults() -> None:
    """The example is valid, and what it says beyond the grid is what is meant when nothing is said."""
    spelled_out = load(EXAMPLE)
    grid = {"seeds": [0, 1, 2], "gamma2": [1e3, 1e5], "mixings": ["moebius", "moebius-linear"]}
    assert spelled_out == specs({"grid": grid})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grdi": {}}, r"unknown table 'grdi': did you mean 'grid'\?"),
        ({"training": {"stpes": 5}}, r"unknown key 'training.stpes': did you mean 'steps'\?"),
        ({"training": {"zzz": 5}}, r"unknown key 'training.zzz': expected one of steps, batch"),
        ({"training": {"steps": "many"}}, r"training.steps: expected an integer >= 10, got 'many'"),
        ({"training": {"steps": 5.5}}, r"training.steps: expected an integer >= 10, got 5.5"),
        ({"training": {"batch": True}}, r"training.batch: expected an integer >= 1, got True"),
        ({"training": {"rate": 0}}, r"training.rate: expected a number > 0, got 0"),
        ({"training": {"rate": float("inf")}}, r"training.rate: expected a number > 0, got inf"),
        ({"training": {"anneal": 1.5}}, r"training.anneal: expected a number in \(0, 1\], got 1.5"),
        ({"training": {"warm_up": 20, "steps": 20}}, r"training.warm_up: expected less than steps = 20, got 20"),
        ({"training": {"draws": 3}}, r"training.draws: expected an even number with antithetic pairs, got 3"),
        ({"training": 3}, r"training: expected a table \[training\], got 3"),
        ({"grid": {**GRID, "seeds": []}}, rf"grid.seeds: expected {SEEDS}, got an empty list"),
        ({"grid": {**GRID, "seeds": 3}}, rf"grid.seeds: expected {SEEDS}, got 3"),
        ({"grid": {**GRID, "seeds": [1, -1]}}, rf"grid.seeds: expected {SEEDS}, got -1"),
        ({"grid": {**GRID, "seeds": [1, 2, 1]}}, r"grid.seeds: expected distinct values, got \[1, 2, 1\]"),
        ({"grid": {**GRID, "gamma2": [0.0]}}, r"grid.gamma2: expected a list of numbers > 0, got 0.0"),
        ({"grid": {**GRID, "mixings": ["mobius"]}}, r"got 'mobius' \(did you mean 'moebius'\?\)"),
        ({"grid": {"seeds": [1], "gamma2": [1.0]}}, r"grid.mixings is missing: expected a list of names from moebius"),
        ({"model": {"prior": "beta"}}, r"model.prior: expected one of uniform, normal, got 'beta'"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Every mistake is named with its place, what was expected and what came."""
    with pytest.raises(RequestError, match=message) as caught:
        specs(TINY | changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[grid", "expected a TOML file"), (None, "expected a file that can be read")],
)
def test_a_file_that_is_not_toml_is_one_line(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that does not parse or is not there: exit status 2, one line on standard error."""
    path = tmp_path / "sweep.toml"
    if text is not None:
        path.write_text(text)
    assert elbogap_command(["sweep", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not path.with_suffix(".sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected CONFIG.toml, show CONFIG.toml or export CONFIG.toml, got nothing"),
        (["show"], "got show"),
        (["show", str(EXAMPLE), "--out", "x.csv"], "--out: expected only with sweep export"),
        (["export", str(EXAMPLE), "--cluster", "tcp://x"], "--cluster: expected only with sweep CONFIG.toml"),
        (["show", str(EXAMPLE), "--store", "nowhere.sqlite"], "no store at 'nowhere.sqlite'"),
    ],
)
def test_a_wrong_request_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says in one line what it expected, and exits with 2."""
    assert elbogap_command(["sweep", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_stored_run_is_read_back_and_never_changed(tmp_path: Path) -> None:
    """A run is read back equal; storing one with the same parameters again leaves the first as it was."""
    store = Store(tmp_path / "s.sqlite", create=True)
    first = pretended(specs(TINY)[0])
    assert store.add(first)
    assert not store.add(Run(first.parameters, "finished", {"elbo": 7.0}, 1.0))
    assert Store(tmp_path / "s.sqlite").runs() == [first]
    assert store.keys() == {first.key}


def test_keys_do_not_depend_on_the_order_of_parameters() -> None:
    """Equal parameters are the same run; another value is another run."""
    assert key_of({"a": 1, "b": 2.0}) == key_of({"b": 2.0, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_another_file_or_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A store of another version, another SQLite file and a file that is none: one line each, not a byte changed."""
    newer, other, none = (tmp_path / name for name in ("newer.sqlite", "other.sqlite", "none.sqlite"))
    Store(newer, create=True)
    for path, statement in ((newer, "PRAGMA user_version = 99"), (other, "CREATE TABLE t (x)")):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()
    none.write_bytes(b"not a database " * 100)
    for path, message in (
        (newer, "expected a store of version 1, got version 99"),
        (other, "expected the store of a sweep, got another SQLite file"),
        (none, "file is not a database"),
    ):
        before = path.read_bytes()
        for create in (True, False):
            with pytest.raises(RequestError, match=message):
                Store(path, create=create)
        assert path.read_bytes() == before


class _SmallDisk(Store):
    """A store on a disk with room for 16 pages: SQLite reports the same error as on a full disk."""

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute("PRAGMA max_page_count = 16")
        return connection


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    """When the disk is full the sweep ends with one line; with room again it continues where it was."""
    path = tmp_path / "s.sqlite"
    grid = specs(TINY | {"grid": {**GRID, "seeds": list(range(60))}})
    with pytest.raises(RequestError, match=r"database or disk is full .the runs stored so far are kept.") as caught:
        sweep(grid, _SmallDisk(path, create=True), compute=pretended)
    assert "\n" not in str(caught.value)
    kept = Store(path).runs()
    assert 0 < len(kept) < len(grid)
    assert sweep(grid, Store(path), compute=pretended) == len(grid) - len(kept)
    assert Store(path).runs()[: len(kept)] == kept


def test_a_grown_grid_computes_only_what_is_new(tmp_path: Path) -> None:
    """Runs are recognised by their parameters, in whatever grid they are asked for, and progress counts them."""
    store, seen = Store(tmp_path / "s.sqlite", create=True), []
    small = specs(TINY)
    large = specs(TINY | {"grid": {**GRID, "seeds": [0, 1, 2]}})
    assert sweep(small, store, compute=pretended) == 8
    assert sweep(large, store, compute=pretended, notify=lambda done, total, what: seen.append((done, total))) == 4
    assert sweep(large, store, compute=pretended) == 0
    assert seen == [(8, 12), (9, 12), (10, 12), (11, 12), (12, 12)]


class _Backwards:
    """An executor that finishes the last task first."""

    def map(self, function: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for index in reversed(range(len(tasks))):
            yield index, function(tasks[index])


def test_an_executor_may_finish_in_any_order(tmp_path: Path) -> None:
    """What is stored does not depend on where and in which order the runs are computed."""
    stores = [Store(tmp_path / f"{i}.sqlite", create=True) for i in range(2)]
    for store, executor in zip(stores, (Local(), _Backwards()), strict=True):
        sweep(specs(TINY), store, executor=executor, compute=pretended)
    found = [sorted((run.key, json.dumps(run.result)) for run in store.runs()) for store in stores]
    assert found[0] == found[1]


@pytest.mark.usefixtures("optax_promotes")
def test_show_and_export_what_was_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sweep` trains (here one run that succeeds and one that cannot), `show` counts, `export` writes every figure."""
    config, out = tmp_path / "sweep.toml", tmp_path / "runs.csv"
    grid = {"seeds": [0], "gamma2": [1e2, 1e38], "mixings": ["moebius"]}  # the second overflows in single precision
    config.write_text(toml(TINY | {"grid": grid}))
    assert elbogap_command(["sweep", str(config)]) == 0
    assert "2 of 2 runs" in (printed := capsys.readouterr().out) and "2 computed now, 1 failed" in printed
    assert elbogap_command(["sweep", str(config)]) == 0
    assert "0 computed now, 1 failed" in capsys.readouterr().out
    assert elbogap_command(["sweep", "show", str(config)]) == 0
    assert [line.split()[:4] for line in capsys.readouterr().out.splitlines() if "moebius" in line] == [
        ["moebius", "100", "1/1", "0"],
        ["moebius", "1e+38", "1/1", "1"],
    ]
    assert elbogap_command(["sweep", "export", str(config), "--out", str(out)]) == 0
    good, bad = csv.DictReader(out.read_text().splitlines())
    assert good["status"] == "finished" and 0 <= float(good["mcc_mean"]) <= 1 and good["hidden"] == "4"
    assert bad["status"] == "failed" and bad["error"].startswith("not finite: ") and bad["mcc_mean"] == ""


KILLS = 10
_PROGRAM = """
import sys, time
from pathlib import Path
from elbogap.training.sweeps.store import Run, Store
from elbogap.training.sweeps.sweep import sweep
from elbogap.training.sweeps.config import load

config, store, log = map(Path, sys.argv[1:])

def compute(spec):
    run = Run(spec.parameters(), "finished", dict.fromkeys(
        ("elbo", "mcc_mean", "contrast_point"), spec.seed + spec.gamma2), 0.0)
    with log.open("a") as stream:
        stream.write(run.key + "\\n")
    time.sleep(0.003)
    return run

sweep(load(config), Store(store, create=True), compute=compute)
"""


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _stored(path: Path) -> list[Run]:
    """The runs of a store that may not be there yet, or be about to be made."""
    return Store(path).runs() if path.exists() and path.stat().st_size else []


def test_a_sweep_killed_ten_times_has_every_run_once(tmp_path: Path) -> None:
    """Killed with signal 9 at ten random moments and completed: no run is lost, and no stored one is started again."""
    config, path, log = tmp_path / "sweep.toml", tmp_path / "s.sqlite", tmp_path / "log"
    document = TINY | {"grid": {**GRID, "seeds": list(range(20))}}
    config.write_text(toml(document))
    keys = [key_of(spec.parameters()) for spec in load(config)]
    rng, stored = random.Random(0), []
    for kill in range(KILLS + 1):
        started = len(_lines(log))
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(config), str(path), str(log)])
        if kill < KILLS:
            goal = started + rng.randrange(8)  # 80 runs in all
            while process.poll() is None and len(_lines(log)) < goal:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.01))
            os.kill(process.pid, signal.SIGKILL)
        assert process.wait(60) == (-signal.SIGKILL if kill < KILLS else 0)
        assert not set(_lines(log)[started:]) & {run.key for run in stored}
        before, stored = stored, _stored(path)
        assert stored[: len(before)] == before  # nothing lost, nothing changed
    assert sorted(run.key for run in stored) == sorted(keys)
    # At most the run that was under way at each kill was started twice.
    assert len(keys) <= len(_lines(log)) <= len(keys) + KILLS


@pytest.mark.slow
def test_a_real_sweep_killed_ten_times_has_every_run_once(tmp_path: Path) -> None:
    """The command with true training, killed at ten random moments: the results are those of an undisturbed one."""
    config = tmp_path / "sweep.toml"
    config.write_text(toml(TINY | {"grid": {**GRID, "seeds": list(range(5))}}))
    command = [sys.executable, "-m", "elbogap", "sweep", str(config), "--store"]
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(tmp_path / "cache")}
    path, rng, killed, stored = tmp_path / "killed.sqlite", random.Random(1), 0, []
    for _ in range(KILLS):
        process = subprocess.Popen([*command, str(path)], env=environment)
        goal = len(stored) + rng.randrange(3)  # 20 runs in all
        while process.poll() is None and len(_stored(path)) < goal:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 2))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        before, stored = stored, _stored(path)
        assert stored[: len(before)] == before
    for name in ("killed.sqlite", "whole.sqlite"):
        subprocess.run([*command, str(tmp_path / name)], env=environment, check=True)
    found = [
        sorted((run.key, run.status, json.dumps(run.result, sort_keys=True)) for run in Store(tmp_path / name).runs())
        for name in ("killed.sqlite", "whole.sqlite")
    ]
    assert len(found[0]) == 20 and killed == KILLS
    assert found[0] == found[1]
