"""What commands and functions are asked for, judged before any work begins: one line says what is wrong.

Each function gives back the value that it was given, or raises RequestError "NAME: expected ..., got ...", where NAME
is an option ("--seed") or a parameter ("seed"). Nothing is rounded, guessed or cut.
"""

from __future__ import annotations

import difflib
import math
import operator
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RequestError

if TYPE_CHECKING:
    import numpy as np

EFFORTS = ("quick", "standard", "full")
LARGEST_SEED = 2**32 - 1
"""The largest seed of every command and function."""
_SHOWN = 80
_PROBE = bytes(4096)
"""What is written to see whether a folder takes files: a full disk refuses bytes, not names."""


def shown(value: Any) -> str:
    """The value as a message shows it: one line, not too long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an integer of thousands of digits, an object whose repr fails
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def whole(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """The integer `value` in least..most; floats, also 2.0, and booleans are refused, never rounded."""
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None or (least is not None and found < least) or (most is not None and found > most):
        bounds = "" if least is None else f" >= {least}" if most is None else f" from {least} to {most}"
        raise RequestError(f"{name}: expected an integer{bounds}, got {shown(value)}")
    return found


def number(
    name: str,
    value: Any,
    above: float | int = -math.inf,
    least: float | int = -math.inf,
    most: float | int = math.inf,
) -> float:
    """The finite number `value`, more than `above`, at least `least`, at most `most`."""
    try:
        found = math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not (math.isfinite(found) and above < found and least <= found <= most):
        bounds = [f"> {above:g}"] * (above > -math.inf) + [f">= {least:g}"] * (least > -math.inf)
        bounds += [f"<= {most:g}"] * (most < math.inf)
        expected = f"a number {' and '.join(bounds)}" if bounds else "a finite number"
        raise RequestError(f"{name}: expected {expected}, got {shown(value)}")
    return found


def text(name: str, value: Any) -> str:
    """The text `value`, not empty."""
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{name}: expected a text, got {shown(value)}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise RequestError(f"{name}: expected True or False, got {shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """The function `value`."""
    if not callable(value):
        raise RequestError(f"{name}: expected a function, got {shown(value)}")
    return value


def numbers(name: str, value: Any) -> np.ndarray:
    """The real numbers `value` as an array of float64, of whatever shape; nan and infinity are numbers here."""
    import numpy as np

    try:
        found = np.asarray(value)
        if found.dtype.kind in "fiub" or (found.size and all(isinstance(one, Real) for one in found.flat)):
            return found.astype(float)
    except (TypeError, ValueError, OverflowError):
        pass
    raise RequestError(f"{name}: expected real numbers, got {shown(value)}")


def seed(value: Any, name: str = "--seed") -> int:
    """A seed, from 0 to `LARGEST_SEED`."""
    return whole(name, value, 0, LARGEST_SEED)


def effort(value: Any, name: str = "--effort") -> str:
    """One of `EFFORTS`."""
    return one_of(name, value, EFFORTS)


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """`value` if it is known; the message names all that are, and the nearest."""
    choices = tuple(known)
    if isinstance(value, str) and value in choices:
        return value
    near = nearest(value, choices)
    hint = f" (did you mean {near!r}?)" if near else ""
    raise RequestError(f"{name}: expected one of {', '.join(choices)}, got {shown(value)}{hint}")


def known(kind: str, value: Any, names: Iterable[str], expected: str = "one of ", prefix: str = "") -> str:
    """`value` if there is a `kind` of this name; the message gives the nearest name, or else all of them."""
    choices = tuple(names)
    if isinstance(value, str) and value in choices:
        return value
    near = nearest(value, choices)
    hint = f"did you mean {near!r}?" if near else f"expected {expected}{', '.join(choices)}"
    raise RequestError(f"unknown {kind} {shown(f'{prefix}{value}')}: {hint}")


def nearest(value: Any, names: Iterable[str]) -> str | None:
    """The name most like `value`, None if none is."""
    close = difflib.get_close_matches(value[:_SHOWN], tuple(names), n=1, cutoff=0.4) if isinstance(value, str) else []
    return close[0] if close else None


@contextmanager
def out_folder(path: Path | None, name: str = "--out") -> Iterator[None]:
    """A block whose work ends in files in this folder: made if need be, and tried with real bytes before the work.

    RequestError if the folder cannot be made or does not take them. If the block fails, folders that were made for it
    and are still empty are removed; files are never.
    """
    if path is None:
        yield
        return
    made: list[Path] = []
    try:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        _try(path)
    except OSError as error:
        _remove_empty(made)
        raise RequestError(
            f"{name}: expected a folder that can be written, got {shown(str(path))} ({_reason(error)})"
        ) from None
    try:
        yield
    except BaseException:
        _remove_empty(made)
        raise


def out_file(path: Path, name: str = "--out") -> Path:
    """The path, if a file can be written there, in a folder that exists; tried with real bytes."""
    try:
        if path.is_dir():
            raise RequestError(f"{name}: expected a file, got the folder {shown(str(path))}")
        if not path.parent.is_dir():
            raise RequestError(f"{name}: expected a file in a folder that exists, got {shown(str(path))}")
        _try(path.parent)
    except OSError as error:
        raise RequestError(
            f"{name}: expected a file that can be written, got {shown(str(path))} ({_reason(error)})"
        ) from None
    return path


def _try(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as stream:
        stream.write(_PROBE)
        stream.flush()


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove these folders, the deepest first, as far as they are there and empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _reason(error: OSError) -> str:
    return error.strerror or "cannot be written"
