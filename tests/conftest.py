"""Strict numerics for every test: float64, no silent rank promotion, Hypothesis profiles."""

import os
import sys
from pathlib import Path

import jax
import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_packages
from hypothesis import HealthCheck, settings

# Read by XLA at its first use, here and in the processes that tests start: machine code that is made in half the time.
# An unknown flag would end the process, hence the versions that are known to have them.
if (0, 7) <= jax.__version_info__ < (0, 11):
    _flags = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")
    os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys((*os.environ.get("XLA_FLAGS", "").split(), *_flags)))

# Types where no shape is annotated, in place of the hook for shapes (pyproject.toml): a call costs a tenth.
_WITHOUT_SHAPES = ("enclosures", "lessons", "report", "results", "theory")
beartype_packages([f"elbogap.{name}" for name in _WITHOUT_SHAPES], conf=BeartypeConf(claw_is_pep526=False))
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# Most tests run each program once or twice: what is not optimised is there sooner.
jax.config.update("jax_disable_most_optimizations", True)

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_sessionstart() -> None:
    """Collect garbage rarely. Imported here: jaxtyping has to hook the import of the package before."""
    from elbogap.shell.cache import collect_rarely

    collect_rarely()


def pytest_collection_modifyitems(items: list) -> None:
    """Start the longest file first, so that two processes end together (with --no-loadscope-reorder).

    A quick test that waits for ever fails by name after twenty minutes; slow ones may take hours.
    """
    items.sort(key=lambda item: "test_verify" not in item.nodeid)
    for item in items:
        if "slow" not in item.keywords:
            item.add_marker(pytest.mark.timeout(1200, method="thread"))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this run, shared by its processes: what one has derived or compiled serves the others."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "cache"


@pytest.fixture(scope="session")
def command_line() -> list[str]:
    """`elbogap` as a process that hears Ctrl-C, also where tests run in the background of a shell that ignores it."""
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    return [sys.executable, "-c", listen + "from elbogap.cli import main; main()"]
