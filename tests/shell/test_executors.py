"""Executors: every unit of work is in the result exactly once, wherever it was computed and whatever was killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import elbogap
import pytest
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.shell import cluster as clusters
from elbogap.shell.cluster import Cluster
from elbogap.shell.executors import Local, Workers, chosen
from elbogap.shell.units import Unit, collect
from units_of_work import begun, deadly, digits, lines_of, mortal

COMMANDS = (("verify", "contrast"), ("false-alarms",), ("record", "sprites"), ("sweep", "sweep.toml"))


def units_in(folder: Path, count: int) -> list[Unit]:
    """Units that are kept in a folder."""
    return [Unit(task, f"task {task}", folder / f"{task}.json") for task in range(count)]


def test_a_killed_worker_costs_no_unit_and_doubles_none(tmp_path: Path) -> None:
    """Two processes, one ended by signal 9 in a unit: the outcomes are those of a local run, each once, in order."""
    log = tmp_path / "log"
    found = list(Workers(2).map(partial(deadly, log=str(log)), range(8)))
    assert sorted(index for index, _ in found) == list(range(8))
    assert all(outcome == digits(index) for index, outcome in found)
    assert begun(log)[3] == 2 and len({process for _, process in lines_of(log)}) >= 2


def test_a_unit_that_ends_every_worker_is_said_so() -> None:
    """Workers that are lost again and again before anything is finished: an error, not a loop."""
    with pytest.raises(RuntimeError, match="workers were lost 3 times before they finished a task"):
        list(Workers(1).map(mortal, [0]))


def test_what_is_finished_is_kept_and_never_done_again(tmp_path: Path) -> None:
    """A collection that was stopped goes on where it was; the result is the same, in the order of the units."""
    folder, log, seen = tmp_path / "kept", tmp_path / "log", []

    class Stops:
        """An executor that finishes the last units first, and is stopped after three."""

        def map(self, function: Any, tasks: Any) -> Iterator[tuple[int, Any]]:
            for index in reversed(range(len(tasks))):
                if index < len(tasks) - 3:
                    raise KeyboardInterrupt
                yield index, function(tasks[index])

    work = partial(digits, log=str(log))
    with pytest.raises(KeyboardInterrupt):
        collect(Stops(), work, units_in(folder, 7))
    assert sorted(path.name for path in folder.iterdir()) == ["4.json", "5.json", "6.json"]
    found = collect(Local(), work, units_in(folder, 7), lambda *said: seen.append(said))
    assert found == [digits(task) for task in range(7)]
    assert begun(log) == dict.fromkeys(range(7), 1)
    assert seen == [(3 + k, 7, f"task {k}") for k in range(4)]


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    """A scheduler with two workers, each a process of its own that is started again when it is lost."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install elbogap[cluster]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


