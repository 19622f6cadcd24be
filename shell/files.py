"""Files that are either whole or not there, and the hash of those that results were made from."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path


def write_by_rename(path: Path, content: str | bytes) -> Path:
    """Write `content` to a temporary file beside `path`, then rename it; the path."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


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
