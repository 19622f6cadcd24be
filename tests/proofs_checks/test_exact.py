"""Exact evidence beside the measurements: what ball arithmetic found is kept, and only what is complete counts."""

import json
from pathlib import Path

import pytest
from elbogap.enclosures import rows
from elbogap.proofs_checks import exact
from elbogap.shell.kept import keep

CLAIM = "kinks"


def found(folder: Path | None) -> dict:
    """The enclosed evidence of the claim, from the folder where it holds some that counts."""
    return exact._all_enclosed([CLAIM], "quick", False, folder)[CLAIM]


def no_arithmetic(claim: str, effort: str) -> None:
    """In place of the enclosures: a finding that is not read from the folder is an error."""
    raise AssertionError(f"{claim} was enclosed again at {effort}")


def test_what_was_enclosed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run reads what the first one proved: the same intervals, controls and verdict, without arithmetic."""
    first = found(tmp_path)
    assert first == found(None) and first["verdict"] == "holds"
    monkeypatch.setattr(rows, "evidence_of", no_arithmetic)
    assert json.dumps(found(tmp_path)) == json.dumps(first)


def test_other_sources_are_another_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was proved from other sources is not read: the file's name holds their hash."""
    found(tmp_path)
    monkeypatch.setattr(exact, "hash_of_sources", lambda *folders: "other")
    monkeypatch.setattr(rows, "evidence_of", no_arithmetic)
    with pytest.raises(AssertionError, match="kinks was enclosed again"):
        found(tmp_path)


@pytest.mark.parametrize(
    "change", [{"verdict": "inconclusive"}, {"verdict": "proved"}, {"controls": []}, {"instances": []}], ids=str
)
def test_incomplete_findings_do_not_count(
    tmp_path: Path, change: dict, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept finding without controls, intervals or a verdict that decides is ignored with a line, and made anew."""
    first = found(tmp_path)
    (path,) = tmp_path.iterdir()
    keep(path, json.dumps({key: value for key, value in first.items() if key != "certificate"} | change))
    assert found(tmp_path) == first
    assert f"ignored {path}" in capsys.readouterr().err
    monkeypatch.setattr(rows, "evidence_of", no_arithmetic)
    assert json.dumps(found(tmp_path)) == json.dumps(first)
