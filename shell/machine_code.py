"""JAX's folder of compiled programs, made to keep its word: a damaged entry is compiled anew, never run.

JAX writes an entry in place, never replaces one that is there, and checks at most zlib's own sum: a process that was
killed while it wrote leaves an entry that warns in every later run. So each entry is sealed: `seals.json` holds its
size and CRC-32. At the start of a command every entry is compared with its seal and removed if it differs; an entry
without one (of a run that was killed) counts if it decompresses. At the end of the command what is new is sealed.
"""

from __future__ import annotations

import atexit
import json
import tempfile
import warnings
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

from .files import write_by_rename
from .terminal import notice, notice_once

_SEALS = "seals.json"
_ENTRIES = "*-cache"


def watch(folder: Path) -> str | None:
    """The folder for JAX, its entries checked now and sealed at the end; None where there can be no folder."""
    _hear_warnings(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        seal(folder)
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(4096))
    except OSError as error:
        readable = folder.is_dir()
        done = "nothing is kept" if readable else "the cache is ignored"
        notice_once(f"{done}: {folder} cannot be written ({error.strerror or error})")
        return str(folder) if readable else None
    atexit.register(_seal_quietly, folder)
    return str(folder)


def seal(folder: Path) -> None:
    """Remove what does not fit its seal or, without one, does not decompress; seal the rest. OSError if it cannot."""
    seals = _read(folder / _SEALS)
    found: dict[str, list[int]] = {}
    damaged = 0
    for path in folder.glob(_ENTRIES):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # removed by another process
            continue
        mark = [len(content), zlib.crc32(content)]
        if seals[path.name] == mark if path.name in seals else _decompresses(content):
            found[path.name] = mark
        else:
            path.unlink(missing_ok=True)
            damaged += 1
    if damaged:
        notice(f"ignored {damaged} damaged programs in {folder}: they are compiled anew")
    if found != seals:
        write_by_rename(folder / _SEALS, json.dumps(found))


def _seal_quietly(folder: Path) -> None:
    """Seal at the end; what cannot be sealed is judged by its content at the next start."""
    if folder.is_dir():
        try:
            seal(folder)
        except OSError:
            return


def _read(path: Path) -> dict[str, list[int]]:
    """The seals, none where they cannot be read: every entry is then judged by its content."""
    try:
        seals = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return seals if isinstance(seals, dict) else {}


def _decompresses(content: bytes) -> bool:
    try:
        _inflated(content)
    except Exception:  # each library has its own error
        return False
    return True


def _inflated(content: bytes) -> bytes:
    """As JAX does it: zstandard where it is installed, else zlib."""
    if content[:1] == b"\x78":  # every zlib stream that JAX writes begins so
        return zlib.decompress(content)
    try:
        return import_module("compression.zstd").decompress(content)
    except ImportError:
        return import_module("zstandard").ZstdDecompressor().decompress(content)


def _hear_warnings(folder: Path) -> None:
    """Turn JAX's warnings about this folder into one line for all."""
    shown = warnings.showwarning

    def show(message: Warning | str, *arguments: Any, **options: Any) -> None:
        text = str(message)
        if "persistent compilation cache entry" in text:
            notice_once(f"a program in {folder} is ignored or not kept ({text.rpartition(': ')[2][:100]})")
        else:
            shown(message, *arguments, **options)

    warnings.showwarning = show
