"""The workers of a Dask scheduler as an executor: beyond one machine (extra `cluster`).

The scheduler gives the task of a lost worker to another one. Workers must run the same sources on the same versions as
this process, or digits could differ: each is asked when the connection is made (and the scheduler, which reads what is
sent), and each task says for whom it is, so that a worker that comes later is refused as well. Digits are then those of
a local run on the same kind of processor.
"""

from __future__ import annotations

import asyncio
import platform
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from ..errors import RequestError
from .allocation import reuse_memory
from .files import hash_of_sources
from .terminal import notice

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
_LIBRARIES = ("elbogap", "jax", "jaxlib", "numpy", "scipy")
_FOLDERS = ("shell", "theory", "numerics", "results", "enclosures", "training", "proofs_checks")
"""What a unit of work can run."""
LOOK = 10.0
"""Seconds between two looks at whether there is still a worker."""


@cache
def stamp() -> dict[str, str]:
    """What must agree: Python's version, those of the libraries that make digits, the hash of our sources."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found | {"sources": hash_of_sources(*_FOLDERS)[:12]}


def _answer() -> dict[str, str]:
    """In a worker: its stamp."""
    return stamp()


class _OtherVersion(Exception):
    """Raised in a worker that is not as it should be; its text says in what."""


def _checked(expected: Mapping[str, str], function: Callable[[Task], Outcome], task: Task) -> Outcome:
    """In a worker: function(task), if this is a worker of the expected versions."""
    if differences := _differences(expected, stamp()):
        raise _OtherVersion(differences)
    reuse_memory()
    return function(task)


async def _handshake(address: str, timeout: float) -> None:
    """Connect to a Dask scheduler, and hang up."""
    from distributed.comm import connect

    comm = await connect(address, timeout=timeout)
    await comm.close()


def _differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Where a worker differs, in words; "" if it does not."""
    return ", ".join(
        f"{name} {found.get(name, 'none')} instead of {value}"
        for name, value in expected.items()
        if found.get(name) != value
    )


class Cluster:
    """Tasks on the workers of a Dask scheduler, which gives the task of a lost worker to another one.

    address: of the scheduler, such as "tcp://10.0.0.1:8786". To be closed (`contextlib.closing`). ImportError with the
    extra to install without Dask; RequestError where no scheduler answers within `timeout` seconds or a worker is of
    other versions; RuntimeError if the scheduler is lost, or a task ended every worker that it was given.
    """

    def __init__(self, address: str, *, timeout: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ImportError('a cluster needs Dask: pip install "elbogap[cluster]"') from error
        self.address = address
        try:
            # A client that never connected complains when it is collected: the address is tried before.
            with ThreadPoolExecutor(1) as beside:  # where a notebook's event loop may run in this thread
                beside.submit(asyncio.run, _handshake(address, timeout)).result()
            self.client = Client(address, timeout=timeout, set_as_default=False)
        except Exception as error:  # whatever a name, a port or a protocol can be wrong in
            reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise RequestError(
                f"--cluster: expected the address of a Dask scheduler, got {address!r} ({reason})"
            ) from None
        try:
            self._ask_workers()
        except BaseException:
            self.close()
            raise

    def _ask_workers(self) -> None:
        """RequestError if the scheduler or one of the workers is of other versions."""
        answers: dict[str, Any] = self.client.run(_answer, on_error="return")
        if not answers:
            notice(f"no worker at {self.address} yet: waiting for the first")
        try:  # it reads what is sent to workers, and so needs to know it
            scheduler: Any = self.client.run_on_scheduler(_answer)
        except Exception as error:
            scheduler = error
        for worker, found in ({"the scheduler": scheduler} | answers).items():
            if isinstance(found, Exception):
                raise self._refused(f"{worker} has no elbogap of this version ({type(found).__name__}: {found})")
            if differences := _differences(stamp(), found):
                raise self._refused(f"{worker} has {differences}")

    def _refused(self, what: str) -> RequestError:
        return RequestError(f"--cluster: expected scheduler and workers of this version, got another one: {what}")

    def map(self, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """(i, function(tasks[i])) as the workers finish them."""
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        checked = partial(_checked, stamp(), function)
        # Not pure in Dask's sense: equal tasks of one call stay two tasks.
        futures = {self.client.submit(checked, task, pure=False): index for index, task in enumerate(tasks)}
        try:
            with self._watched():
                for future in as_completed(list(futures), loop=self.client.loop):
                    outcome: Any = future.result()
                    yield futures.pop(future), outcome  # and the workers may forget it
        except _OtherVersion as error:
            raise self._refused(str(error)) from None
        except RuntimeError as error:
            if "deserialization" not in str(error):
                raise
            raise self._refused("one has no elbogap of this version") from None
        except KilledWorker as error:
            raise RuntimeError(f"a task ended every worker that it was given (out of memory?): {error}"[:300]) from None
        except CancelledError:
            raise RuntimeError(f"the scheduler at {self.address} is gone; what was finished is kept") from None
        finally:
            self.client.cancel(list(futures), force=True)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Say so, once, whenever the last worker is gone: a batch system may start another, and so we wait for it."""
        ended = threading.Event()
        none_yet = not self.client.nthreads()  # said when the connection was made

        def look() -> None:
            said = none_yet
            while not ended.wait(LOOK):
                try:
                    none_left = not self.client.nthreads()
                except Exception:  # the scheduler is gone, and whoever waits for a task is told
                    return
                if none_left and not said:
                    notice(f"no worker left at {self.address}: waiting for another (Ctrl-C ends; what is done is kept)")
                said = none_left

        thread = threading.Thread(target=look, name="elbogap-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        """End the connection; tasks that nobody waits for any more are dropped by the scheduler."""
        self.client.close()
