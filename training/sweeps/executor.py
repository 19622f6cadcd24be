"""Where runs are computed: one interface, with this process as the default and a cluster as the other.

An executor takes a function and its tasks and yields (index, outcome) as they finish, in any order; everything else
(what is to be done, what is stored, what is shown) does not know where the work is done. Function and tasks must be
picklable for any executor but the local one, and the function must be pure: a cluster may run a task twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from ...errors import RequestError

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


@runtime_checkable
class Executor(Protocol):
    """Computes tasks."""

    def map(self, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """(i, function(tasks[i])) for every i exactly once, as they finish."""


class Local:
    """One task after the other, in this process: compiled programs are shared, and nothing is to be installed."""

    def map(self, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """(i, function(tasks[i])) in order."""
        for index, task in enumerate(tasks):
            yield index, function(task)


class Cluster:
    """Tasks on the workers of a Dask scheduler, which gives the task of a lost worker to another one.

    address: of the scheduler, such as "tcp://10.0.0.1:8786". To be closed (`contextlib.closing`). ImportError with the
    extra to install without Dask, RequestError where no scheduler answers.
    """

    def __init__(self, address: str, *, timeout: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ImportError('a cluster needs Dask: pip install "elbogap[cluster]"') from error
        try:
            self.client = Client(address, timeout=timeout)
        except (OSError, ValueError) as error:
            raise RequestError(
                f"--cluster: expected the address of a Dask scheduler, got {address!r} ({error})"
            ) from None

    def map(self, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """(i, function(tasks[i])) as the workers finish them."""
        from distributed import as_completed

        # Not pure in Dask's sense: equal tasks of one call stay two tasks.
        futures = [self.client.submit(function, task, pure=False) for task in tasks]
        index = {future.key: i for i, future in enumerate(futures)}
        for future, outcome in as_completed(futures, with_results=True):
            yield index[future.key], outcome

    def close(self) -> None:
        """End the connection; tasks that nobody waits for any more are dropped by the scheduler."""
        self.client.close()
