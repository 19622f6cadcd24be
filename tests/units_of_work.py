"""Units of work for the tests of executors, in a module that the processes which do them can import."""

import hashlib
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any


def digits(task: int, log: str = "", pause: float = 0.0) -> dict[str, Any]:
    """A unit of work: digits that depend on the task alone. It says in a file that it was begun, and by whom."""
    if log:
        with open(log, "a") as stream:
            stream.write(f"{task} {os.getpid()}\n")
    time.sleep(pause)
    return {"task": task, "digits": hashlib.sha256(str(task).encode()).hexdigest()}


def deadly(task: int, log: str, pause: float = 0.0) -> dict[str, Any]:
    """The same, but task 3 ends its worker by signal 9 the first time that it is done."""
    found = digits(task, log, pause)
    if task == 3 and Path(log).read_text().split("\n").count(f"3 {os.getpid()}") and begun(Path(log))[3] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return found


def mortal(task: int) -> None:
    """A unit that ends every worker."""
    os.kill(os.getpid(), signal.SIGKILL)


def lines_of(log: Path) -> list[list[int]]:
    """(task, process) of everything that was begun."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [[int(number) for number in line.split()] for line in lines]


def begun(log: Path) -> Counter:
    """How often each task was begun."""
    return Counter(task for task, _ in lines_of(log))
