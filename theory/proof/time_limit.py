"""A time limit around one computation: an alarm in the main thread, an asynchronous exception elsewhere.

SymPy gives no way to stop a call, and a normal form can take arbitrarily long. In the main thread of any
process (a spawned one included) `signal.setitimer` interrupts it; in another thread, or where there is no
SIGALRM, a timer thread raises the exception in the computing thread, which takes effect at its next Python
instruction.
"""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TimeLimitExceeded(Exception):
    """The computation under `time_limit` did not finish in time."""


@contextmanager
def time_limit(seconds: float | int) -> Iterator[None]:
    """Raise TimeLimitExceeded inside the block once `seconds` have passed. Limits must not be nested.

    Raises ValueError if `seconds` is not positive.
    """
    if seconds <= 0:
        raise ValueError(f"time limit {seconds} is not positive, expected seconds > 0")
    in_main = threading.current_thread() is threading.main_thread()
    with _alarm(seconds) if in_main and hasattr(signal, "setitimer") else _asynchronous(seconds):
        yield


@contextmanager
def _alarm(seconds: float | int) -> Iterator[None]:
    def interrupt(number: int, frame: Any) -> None:
        raise TimeLimitExceeded(f"no result within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _asynchronous(seconds: float | int) -> Iterator[None]:
    target = ctypes.c_ulong(threading.get_ident())

    def interrupt() -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(TimeLimitExceeded))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
