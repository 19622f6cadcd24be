"""Nothing is lost: damaged files of every format and killed commands, a few of each (run.py makes many)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import kills
import mutations

NAMES = ["npy", "npz", "noise.npy", "safetensors", "eqx", "toml", "json", "certificate", "sqlite", "kept"]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """Thirty damaged files of each format: each is read or refused in one line, within time and memory."""
    (one,) = [one for one in mutations.formats(tmp_path) if one.name == name]
    assert mutations.lost(one, tmp_path, 30) == []


def test_every_format_has_its_mutations(tmp_path: Path) -> None:
    """The list of names is that of the formats."""
    assert [one.name for one in mutations.formats(tmp_path)] == NAMES


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("name", ["verify", "sweep", "figures", "audit"])
def test_killed_commands_leave_nothing_behind(name: str, tmp_path: Path) -> None:
    """Three kills of each quick command: nothing half-written, no orphan, and the last run finds everything."""
    count = kills.kill(tmp_path, name, 3)
    assert (count.bad, count.names) == (0, set())
