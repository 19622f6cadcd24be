"""Progress of long work, on standard error: a bar with the time left, or at most a line in ten seconds off a terminal.

The beginning of a stage and the end of a long one have their line in any case. The time left is that of the work so
far, taken to go on at its rate; nothing is said of it before anything is done.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done)."""
PAUSE = 10.0
"""Seconds between two lines where there is no terminal."""


def silent(done: int, total: int, what: str) -> None:
    """A `Progress` that is not shown."""


@contextmanager
def progress() -> Iterator[Progress]:
    """A `Progress` that lives as long as the block."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines(lambda line: print(line, file=sys.stderr, flush=True))
        return
    left = TimeRemainingColumn()
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), left)
    with Bar(*columns, TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Progress:
    """A `Progress` in lines, `[done/total] what, about 3 min left`: one at once, none within PAUSE of the last.

    Also the beginning of a stage (0 done), and the end of one that has lasted; each once.
    """
    begun, before, last = clock(), 0, -float("inf")
    seen = float("inf")

    def notify(done: int, total: int, what: str) -> None:
        nonlocal begun, before, last, seen
        now = clock()
        begins, ends = done < seen, seen < total == done
        if begins:  # the first, or another stage: what was done does not count
            begun, before = now, done
        seen = done
        said_in_any_case = (begins and done == 0) or (ends and now - begun >= PAUSE)
        if now - last < PAUSE and not said_in_any_case:
            return
        last, did = now, done - before
        left = f", about {duration((now - begun) * (total - done) / did)} left" if did > 0 and done < total else ""
        say(f"[{done}/{total}] {what}{left}")

    return notify


def duration(seconds: float | int) -> str:
    """40 s, 3 min, 2 h 5 min: as exactly as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
