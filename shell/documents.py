"""Documents of text that come from elsewhere: read within bounds, refused in one line.

A file is believed only as far as it reaches: its size is looked at before it is read, and what is nested deeper than
Python's parser goes is refused like any other mistake.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RequestError

LARGEST = 64 * 2**20
"""Bytes of the largest text that is read."""
Document = TypeVar("Document")


def read_json(path: Path, expected: str) -> Any:
    """The JSON document in a file; `expected` says what it should be, for the message."""
    return _parsed(path, f"{expected} in JSON", lambda text: json.loads(text, parse_constant=_refused))


def read_toml(path: Path) -> dict[str, Any]:
    """The TOML document in a file."""
    return _parsed(path, "a TOML file", tomllib.loads)


def _parsed(path: Path, expected: str, parse: Callable[[str], Document]) -> Document:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RequestError(f"{path}: expected a file that can be read, got {reason}") from None
    if len(content) > LARGEST:
        raise RequestError(f"{path.name}: expected {expected}, at most {LARGEST >> 20} MiB, got more")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestError(f"{path.name}: expected {expected}, got no text") from None
    try:
        return parse(text)
    except RecursionError:
        raise RequestError(f"{path.name}: expected {expected}, got one that is nested too deep") from None
    except ValueError as error:
        raise RequestError(f"{path.name}: expected {expected}, got {' '.join(str(error).split())[:100]}") from None


def _refused(name: str) -> Any:
    raise ValueError(f"{name}, which is no number of JSON")
