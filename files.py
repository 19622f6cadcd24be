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
    """The hash of every Python file in these folders of the package."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
