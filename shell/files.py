"""Files that are either whole or not there, and the hash of those that results were made from."""

import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.\w+\.part", re.DOTALL)
_ABANDONED = 24 * 3600.0
"""Seconds after which a temporary file of another machine is taken for left over."""


def write_by_rename(path: Path, content: str | bytes) -> Path:
    """Write `content` to a temporary file beside `path`, then rename it; the path.

    The first write to a folder removes the temporary files that killed processes left there. OSError names `path`.
    """
    remove_left_over(path.parent)
    temporary = None
    try:
        # The name, cut so that the temporary one is not too long, and whose file it is.
        handle, temporary = tempfile.mkstemp(".part", f".{path.name[:60]}.{_HOST}-{os.getpid()}.", path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return path


def write_all(folder: Path, files: Mapping[str, str | bytes]) -> list[Path]:
    """Write each file by its name; their paths. One that fails does not keep the others from being written."""
    written: list[Path] = []

    def write(name: str) -> None:
        written.append(write_by_rename(folder / name, files[name]))

    try_all(*(partial(write, name) for name in files))
    return written


def try_all(*actions: Callable[[], object]) -> None:
    """Do every action, also after one that failed with OSError; the first such error is raised at the end."""
    failures = []
    for action in actions:
        try:
            action()
        except OSError as error:
            failures.append(error)
    if failures:
        raise failures[0]


@cache
def remove_left_over(folder: Path) -> None:
    """Remove the temporary files of processes that are no more; once in a process for each folder."""
    with suppress(OSError):
        for path in folder.iterdir():
            if (match := _TEMPORARY.fullmatch(path.name)) and not _may_live(path, match[1], int(match[2])):
                path.unlink(missing_ok=True)


def _may_live(path: Path, host: str, process: int) -> bool:
    """Whether the process that writes this temporary file may still be there."""
    if host != _HOST:
        return time.time() - path.stat().st_mtime < _ABANDONED
    if os.name != "posix":  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


@cache
def hash_of_sources(*folders: str) -> str:
    """The hash of every Python file in these folders of the package, names and contents; ValueError for no folder."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in folders:
        paths = sorted((root / folder).rglob("*.py"))
        if not paths:
            raise ValueError(f"expected a folder of the package with sources, got {folder!r}")
        for path in paths:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
