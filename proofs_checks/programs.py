"""Compiled programs that survive the process: traced once, exported, and read back by the next run.

JAX's persistent cache saves compilation but not tracing, which costs seconds for a program full of derivatives. Here a
program is exported (StableHLO, `jax.export`) under a key made of the sources it was traced from, the structure and
shapes of its arguments and JAX's version; the next run reads it back and the persistent cache supplies the machine
code. Without a folder, programs are simply jitted. `names` says which programs a run used.

Most of the time goes into making machine code. XLA's emitter of fused loops takes half of it, and the code runs no
faster for it here: it is left out. Where each program runs once or twice, `optimise` is left out too: the code is then
made in half of the time again, and runs at half the speed.

A long run also keeps what its programs *found*, under the program's key and the bytes of its arguments, until it is
complete: a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import equinox as eqx
import jax
import jax.export
import numpy as np

from ..shell.files import hash_of_sources
from ..shell.kept import keep, read_kept

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_SOURCES = ("numerics", "proofs_checks")
_QUICKLY_MADE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
_FINDS_LAPACK = (0, 10, 2)
"""The release of JAX from which a program that was read is known to find LAPACK; 0.9.0 does not."""
_OPTIMISED, _NOT_OPTIMISED = ({"xla_backend_optimization_level": level} for level in (1, 0))


class Programs:
    """Runs functions of arrays, each compiled once in a process.

    folder: where exported programs are kept, None for nowhere; found: where results are kept, None for nowhere;
    optimise: whether programs run often enough for optimised machine code; repeated: whether what `run_once` runs will
    run again all the same, as in a study over seeds.
    """

    def __init__(
        self,
        folder: Path | None = None,
        found: Path | None = None,
        *,
        optimise: bool = True,
        repeated: bool = True,
    ):
        self.folder = folder
        self.found = found
        self.names: list[str] = []
        self.repeated = repeated
        self._options = _OPTIMISED if optimise else _NOT_OPTIMISED
        self._compiled: dict[str, Callable[..., dict[str, Any]]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def run(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, np.ndarray]:
        """function(*arguments), jitted; a dictionary of arrays, as NumPy arrays.

        The arguments are trees of arrays (decoders, priors, points); everything else in them is part of the program.
        """
        return self._run(function, *arguments)[0]

    def run_once(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, np.ndarray]:
        """As `run`, for a large program that is not needed again: its machine code, 40 MB and more, is dropped."""
        found, key = self._run(function, *arguments)
        if not self.repeated:
            self._compiled.pop(key, None)
        return found

    def _run(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> tuple[dict[str, np.ndarray], str]:
        """What was found, and the key of the program."""
        dynamic, static = eqx.partition(arguments, eqx.is_array_like)
        leaves, tree = jax.tree.flatten(jax.tree.map(np.asarray, dynamic))

        def flat(*values: Any) -> dict[str, Any]:
            return function(*eqx.combine(jax.tree.unflatten(tree, values), static))

        self.names.append(f"{function.__module__}.{function.__qualname__}")
        shapes = ", ".join(f"{leaf.dtype}{leaf.shape}" for leaf in leaves)
        key = _ADDRESS.sub("", f"{self.names[-1]} {tree} {static} {shapes} {jax.__version__} {sources()}")
        kept = self.found / f"{_digest(key.encode(), *leaves)}.npz" if self.found is not None else None
        if kept is not None and (before := read_kept(kept, _arrays)) is not None:
            return before, key
        with self._locks.setdefault(key, threading.Lock()):  # one step: two threads get the same lock
            if key not in self._compiled:
                program = _exported(self.folder, key, flat, leaves) if self.folder is not None else flat
                self._compiled[key] = _machine_code(program, leaves, self._options)
            compiled = self._compiled[key]
        found = {name: np.asarray(value) for name, value in compiled(*leaves).items()}
        if kept is not None:
            buffer = io.BytesIO()
            np.savez(buffer, **cast(Any, found))
            keep(kept, buffer.getvalue())
        return found, key

    def forget(self) -> None:
        """Remove the results that were kept: the run is complete, the next one measures again."""
        if self.found is not None:
            shutil.rmtree(self.found, ignore_errors=True)


def _machine_code(program: Callable[..., dict[str, Any]], leaves: list[np.ndarray], options: dict[str, Any]) -> Any:
    """The compiled program, by XLA's quickest way, or, for a version of XLA that does not know it, by its usual one."""

    def made(options: dict[str, Any]) -> Any:
        return jax.jit(program, compiler_options=options).lower(*leaves).compile()

    try:
        return made(options | _QUICKLY_MADE)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return made(options)


def _digest(*parts: bytes | np.ndarray) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else part)
    return digest.hexdigest()[:32]


def _exported(
    folder: Path, key: str, flat: Callable[..., dict[str, Any]], leaves: list[np.ndarray]
) -> Callable[..., dict[str, Any]]:
    """The program under `key` in `folder`, traced and written there if it is not."""
    path = folder / f"{_digest(key.encode())}.stablehlo"
    if (kept := read_kept(path, lambda content: jax.export.deserialize(bytearray(content)))) is not None:
        if jax.__version_info__ < _FINDS_LAPACK:
            _find_lapack()
        return kept.call
    try:
        exported = jax.export.export(jax.jit(flat))(*leaves)
        content = bytes(exported.serialize())
    except NotImplementedError:  # a program that calls back into Python is traced again by the next run
        return flat
    keep(path, content)
    return exported.call


@cache
def _find_lapack() -> None:
    """Lower one factorisation: JAX looks for LAPACK only then, and a program that was read would crash."""
    jax.jit(jax.numpy.linalg.cholesky).lower(np.eye(1))


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def sources() -> str:
    """The hash of everything that a program can have been traced from."""
    return hash_of_sources(*_SOURCES)
