"""Claims of one's own from a file: FILE.py or FILE.py:NAME is executed, and its `Claim` objects are found.

NAME is the variable or the id of a claim. Environment variables make JAX ready (float64, compiled programs kept between
runs) without loading it: only a file that imports it does.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..errors import RequestError
from ..shell import requests
from ..shell.cache import cache_directory
from ..shell.machine_code import watch
from ..shell.python_files import module_of
from .claim import Claim


def is_file(name: str) -> bool:
    """Whether a request names a file rather than the id of a claim."""
    path = name.partition(":")[0] if ".py:" in name else name
    return path.endswith(".py") or "/" in path


def claims_in(name: str) -> list[Claim]:
    """The claims of FILE.py, or the one that FILE.py:NAME names; RequestError, one line, for what is wrong."""
    text, _, wanted = name.rpartition(":") if ".py:" in name else (name, "", "")
    module = executed(Path(text))
    found: dict[str, Claim] = {}
    for variable, value in vars(module).items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if (isinstance(one, Claim) and one.law is not None) or (isinstance(one, Claim) and not one.laws):
                found[f"{variable}\n{one.id}"] = one
    claims = list(dict.fromkeys(found.values()))
    for claim in claims:
        if sum(other.id == claim.id for other in claims) > 1:
            raise RequestError(f"{text}: expected one claim with the id {claim.id!r}, got two")
    if not claims:
        raise RequestError(f"{text}: expected a claim, elbogap.theorem.Claim(...), got none in the file")
    if not wanted:
        return claims
    by_name = {part: one for key, one in found.items() for part in key.split("\n")}
    return [by_name[requests.known("claim", wanted, by_name, prefix=f"{text}:")]]


def executed(path: Path) -> ModuleType:
    """The module that a file is; what it raises becomes one line with file and line."""
    if not path.is_file():
        raise RequestError(
            f"{path}: expected a file with claims, got {'a folder' if path.is_dir() else 'no such file'}"
        )
    _make_ready()
    name = f"elbogap_claims_{path.stem}"
    if path.suffix != ".py":
        raise RequestError(f"{path}: expected a Python file, got {path.suffix or 'no suffix'}")
    module, loader = module_of(path, name)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        loader.exec_module(module)
    except Exception as error:
        raise RequestError(f"{_place(error, path)}: {_what(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _make_ready() -> None:
    """Say by the environment what JAX is to do if the file imports it; a cache that cannot be used is said once."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "jax" in sys.modules:
        return
    if folder := watch(cache_directory() / "programs"):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder


def _place(error: Exception, path: Path) -> str:
    """file, line N: where in the user's file it happened."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{path}, line {error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.absolute()
    ]
    lines = lines or [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == path.name]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _what(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, RequestError) else f"{type(error).__name__}: {text}"
