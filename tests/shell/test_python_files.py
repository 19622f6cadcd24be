"""Python files that a user names."""

import os
from pathlib import Path

import pytest
from elbogap.shell.python_files import module_of


def value(path: Path) -> int:
    """`here` in the module that the file is."""
    module, loader = module_of(path, "mine")
    loader.exec_module(module)
    return module.here


def test_a_file_is_executed_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two texts of one length, written in one second, the second is executed, and nothing is written beside it."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    for number in (1, 2):
        path.write_text(f"here = {number}\n")
        os.utime(path, (1e9, 1e9))
        assert value(path) == number
    assert [one.name for one in tmp_path.iterdir()] == ["mine.py"]
