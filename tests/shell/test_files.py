"""Files are whole or not there, and what killed processes leave is removed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from elbogap.shell import files


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, the old file stays whole, nothing else is left, and the error names the file."""
    path = files.write_by_rename(tmp_path / "result.json", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "elsewhere")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_by_rename(path, "new")
    assert caught.value.filename == str(path) and path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_one_file_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """Every file that can be written is written before the error is raised."""
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="b"):
        files.write_all(tmp_path, {"a": "1", "b": "2", "c": "3"})
    assert (tmp_path / "a").read_text() == "1" and (tmp_path / "c").read_text() == "3"


def test_temporary_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """A file that a killed process was writing goes at the next write; that of a living one and other files stay."""
    code = "import os, sys; from elbogap.shell import files; os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
    code += "from pathlib import Path; files.write_by_rename(Path(sys.argv[1]) / 'x', 'half')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (dead,) = tmp_path.iterdir()
    living = tmp_path / dead.name.replace(dead.name.split("-")[1].split(".")[0], str(os.getpid()))
    others = [living, tmp_path / ".x.part", tmp_path / "x.12345678-1.a.part"]
    for path in others:
        path.write_text("")
    files.remove_left_over.cache_clear()
    files.write_by_rename(tmp_path / "y", "")
    assert not dead.exists() and all(path.exists() for path in others)


def test_the_hash_depends_on_names_and_contents_and_folders_that_exist() -> None:
    """Another folder is another hash; a folder without sources is an error, not the hash of nothing."""
    assert files.hash_of_sources("theory") != files.hash_of_sources("numerics")
    with pytest.raises(ValueError, match="expected a folder of the package with sources, got 'nowhere'"):
        files.hash_of_sources("nowhere")
