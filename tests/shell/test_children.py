"""A child ends with its parent, however that one ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from elbogap.shell import children

PARENT = """
import os, subprocess, sys, time
from elbogap.shell import children
work = "import time; print('there', flush=True); time.sleep(600)"
if sys.argv[1] == "kernel":
    child = children.start(work, stdout=subprocess.PIPE)
else:
    bound = f"import sys; from elbogap.shell import children; sys.platform = '?'; children.end_with({os.getpid()})"
    child = subprocess.Popen([sys.executable, "-c", f"{bound}; {work}"], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
PATIENCE = 2.0
"""Seconds that a child may outlive its parent."""


def ended(process: int) -> bool:
    """Whether there is no such process any more, or only its entry in the table."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", ["kernel", "watch"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_does_not_outlive_its_parent(how: str, number: int) -> None:
    """Two seconds after signal 9 or 15 to the parent the child is gone: by the kernel's word, and by looking."""
    with subprocess.Popen([sys.executable, "-c", PARENT, how], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not ended(child)
        os.kill(parent.pid, number)
        parent.wait()
        end = time.monotonic() + PATIENCE
        while not ended(child) and time.monotonic() < end:
            time.sleep(0.05)
        assert ended(child)


def test_the_output_of_a_worker_comes_back() -> None:
    """`finish` gives what the worker prints, and its last line of errors where it fails."""
    assert children.finish(children.begin("import sys; print(sys.argv[1:])", "a", "b")) == "['a', 'b']\n"
    with pytest.raises(RuntimeError, match="a worker ended with status 1: ValueError: no"):
        children.finish(children.begin("raise ValueError('no')"))


def test_a_module_runs_as_it_would_alone() -> None:
    """`module` hands over the arguments as `python -m` does."""
    assert children.finish(children.begin(children.module("platform", "terse"))).strip()
