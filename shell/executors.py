"""Where units of work are computed: one interface, for what takes hours.

An executor takes a function and its tasks and yields (index, outcome) as they finish, in any order; everything else
(what is to be done, what is kept, what is shown) does not know where the work is done. Three there are: this process
(`Local`), processes of this machine (`Workers`), the workers of a Dask scheduler (`cluster.Cluster`). Function and
tasks must be picklable for any but the first, and the function pure: a task whose worker was lost is done again, and
its outcome comes once.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..errors import RequestError
from . import children, requests

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
MOST_WORKERS = 1024
FRUITLESS = 3
"""So often may workers be lost in a row without any outcome in between."""


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


class Workers:
    """Processes of this machine: fresh interpreters (never a fork: JAX has threads) that end with this one.

    When one is lost (killed, out of memory), all are started again for what is not done yet. A script that uses them
    guards its work by `if __name__ == "__main__":`, as for `multiprocessing`. RuntimeError if workers are lost
    `FRUITLESS` times in a row before they have finished anything.
    """

    def __init__(self, count: int) -> None:
        self.count = requests.whole("workers", count, 1, MOST_WORKERS)

    def map(self, function: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """(i, function(tasks[i])) as the workers finish them."""
        left = dict(enumerate(tasks))
        fruitless = 0
        while left:
            before = len(left)
            with closing(self._attempt(function, dict(left))) as outcomes:
                for index, outcome in outcomes:
                    del left[index]
                    yield index, outcome
            fruitless = fruitless + 1 if len(left) == before else 0
            if fruitless == FRUITLESS:
                raise RuntimeError(
                    f"workers were lost {FRUITLESS} times before they finished a task "
                    "(out of memory, or a function that they cannot import?)"
                )

    def _attempt(
        self, function: Callable[[Task], Outcome], tasks: Mapping[int, Task]
    ) -> Generator[tuple[int, Outcome], None, None]:
        """What is finished until all is, or a worker is lost."""
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            min(self.count, len(tasks)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )
        futures: dict[Any, int] = {}
        try:
            try:
                for index, task in tasks.items():
                    futures[pool.submit(function, task)] = index
            except BrokenProcessPool:  # lost already; what was submitted says so as well
                pass
            for future in as_completed(list(futures)):
                index = futures.pop(future)
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield index, future.result()
        finally:
            if futures:  # nobody waits any more for what is under way
                for process in set(multiprocessing.active_children()) - others:
                    process.kill()
            pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """In a worker: end with the process that started it, which alone answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children.end_with(parent)


@contextmanager
def chosen(workers: int = 1, cluster: str | None = None) -> Iterator[Executor]:
    """The executor that `--workers N` or `--cluster ADDRESS` asks for; RequestError for both, or a wrong one.

    One worker is this process.
    """
    requests.whole("--workers", workers, 1, MOST_WORKERS)
    if cluster is None:
        yield Local() if workers == 1 else Workers(workers)
        return
    if workers != 1:
        raise RequestError(f"--workers: expected only without --cluster, got {workers}")
    from .cluster import Cluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised, in one line
    with closing(Cluster(cluster)) as connected:
        yield connected
