"""Where compiled programs and derivation verdicts lie between runs, and the command that shows and clears them.

The folder is `$ELBOGAP_CACHE_DIR`, else `$XDG_CACHE_HOME/elbogap`, else `~/.cache/elbogap`. Nothing in it is needed:
a cleared cache costs time, never a result. The command line switches JAX's persistent cache on; the library leaves the
settings of the program that imports it alone unless it is asked once, by `elbogap.keep_programs()` or by
`ELBOGAP_KEEP_PROGRAMS=1` in the environment.
"""

import gc
import os
import shutil
from functools import cache
from pathlib import Path

from ..errors import RequestError
from .terminal import notice


def cache_directory() -> Path:
    """The cache folder, which need not exist."""
    if explicit := os.environ.get("ELBOGAP_CACHE_DIR"):
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "elbogap"


def prepare_jax() -> None:
    """Switch on float64 and keep every compiled program (JAX's default drops those that compile within a second).

    Programs that call back into Python to raise an error cannot be kept, so a runtime error becomes nan here; the
    verifier counts a nan as inconclusive, never as evidence. Matrices are small: threads of the linear algebra under
    NumPy would wait for each other, at twice the time on a busy machine. To be called before equinox and NumPy are
    imported.
    """
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    collect_rarely()
    import jax

    from .files import remove_left_over

    folder = cache_directory()
    for kept in folders(folder):
        remove_left_over(kept)
    jax.config.update("jax_enable_x64", True)
    keep_programs()


@cache
def prepare_once() -> None:
    """`prepare_jax`, once in a process: what a unit of work begins with, in a worker or not."""
    prepare_jax()


def collect_rarely() -> None:
    """Look for cyclic garbage seventy times less often, in a process of our own.

    Tracing and algebra make objects that live: a fifth of their time went into looking at them again.
    """
    gc.set_threshold(50_000, 10, 10)


def keep_programs() -> Path:
    """Keep the programs that JAX compiles in this process for the next one; return the folder.

    Sets JAX's persistent cache for the whole process: every program, elbogap's or not, however fast it compiles, in the
    folder that the command line uses (`elbogap cache` shows and clears it). Results are the same bits: what is kept is
    machine code, under a key of the program, JAX's version and the processor. `import elbogap` calls it where
    `ELBOGAP_KEEP_PROGRAMS` is set to anything but 0.

        >>> folder = keep_programs()  # doctest: +SKIP
    """
    import jax

    from .machine_code import watch

    folder = cache_directory() / "programs"
    jax.config.update("jax_compilation_cache_dir", watch(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def folders(folder: Path) -> list[Path]:
    """The folders of the cache, none where it cannot be read."""
    try:
        return [path for path in (folder, *folder.rglob("*")) if path.is_dir()]
    except OSError:
        return []


def cache_command(*, clear: bool = False) -> int:
    """Show where compiled programs and verdicts are kept and how much they take.

    Parameters
    ----------
    clear
        Delete them. The next run compiles and derives again.
    """
    folder = cache_directory()
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"cache: expected a folder, got the file {str(folder)!r}")
    files = [path for place in folders(folder) for path in place.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    if not clear:
        print(f"{len(files)} files ({size:.1f} MiB) in {folder}")
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    left = sum(path.is_file() for place in folders(folder) for path in place.iterdir())
    print(f"cleared {len(files) - left} files ({size:.1f} MiB) in {folder}")
    if left:
        notice(f"{left} files could not be removed")
    return 1 if left else 0
