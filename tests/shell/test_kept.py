"""Entries that are kept cost time where they are missing, damaged or cannot be written, never a result."""

import json
import os
import zlib
from pathlib import Path

import pytest
from elbogap.shell import machine_code
from elbogap.shell.kept import keep, read_kept
from elbogap.shell.terminal import notice_once
from hypothesis import given, settings
from hypothesis import strategies as st

CONTENT = json.dumps({"a": [1, 2, 3]})


@pytest.fixture(autouse=True)
def fresh_notices() -> None:
    """What was said once may be said again in the next test."""
    notice_once.cache_clear()


def test_what_is_kept_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """An entry is read back as it was written, a missing one is None, and neither is worth a word."""
    keep(tmp_path / "made" / "entry", CONTENT)
    assert read_kept(tmp_path / "made" / "entry", json.loads) == {"a": [1, 2, 3]}
    assert read_kept(tmp_path / "no", json.loads) is None
    assert capsys.readouterr().err == ""


@settings(max_examples=max(50, settings.default.max_examples))
@given(st.data())
def test_no_damaged_byte_is_believed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any byte changed, any end cut off, anything appended: the entry is ignored."""
    path = tmp_path_factory.mktemp("kept") / "entry"
    keep(path, CONTENT)
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = [whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :], whole[:place], whole + bytes([flip])]
    path.write_bytes(data.draw(st.sampled_from(changed)))
    assert read_kept(path, json.loads) is None


def refuse(content: bytes) -> None:
    """A reader that recurses for ever."""
    refuse(content)


@pytest.mark.parametrize("parse", [lambda content: content[10**9], refuse, lambda content: bytes(10**18)])
def test_a_reader_that_fails_is_one_line(parse, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Whatever error the content causes, it is one line that names the entry."""
    keep(tmp_path / "entry", CONTENT)
    assert read_kept(tmp_path / "entry", parse) is None
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A file in the folder's place keeps nothing and stops nothing; it is said once, not for every entry."""
    (tmp_path / "cache").write_text("")
    for name in "ab":
        keep(tmp_path / "cache" / name, CONTENT)
        assert read_kept(tmp_path / "cache" / name, json.loads) is None
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "nothing is kept" in lines[0] and "cannot be read" in lines[1]


def entry(folder: Path, name: str, content: bytes = b"machine code" * 50) -> Path:
    """An entry as JAX writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-cache"
    path.write_bytes(zlib.compress(content))
    return path


def test_damaged_machine_code_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A sealed entry with another byte and an unsealed one that was cut off are removed with one line; others stay."""
    whole, changed, cut = (entry(tmp_path, name) for name in ("whole", "changed", "cut"))
    machine_code.seal(tmp_path)
    # Another entry that decompresses: only the seal can tell.
    changed.write_bytes(zlib.compress(b"other code"))
    (tmp_path / "seals.json").write_text(
        json.dumps({k: v for k, v in json.loads((tmp_path / "seals.json").read_text()).items() if "cut" not in k})
    )
    cut.write_bytes(cut.read_bytes()[:-3])
    machine_code.seal(tmp_path)
    assert whole.exists() and not changed.exists() and not cut.exists()
    assert capsys.readouterr().err.count("\n") == 1
    assert list(json.loads((tmp_path / "seals.json").read_text())) == [whole.name]


@pytest.mark.parametrize("seals", ["", "{", "[]", "[" * 100_000])
def test_damaged_seals_cost_nothing(seals: str, tmp_path: Path) -> None:
    """Without seals that can be read every entry is judged by its content."""
    whole = entry(tmp_path, "whole")
    (tmp_path / "seals.json").write_text(seals)
    machine_code.seal(tmp_path)
    assert whole.exists() and whole.name in json.loads((tmp_path / "seals.json").read_text())


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """With a file in its place JAX gets no folder, and one line says so."""
    (tmp_path / "file").write_text("")
    assert machine_code.watch(tmp_path / "file" / "programs") is None
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "the cache is ignored" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_cache_that_can_only_be_read_is_used(tmp_path: Path) -> None:
    """Entries of a folder without the right to write are still read."""
    entry(tmp_path / "programs", "whole")
    machine_code.seal(tmp_path / "programs")
    (tmp_path / "programs").chmod(0o500)
    assert machine_code.watch(tmp_path / "programs") == str(tmp_path / "programs")
