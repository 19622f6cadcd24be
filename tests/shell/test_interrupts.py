"""SIGTERM does what Ctrl-C does: status 130, one line, nothing written, nothing left running."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLAIM = """
import time
from pathlib import Path
from elbogap import theorem as th

def slow(eps):
    Path("begun").touch()
    time.sleep(60)
    return eps

claim = th.Claim("slow", "It takes its time.", law=th.Converges(slow, along=th.ladder("eps", 0.1, 1e-3), order=1,
                 constant=1))
claim.control("rate 2", order=2)
"""
PATIENCE = 60.0
"""Seconds for an interpreter to start on a busy machine."""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_in_one_line(number: signal.Signals, command_line: list[str], tmp_path: Path) -> None:
    """A `verify` that is told to end in the middle of its work says so in one line, with status 130 and no results."""
    (tmp_path / "slow.py").write_text(CLAIM)
    command = [*command_line, "verify", "slow.py", "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "begun").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "elbogap: interrupted" and "Traceback" not in err
    assert out == "" and not (tmp_path / "out").exists()
