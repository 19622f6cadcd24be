"""The cache folder: where it is, what is kept in it, and that nothing in it is needed."""

from pathlib import Path

import pytest
from elbogap.cli import run


def test_the_cache_is_shown_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch) -> None:
    """`cache` says where and how much, `cache --clear` empties it."""
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "program").write_bytes(b"x" * 2**20)
    assert run(["cache"]) == 0
    assert "1 files (1.0 MiB)" in capsys.readouterr().out
    assert run(["cache", "--clear"]) == 0
    assert not (tmp_path / "cache").exists()
