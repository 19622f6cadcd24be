"""Entries that are kept between runs: they cost time where they are missing or damaged, never a result.

An entry is a file that is written by rename and sealed: one line `elbogap-kept 1 SHA256`, then the content, so that a
byte that changed is noticed. What cannot be read, is of another version, or does not say what it should, is ignored
with one line on standard error and made anew; what cannot be written is not kept, which is said once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .files import write_by_rename
from .terminal import notice, notice_once

Value = TypeVar("Value")
_HEAD = b"elbogap-kept 1 "


def read_kept(path: Path, parse: Callable[[bytes], Value]) -> Value | None:
    """What is kept at `path`, None if there is nothing that counts; `parse` may raise anything for a wrong content."""
    try:
        sealed = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        notice_once(f"the cache is ignored: {path.parent} cannot be read ({error.strerror or error})")
        return None
    seal, _, content = sealed.partition(b"\n")
    if seal != _seal(content):
        notice(f"ignored {path}: damaged or of another version; it is made anew")
        return None
    try:
        return parse(content)
    except Exception as error:
        notice(f"ignored {path}: {type(error).__name__}: {str(error)[:100]}; it is made anew")
        return None


def keep(path: Path, content: bytes | str) -> None:
    """Keep `content` at `path`; where that cannot be done, the next run makes it again."""
    raw = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_by_rename(path, _seal(raw) + b"\n" + raw)
    except OSError as error:
        notice_once(f"nothing is kept in {path.parent}: it cannot be written ({error.strerror or error})")


def kept_json(path: Path, make: Callable[[], Any]) -> Any:
    """What `make` gives as plain data: read where it is kept, else made and kept."""
    found = read_kept(path, json.loads)
    if found is None:
        text = json.dumps(make())
        keep(path, text)
        found = json.loads(text)
    return found


def _seal(content: bytes) -> bytes:
    return _HEAD + hashlib.sha256(content).hexdigest().encode()
