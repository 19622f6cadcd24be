"""Workers that were started to give every page back use memory again."""

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from elbogap.shell.allocation import reuse_memory
if sys.argv[1] == "reuse":
    assert reuse_memory()
a = np.ones(2**17)
for _ in range(5):
    a * a + a
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    a * a + a
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
_PAGES = 256
"""Of an array of 1 MiB."""


def _run(code: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that maps")
def test_arrays_use_memory_again_where_glibc_was_told_to_give_it_back():
    """With Dask's threshold fifty operations on arrays of 1 MiB touch every page anew; after `reuse_memory` none do."""
    asked = {"MALLOC_TRIM_THRESHOLD_": "65536"}
    assert int(_run(_FAULTS, "as it is", **asked)) > 50 * _PAGES
    assert int(_run(_FAULTS, "reuse", **asked)) < 5 * _PAGES


@pytest.mark.parametrize("given", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "131072"}])
def test_what_was_asked_for_is_left_alone(given: dict[str, str]):
    """Nothing is set in a process that nobody told anything, nor in one whose limit was chosen."""
    assert _run("from elbogap.shell.allocation import reuse_memory; print(reuse_memory())", **given) == "False"


_FREED = """
import sys
from pathlib import Path
from elbogap.shell.allocation import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

blocks = [bytes(2**15) for _ in range(4096)]
last = bytes(2**15)  # above what is freed: glibc by itself gives back only the top
before = resident()
del blocks
if sys.argv[1] == "give back":
    assert give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps")
def test_freed_memory_is_given_back():
    """Of 128 MiB freed below a block in use most stays with the process; after `give_back` nearly all is gone."""
    assert float(_run(_FREED, "as it is")) < 32
    assert float(_run(_FREED, "give back")) > 96
