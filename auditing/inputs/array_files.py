"""Arrays from files that may be damaged, truncated or made up: exact, or refused in one line.

.npy is mapped, not read; of .npz the member's header must say exactly as many bytes as the archive holds for it; a
.safetensors file is judged whole (offsets, sizes, overlaps) by the library of that name. A header that asks for more
than its file has is refused before anything of that size is allocated.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...errors import RequestError
from ...shell.requests import one_of, shown

_SAFETENSORS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_DEFLATED = 1032
"""Bytes that one byte of deflate can stand for, at most (zlib's technical details)."""


def read_array(path: Path, name: str | None, option: str) -> np.ndarray:
    """The array of a .npy file (mapped), or of a .npz file: the one called `name`, or its only one."""
    if path.suffix not in (".npy", ".npz"):
        raise RequestError(f"{option}: expected a .npy or .npz file, got {shown(str(path))}")
    if not path.is_file():
        raise RequestError(f"{option}: expected a file that exists, got {shown(str(path))}")
    try:
        found = (
            np.load(path, mmap_mode="r", allow_pickle=False) if path.suffix == ".npy" else _member(path, name, option)
        )
        if isinstance(found, np.ndarray) and found.dtype.kind in "biuf":
            return found
        given = found.dtype if isinstance(found, np.ndarray) else "an archive"
    except RequestError:
        raise
    except Exception as error:  # zipfile, zlib, struct and NumPy's parser each have errors of their own
        text = " ".join(str(error).split())[:100]
        raise RequestError(f"{option}: expected a NumPy file of numbers, got {path.name} ({text})") from error
    raise RequestError(f"{option}: expected a NumPy file of real numbers, got {path.name} with {given}")


def _member(path: Path, name: str | None, option: str) -> np.ndarray:
    """One array of a .npz file, as large as the archive says and the file can hold."""
    with zipfile.ZipFile(path) as archive:
        members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
        if name is None and len(members) != 1:
            choices = ", ".join(list(members)[:20])
            raise RequestError(f"{option}: expected {path.name}:NAME, NAME one of {choices}, got none")
        if name is not None:
            one_of(f"{option}, {path.name}", name, members)
        chosen = members[name or next(iter(members))]
        if chosen.file_size > _DEFLATED * path.stat().st_size:
            raise ValueError("the archive promises more than it holds")
        with archive.open(chosen) as stream:
            version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, _, dtype = read(stream)
            promised = math.prod(shape) * dtype.itemsize + stream.tell()
            if dtype.hasobject or promised != chosen.file_size or min(shape, default=0) < 0:
                raise ValueError(f"its header promises {promised} bytes, the archive has {chosen.file_size}")
        with archive.open(chosen) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)  # type: ignore[no-untyped-call]


def read_safetensors(path: Path, option: str = "--weights") -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file by name; ImportError with the hint where the library is missing."""
    try:
        import safetensors
    except ImportError as error:
        raise ImportError('.safetensors files need safetensors: pip install "elbogap[safetensors]"') from error
    try:
        found: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(path.read_bytes())
        return {
            name: np.frombuffer(entry["data"], dtype=_SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in found
        }
    except Exception as error:  # the library's own error is no public name
        text = " ".join(str(error).split())[:100]
        raise RequestError(f"{option}: expected a safetensors file, got {path.name} ({text})") from error


def require_same_kind(name: str, given: np.ndarray, wanted: Any, option: str) -> None:
    """RequestError unless a floating leaf gets floating numbers, and another one its own kind."""
    floating = jnp.issubdtype(given.dtype, jnp.floating), jnp.issubdtype(wanted, jnp.floating)
    if floating[0] != floating[1] or (not floating[1] and given.dtype != wanted):
        raise RequestError(f"{option}: expected numbers of type {wanted} for {name}, got {given.dtype}")
