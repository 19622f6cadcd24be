"""A lesson in the browser: marimo's server, in a process of its own, reachable from this machine only.

The address carries a token drawn at each start, so that nobody else on the machine can open it. Compiled programs are
kept in elbogap's cache, so that a lesson opens faster the second time.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..shell import children
from ..shell.cache import cache_directory

HOST = "127.0.0.1"
_PATIENCE = 60.0
"""Seconds that a server may take to start."""


def require_marimo() -> None:
    """ImportError with the hint how to install marimo, if it is missing."""
    if find_spec("marimo") is None:
        raise ImportError('lessons need marimo: pip install "elbogap[teach]"')


@contextmanager
def serving(path: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of the notebook and the process that serves it; the process ends with the block."""
    require_marimo()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    token = secrets.token_urlsafe(16)
    options = ["--log-level", "ERROR", "run", str(path), "--headless", "--no-sandbox", "--host", HOST]
    options += ["--port", str(port), "--no-check", "--include-code", "--token", "--token-password-file", "-"]
    process = children.start(
        children.module("marimo", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | _environment(),
    )
    try:
        assert process.stdin is not None
        process.stdin.write(token)
        process.stdin.close()
        _wait(process, port)
        yield f"http://{HOST}:{port}/?access_token={token}", process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_in_browser(path: Path, *, browser: bool) -> int:
    """Serve the notebook until it is interrupted, and open the browser at it if asked to; an exit status."""
    with serving(path) as (address, process):
        print(address, flush=True)
        print("elbogap: Ctrl-C ends the lesson", file=sys.stderr)
        if browser:
            webbrowser.open(address)
        return 1 if process.wait() else 0


def _environment() -> dict[str, str]:
    return {
        "JAX_COMPILATION_CACHE_DIR": str(cache_directory() / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "EQX_ON_ERROR": "nan",  # programs that may raise cannot be kept
    }


def _wait(process: subprocess.Popen, port: int) -> None:
    """Return when the server answers; RuntimeError if it ends or takes too long."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server of the lesson ended with status {process.returncode}")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server of the lesson did not start within {_PATIENCE:.0f} s")
