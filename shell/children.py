"""Processes that end with the process that started them, however that one ends.

A child asks its kernel to be killed when its parent dies (Linux: `prctl(PR_SET_PDEATHSIG)`, see prctl(2)) and, where
there is no such thing, looks every half a second whether its parent is still the same: signal 9 to a command leaves
no worker and no server behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

_PR_SET_PDEATHSIG = 1
_LOOK = 0.5
"""Seconds between two looks at the parent."""


def start(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A fresh interpreter that runs `code` with these arguments, and ends when this process does.

    Never a fork: JAX has threads. options: of `subprocess.Popen`. To be called in the main thread, since Linux watches
    the thread that started the child.
    """
    return subprocess.Popen(_command(code, arguments), text=True, **options)


def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Such an interpreter, whose output `finish` waits for."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return start(code, *arguments, **pipes)


def finish(process: subprocess.Popen[str]) -> str:
    """What it prints; RuntimeError with the last line of its errors if it fails."""
    with process:
        try:
            found, errors = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a worker ended with status {process.returncode}: {last[:200]}")
    return found


def stop(process: subprocess.Popen[str]) -> None:
    """Stop it if it still runs; nobody reads what it printed."""
    with process:  # closes its pipes, then waits for it
        if process.poll() is None:
            process.kill()


def module(name: str, *arguments: str) -> str:
    """The code that runs a module as `python -m name arguments` would."""
    return f"import runpy, sys; sys.argv = {[name, *arguments]!r}; runpy.run_module({name!r}, None, '__main__', True)"


def _command(code: str, arguments: Sequence[str]) -> list[str]:
    bound = f"from elbogap.shell.children import end_with; end_with({os.getpid()})\n{code}"
    return [sys.executable, "-c", bound, *arguments]


def end_with(parent: int) -> None:
    """From here on this process ends when `parent`, which started it, has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be watched
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