def killing(log: Path, goals: list[int], killed: list[int], replace: Callable[[], object]) -> threading.Thread:
    """A thread that ends the worker of the latest unit by signal 9, each time that so many units were begun."""
    rng = random.Random(0)

    def run() -> None:
        for goal in goals:
            while len(lines := lines_of(log)) < goal or lines[-1][1] in killed:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.05))
            killed.append(lines_of(log)[-1][1])
            os.kill(killed[-1], signal.SIGKILL)
            replace()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def killed_runs_are_whole(
    address: str, folder: Path, count: int, kills: int, replace: Callable[[], object] = lambda: None
) -> None:
    """`count` units on a cluster, `kills` workers killed: the result is the local one, every unit once."""
    log, outcomes, killed = folder / "log", [], []
    killer = killing(log, [count * (k + 1) // (kills + 2) for k in range(kills)], killed, replace)

    class Counted(Cluster):
        """Remembers what comes."""

        def map(self, function: Any, tasks: Any) -> Iterator[tuple[int, Any]]:
            for index, outcome in super().map(function, tasks):
                outcomes.append(index)
                yield index, outcome

    with closing(Counted(address)) as cluster:
        found = collect(cluster, partial(digits, log=str(log), pause=0.05), units_in(folder / "kept", count))
    killer.join(60)
    assert len(set(killed)) == kills
    assert sorted(outcomes) == list(range(count))
    assert found == collect(Local(), digits, units_in(folder / "local", count))
    assert {path.name for path in (folder / "kept").iterdir()} == {f"{task}.json" for task in range(count)}
    assert set(begun(log)) == set(range(count))


def test_a_cluster_whose_worker_is_killed(dask: Any, tmp_path: Path) -> None:
    """One of two workers is ended by signal 9 while it works: nothing is lost, doubled or different."""
    killed_runs_are_whole(dask.scheduler_address, tmp_path, 24, 1)


@contextmanager
def lone_workers(folder: Path) -> Iterator[tuple[str, Callable[[], None], list[subprocess.Popen]]]:
    """A scheduler's address, what starts a worker that nobody replaces, and the workers started so far."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install elbogap[cluster]")
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started: list[subprocess.Popen] = []
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as dask:

        def start() -> None:
            command = [*worker, "--local-directory", str(folder), dask.scheduler_address]
            started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))

        try:
            yield dask.scheduler_address, start, started
        finally:
            for process in started:
                process.kill()
                process.wait()


def test_a_cluster_without_workers_is_said_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only worker is ended in a unit: one line says that none is left; another one finishes, digits as local."""
    said: list[str] = []
    log = tmp_path / "log"
    with lone_workers(tmp_path) as (address, start, _):

        def replace(line: str) -> None:
            said.append(line)
            start()

        monkeypatch.setattr(clusters, "LOOK", 0.1)
        monkeypatch.setattr(clusters, "notice", replace)
        with closing(Cluster(address)) as cluster:
            found = dict(cluster.map(partial(deadly, log=str(log), pause=0.3), range(5)))
    assert found == {task: digits(task) for task in range(5)}
    assert said[0] == f"no worker at {address} yet: waiting for the first"
    assert said[1:] == [f"no worker left at {address}: waiting for another (Ctrl-C ends; what is done is kept)"]
    assert begun(log)[3] == 2


@pytest.mark.slow
def test_a_cluster_whose_workers_are_killed_twenty_times(tmp_path: Path) -> None:
    """The same at twenty random moments; a batch system would start another worker each time, here the test does."""
    with lone_workers(tmp_path) as (address, start, started):
        for _ in range(2):
            start()
        killed_runs_are_whole(address, tmp_path, 400, 20, start)
    assert len(started) == 22


def test_workers_of_another_version_are_refused(dask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that differs is named in one line with what differs: at once, and when it comes later."""
    mine = clusters.stamp()
    with closing(Cluster(dask.scheduler_address)) as cluster:
        monkeypatch.setattr(clusters, "stamp", lambda: mine | {"jax": "0.0.1"})
        with pytest.raises(RequestError, match=rf"got another one: jax {mine['jax']} instead of 0.0.1") as late:
            list(cluster.map(digits, [1, 2]))
    monkeypatch.setattr(clusters, "stamp", lambda: mine | {"sources": "abc"})
    with pytest.raises(
        RequestError, match=rf"another one: tcp://.* has sources {mine['sources']} instead of abc"
    ) as early:
        Cluster(dask.scheduler_address)
    assert all("\n" not in str(caught.value) for caught in (late, early))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "http://127.0.0.1:1", ""])
def test_an_address_where_nobody_answers_is_one_line(address: str) -> None:
    """The address and the reason are named."""
    pytest.importorskip("distributed", reason="needs Dask: pip install elbogap[cluster]")
    with pytest.raises(RequestError, match="--cluster: expected the address of a Dask scheduler, got ") as caught:
        Cluster(address, timeout=0.3)
    assert repr(address) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_long_command_takes_workers_and_a_cluster(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--cluster` and `--workers` are options of each command that takes hours; a wrong value is one line, exit 2."""
    pytest.importorskip("distributed", reason="needs Dask: pip install elbogap[cluster]")
    monkeypatch.chdir(tmp_path)
    Path("sweep.toml").write_text('[grid]\nseeds = [0]\ngamma2 = [10.0]\nmixings = ["moebius"]\n')
    for options, line in (
        (["--cluster", "nowhere"], "--cluster: expected the address of a Dask scheduler, got 'nowhere'"),
        (["--cluster", "nowhere", "--workers", "2"], "--workers: expected only without --cluster, got 2"),
        (["--workers", "0"], "--workers: expected an integer from 1 to 1024, got 0"),
        (["--workers", "two"], "--workers: expected an integer, got 'two'"),
    ):
        assert run([*command, *options]) == 2
        error = capsys.readouterr().err
        assert line in error and error.count("\n") == 1, error
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.toml"]


CLAIM = """
import numpy as np
import elbogap.theorem as th

@th.instances(3)
def some(rng):
    return dict(a=rng.uniform(0.5, 2.0))

def quotient(h, a):
    value = np.expm1(a * h) / h
    return value, 4e-16 * value

law = th.Converges(quotient, along=th.ladder("h", 0.1, 1e-4), limit="a", order=1, constant="a**2/2")
one = th.Claim("quotient", over=some, law=law)
one.control("second order", order=2)
"""


def test_the_study_of_false_alarms_is_the_same_from_two_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`false-alarms FILE.py` by two processes records what one records, seconds aside."""
    (tmp_path / "mine.py").write_text(CLAIM)
    monkeypatch.chdir(tmp_path)
    found = []
    for workers in ("1", "2"):
        options = ["--seeds", "4", "--first-seed", "100000", "--workers", workers, "--out", workers]
        assert run(["false-alarms", "mine.py", *options]) == 0
        document = json.loads(Path(workers, "false-alarms-own.json").read_text())
        del document["parameters"]["seconds"]
        found.append(document)
    assert found[0] == found[1] and found[0]["seed"] == 100000 and found[0]["tried"] == 4


def test_the_job_that_slurm_would_get(tmp_path: Path) -> None:
    """The example's job script asks for what was said, and starts workers with one thread for this scheduler."""
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install elbogap[slurm]")
    script = Path(elbogap.__file__).parent / "examples" / "cluster" / "slurm.py"
    command = [sys.executable, str(script), "--show", "--processes", "3", "--memory", "6GB", "--queue", "short"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    asked = [line for line in shown.splitlines() if line.startswith("#SBATCH")]
    for option in ("-p short", "-n 1", "--cpus-per-task=3", "--mem=6G", "-t 04:00:00"):
        assert f"#SBATCH {option}" in asked, asked
    (start,) = [line for line in shown.splitlines() if "dask_worker" in line]
    assert start.startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://")
    for option in ("--nworkers 3", "--nthreads 1", "--nanny", "--no-dashboard"):
        assert option in start
    assert shown.index("export OMP_NUM_THREADS=1") < shown.index(start)
    assert subprocess.run(["bash", "-n"], input=shown, text=True, check=False).returncode == 0


def test_one_worker_is_this_process() -> None:
    """Without a cluster one worker starts no process; more of them do."""
    with chosen() as alone, chosen(3) as three:
        assert isinstance(alone, Local) and isinstance(three, Workers) and three.count == 3


def test_without_dask_a_cluster_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The missing extra is named."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "elbogap\[cluster\]"'):
        Cluster("tcp://127.0.0.1:1")
